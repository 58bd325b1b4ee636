"""Intake, asked on a person's behalf for what customers sent."""

from uuid import UUID

import httpx

from .peer import Peer

FILE_TIMEOUT = 10.0


class Intake(Peer):
    """Intake's API with the caller's own token."""

    async def file(self, token: str, complaint_id: UUID, attachment_id: UUID) -> httpx.Response:
        """One file that the customer sent. Raises Unavailable."""
        path = f"/v1/complaints/{complaint_id}/attachments/{attachment_id}"
        return await self.ask(token, "GET", path, timeout=FILE_TIMEOUT)
