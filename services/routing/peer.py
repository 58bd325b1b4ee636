"""Another service, asked on a person's behalf with that person's own token. The desk works without it."""

from typing import Any

import httpx
import structlog

log = structlog.get_logger()
TIMEOUT = 1.0


class Unavailable(Exception):
    """The service did not answer, or refused. `status` and `problem` are its answer, when there was one."""

    def __init__(self, status: int | None = None, problem: dict[str, Any] | None = None) -> None:
        super().__init__(f"status {status}" if status else "no answer")
        self.status, self.problem = status, problem or {}


class Peer:
    """One service's API with the caller's own token, so that it decides what this person may see."""

    def __init__(self, url: str | None) -> None:
        """Without an address every question is unavailable."""
        self._url = url.rstrip("/") if url else None
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def json_of(self, token: str, method: str, path: str, *, json: Any = None) -> Any:
        """What it answers. Raises Unavailable."""
        answer = await self.ask(token, method, path, json=json)
        try:
            return answer.json()
        except ValueError:
            raise Unavailable from None

    async def ask(
        self, token: str, method: str, path: str, *, json: Any = None, timeout: float = TIMEOUT
    ) -> httpx.Response:
        """Its answer, when it is a success. Raises Unavailable."""
        if self._url is None:
            raise Unavailable
        headers = {"Authorization": f"Bearer {token}"}
        self._client = self._client or httpx.AsyncClient(base_url=self._url, trust_env=False)
        try:
            answer = await self._client.request(method, path, headers=headers, json=json, timeout=timeout)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("a service did not answer", service=type(self).__name__.lower(), error=type(error).__name__)
            raise Unavailable from None
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        raise Unavailable(answer.status_code, problem if isinstance(problem, dict) else {})
