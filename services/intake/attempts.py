"""How often somebody may guess the contact behind a reference: the same for all replicas, counted in the database.

Names are kept as keyed hashes: the table says nothing of who asked for what.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from shared.base.db import Database

from .store import attempts as store

WITHIN = timedelta(minutes=10)
A_REFERENCE = 10
AN_ADDRESS = 200  # one address may be a whole company, or our own proxy


@dataclass(frozen=True, slots=True)
class Attempts:
    """`allow` counts a guess, right or wrong, before anything is compared. `key` is the installation's."""

    db: Database
    key: str

    async def allow(self, reference: str, address: str) -> bool:
        """Whether this reference, and who asks from this address, may be tried once more."""
        limits = {self._who("reference", reference): A_REFERENCE, self._who("address", address): AN_ADDRESS}
        async with self.db.transaction() as tx:
            tries = await store.count(tx, limits, WITHIN)
        return all(tries[who] <= limit for who, limit in limits.items())

    def _who(self, *what: str) -> bytes:
        key = hashlib.sha256(b"amends attempts\x00" + self.key.encode()).digest()
        return hashlib.blake2b("\x00".join(what).encode("utf-8", "replace"), key=key, digest_size=16).digest()
