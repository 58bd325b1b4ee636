"""Signed links and PINs: how a customer shows that a complaint is theirs without an account. Pure.

Both are derived from the installation's key and stored nowhere. A link carries its expiry and is bound to one
reference and to the edition of its links: who revokes them raises the edition, and every earlier link is dead. A PIN is
what somebody without e-mail and phone is given.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

_BASE = "0123456789abcdefghijklmnopqrstuvwxyz"


class Links:
    """Makes and checks links to `{public_url}/track/{reference}`; a link is good for `days`.

    What a key of `before` has made is still good.
    """

    def __init__(self, key: str, public_url: str, days: int, before: Sequence[str] = ()) -> None:
        self._keys = [hashlib.sha256(b"amends tracking links\x00" + each.encode()).digest() for each in (key, *before)]
        self._base, self._life = public_url.rstrip("/"), timedelta(days=days)

    def url(self, reference: str, issued: datetime, edition: int = 0) -> str:
        """The link; the same for the same complaint, so that a replayed answer is the same answer."""
        return f"{self._base}/track/{reference}?t={self.token(reference, issued, edition)}"

    def token(self, reference: str, issued: datetime, edition: int = 0) -> str:
        """What opens the complaint, as it stands in a link."""
        until = int((issued + self._life).timestamp())
        return f"{_short(until)}.{self._signature(reference, until, edition, self._keys[0])}"

    def valid(self, reference: str, token: str, now: datetime, edition: int = 0) -> bool:
        """Whether the token of a link opens this complaint now."""
        expiry, _, signature = token.partition(".")
        if not 1 <= len(expiry) <= 9 or any(char not in _BASE for char in expiry):
            return False
        until = int(expiry, 36)
        made = [self._signature(reference, until, edition, key) for key in self._keys]
        good = any(hmac.compare_digest(one.encode(), signature.encode()) for one in made)
        return good and now.astimezone(UTC).timestamp() < until

    def pin(self, complaint_id: UUID) -> str:
        """The six digits that stand for a contact when a complaint has none."""
        return self._pin(complaint_id, self._keys[0])

    def is_pin(self, complaint_id: UUID, given: str) -> bool:
        """Whether these are its digits."""
        made = [self._pin(complaint_id, key) for key in self._keys]
        return any(hmac.compare_digest(one.encode(), given.encode()) for one in made)

    def _pin(self, complaint_id: UUID, key: bytes) -> str:
        return f"{int.from_bytes(_mac(b'pin' + complaint_id.bytes, key)[:8], 'big') % 1_000_000:06d}"

    def _signature(self, reference: str, until: int, edition: int, key: bytes) -> str:
        later = f" {edition}" if edition else ""
        return _mac(f"link {reference} {until}{later}".encode(), key)[:15].hex()


def _mac(message: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(message, key=key, digest_size=20).digest()


@lru_cache(maxsize=256)  # links of the same second end in the same second
def _short(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _BASE[rest] + digits
    return digits or "0"
