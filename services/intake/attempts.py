"""How often somebody may guess the contact behind a reference, or send forms: counted for all replicas in the database.

Names are kept as keyed hashes: the table says nothing of who asked for what.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.base.db import Database

from .store import attempts as store

WITHIN = timedelta(minutes=10)
A_REFERENCE = 10
AN_ADDRESS = 200  # one address may be a whole company, or our own proxy
A_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Counts before anything else is done. `key` is the installation's; `forms` are an address's forms in a minute."""

    db: Database
    key: str
    forms: int

    async def guess(self, reference: str, address: str) -> bool:
        """Whether this reference, and who asks from this address, may be tried once more."""
        limits = {self._who("reference", reference): A_REFERENCE, self._who("address", address): AN_ADDRESS}
        return await self._within(limits, WITHIN)

    async def form(self, address: str) -> bool:
        """Whether one form more may come from this address now."""
        return await self._within({self._who("form", address): self.forms}, A_MINUTE)

    async def _within(self, limits: Mapping[bytes, int], within: timedelta) -> bool:
        async with self.db.transaction() as tx:
            counted = await store.count(tx, dict.fromkeys(limits, 1), within)
        return all(counted[who].tries <= limit for who, limit in limits.items())

    def _who(self, *what: str) -> bytes:
        key = hashlib.sha256(b"amends attempts\x00" + self.key.encode()).digest()
        return hashlib.blake2b("\x00".join(what).encode("utf-8", "replace"), key=key, digest_size=16).digest()
