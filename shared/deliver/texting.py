"""Messages to a gateway (text message, chat, letter shop): one signed POST each, and what became of it.

    POST <gateway>   Amends-Event: text.message   Amends-Delivery: <letter id>   Amends-Signature: t=…,v1=…
    {"id", "to", "text", "language", "reference"}      chat.message: and "letter"; letter.print: and "pdf" (base64)

The gateway answers 2xx when it has taken the message; it drops a second message with the same `id`.
"""

from datetime import UTC, datetime
from uuid import UUID

from shared.base import sql

from . import signing
from .http import Forbidden, NotReached, Poster
from .ledger import Outcome

# What cannot have reached the gateway; after anything else nobody knows.
_NOTHING_SAID = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "gaierror", "OSError"})
_LATER = frozenset({408, 425, 429})


class Gateway:
    """Where messages of one kind (`event`) are handed over."""

    def __init__(self, poster: Poster, url: str, secret: bytes, event: str = "text.message") -> None:
        self._poster, self._url, self._secret, self._event = poster, url, secret, event

    async def deliver(self, id_: UUID, to: str, text: str, *, language: str, reference: str, **more: str) -> Outcome:
        """Hand over one message with what else belongs to it.

        4xx is for good; 408, 425, 429 and 5xx are for now; a lost answer is `unknown`.
        """
        message = {"id": str(id_), "to": to, "text": text, "language": language, "reference": reference, **more}
        body = sql.to_json(message).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Amends",
            "Amends-Event": self._event,
            "Amends-Delivery": str(id_),
            signing.HEADER: signing.sign(self._secret, body, datetime.now(UTC)),
        }
        try:
            answer = await self._poster.post(self._url, body, headers)
        except Forbidden as error:
            return Outcome("failed", detail=str(error))
        except NotReached as error:
            known = str(error) in _NOTHING_SAID
            return Outcome("retry", detail=f"not reached: {error}") if known else Outcome("unknown", detail=str(error))
        if answer.taken:
            return Outcome("sent", answer.status)
        later = answer.status in _LATER or answer.status >= 500
        return Outcome("retry" if later else "failed", answer.status)

    async def close(self) -> None:
        """Close all connections."""
        await self._poster.close()
