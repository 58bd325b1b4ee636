"""Signed links and PINs: how a customer shows that a complaint is theirs without an account. Pure.

Both are derived from the installation's key and stored nowhere. A link carries its expiry and is bound to one
reference and to the edition of its links: who revokes them raises the edition, and every earlier link is dead. A PIN is
what somebody without e-mail and phone is given.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

_BASE = "0123456789abcdefghijklmnopqrstuvwxyz"


class Links:
    """Makes and checks links to `{public_url}/track/{reference}`; a link is good for `days`."""

    def __init__(self, key: str, public_url: str, days: int) -> None:
        self._key = hashlib.sha256(b"amends tracking links\x00" + key.encode()).digest()
        self._base, self._life = public_url.rstrip("/"), timedelta(days=days)

    def url(self, reference: str, issued: datetime, edition: int = 0) -> str:
        """The link; the same for the same complaint, so that a replayed answer is the same answer."""
        return f"{self._base}/track/{reference}?t={self.token(reference, issued, edition)}"

    def token(self, reference: str, issued: datetime, edition: int = 0) -> str:
        """What opens the complaint, as it stands in a link."""
        until = int((issued + self._life).timestamp())
        return f"{_short(until)}.{self._signature(reference, until, edition)}"

    def valid(self, reference: str, token: str, now: datetime, edition: int = 0) -> bool:
        """Whether the token of a link opens this complaint now."""
        expiry, _, signature = token.partition(".")
        if not 1 <= len(expiry) <= 9 or any(char not in _BASE for char in expiry):
            return False
        until = int(expiry, 36)
        good = hmac.compare_digest(self._signature(reference, until, edition).encode(), signature.encode())
        return good and now.astimezone(UTC).timestamp() < until

    def pin(self, complaint_id: UUID) -> str:
        """The six digits that stand for a contact when a complaint has none."""
        return f"{int.from_bytes(self._mac(b'pin' + complaint_id.bytes)[:8], 'big') % 1_000_000:06d}"

    def _signature(self, reference: str, until: int, edition: int) -> str:
        later = f" {edition}" if edition else ""
        return self._mac(f"link {reference} {until}{later}".encode())[:15].hex()

    def _mac(self, message: bytes) -> bytes:
        return hashlib.blake2b(message, key=self._key, digest_size=20).digest()


def _short(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _BASE[rest] + digits
    return digits or "0"
