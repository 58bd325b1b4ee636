"""The notifier, asked on a person's behalf: previews, letters, promises, proposals. The desk works without it."""

from typing import Any
from uuid import UUID

import httpx

from .peer import Peer

PDF_TIMEOUT = 10.0  # a letter with Chinese characters is half a second of work, more on a busy machine


class Notifier(Peer):
    """The notifier's API with the caller's own token."""

    async def letters(self, token: str, complaint_id: UUID) -> list[dict[str, Any]]:
        """The letters of a complaint in the order in which they came to be owed."""
        found: list[dict[str, Any]] = await self.json_of(token, "GET", f"/v1/complaints/{complaint_id}/letters")
        return found

    async def promises(self, token: str, complaint_id: UUID) -> list[dict[str, Any]]:
        """The promises of a complaint, the most urgent first."""
        found: list[dict[str, Any]] = await self.json_of(token, "GET", f"/v1/complaints/{complaint_id}/promises")
        return found

    async def preview(self, token: str, complaint_id: UUID, wanted: dict[str, Any]) -> dict[str, Any]:
        """The letter as this customer would get it, with what the rules find."""
        found: dict[str, Any] = await self.json_of(
            token, "POST", f"/v1/complaints/{complaint_id}/letters/preview", json=wanted
        )
        return found

    async def lint(self, token: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """What the rules find in a letter, and whether it might go out."""
        found: dict[str, Any] = await self.json_of(token, "POST", "/v1/letters/lint", json=wanted)
        return found

    async def proposals(self, token: str, situation: dict[str, Any]) -> list[dict[str, Any]]:
        """Remedies that the house's rules propose."""
        found: dict[str, Any] = await self.json_of(token, "POST", "/v1/remedies/propose", json=situation)
        return list(found["proposals"])

    async def act(self, token: str, letter_id: UUID, what: str, body: dict[str, Any] | None) -> None:
        """Approve, reject or resend a letter as this person. Raises Unavailable with the notifier's reason."""
        await self.json_of(token, "POST", f"/v1/letters/{letter_id}/{what}", json=body)

    async def pdf(self, token: str, letter_id: UUID) -> httpx.Response:
        """A letter on paper."""
        return await self.ask(token, "GET", f"/v1/letters/{letter_id}.pdf", timeout=PDF_TIMEOUT)
