"""The notifier, asked on a person's behalf: previews, letters, promises, proposals. The desk works without it."""

from typing import Any
from uuid import UUID

import httpx
import structlog

log = structlog.get_logger()
TIMEOUT = 1.0
PDF_TIMEOUT = 10.0  # a letter with Chinese characters is half a second of work, more on a busy machine


class Unavailable(Exception):
    """The notifier did not answer, or refused. `status` and `problem` are its answer, when there was one."""

    def __init__(self, status: int | None = None, problem: dict[str, Any] | None = None) -> None:
        super().__init__(f"status {status}" if status else "no answer")
        self.status, self.problem = status, problem or {}


class Notifier:
    """The notifier's API with the caller's own token, so that it decides what this person may see."""

    def __init__(self, url: str | None) -> None:
        """Without an address every question is unavailable."""
        self._url = url.rstrip("/") if url else None
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def letters(self, token: str, complaint_id: UUID) -> list[dict[str, Any]]:
        """The letters of a complaint in the order in which they came to be owed."""
        found: list[dict[str, Any]] = await self._json(token, "GET", f"/v1/complaints/{complaint_id}/letters")
        return found

    async def promises(self, token: str, complaint_id: UUID) -> list[dict[str, Any]]:
        """The promises of a complaint, the most urgent first."""
        found: list[dict[str, Any]] = await self._json(token, "GET", f"/v1/complaints/{complaint_id}/promises")
        return found

    async def preview(self, token: str, complaint_id: UUID, wanted: dict[str, Any]) -> dict[str, Any]:
        """The letter as this customer would get it, with what the rules find."""
        found: dict[str, Any] = await self._json(
            token, "POST", f"/v1/complaints/{complaint_id}/letters/preview", json=wanted
        )
        return found

    async def proposals(self, token: str, situation: dict[str, Any]) -> list[dict[str, Any]]:
        """Remedies that the house's rules propose."""
        found: dict[str, Any] = await self._json(token, "POST", "/v1/remedies/propose", json=situation)
        return list(found["proposals"])

    async def act(self, token: str, letter_id: UUID, what: str, body: dict[str, Any] | None) -> None:
        """Approve, reject or resend a letter as this person. Raises Unavailable with the notifier's reason."""
        await self._json(token, "POST", f"/v1/letters/{letter_id}/{what}", json=body)

    async def pdf(self, token: str, letter_id: UUID) -> httpx.Response:
        """A letter on paper."""
        return await self._ask(token, "GET", f"/v1/letters/{letter_id}.pdf", timeout=PDF_TIMEOUT)

    async def _json(self, token: str, method: str, path: str, *, json: Any = None) -> Any:
        answer = await self._ask(token, method, path, json=json)
        try:
            return answer.json()
        except ValueError:
            raise Unavailable from None

    async def _ask(
        self, token: str, method: str, path: str, *, json: Any = None, timeout: float = TIMEOUT
    ) -> httpx.Response:
        if self._url is None:
            raise Unavailable
        headers = {"Authorization": f"Bearer {token}"}
        self._client = self._client or httpx.AsyncClient(base_url=self._url, trust_env=False)
        try:
            answer = await self._client.request(method, path, headers=headers, json=json, timeout=timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the notifier did not answer", error=type(error).__name__)
            raise Unavailable from None
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Unavailable(answer.status_code, problem if isinstance(problem, dict) else {})
