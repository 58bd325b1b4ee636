"""Who calls with a channel key: its SHA-256 is looked up among the valid keys, which are read every few seconds."""

import asyncio
import secrets
import time
from math import ceil

from shared.base.db import Database
from shared.base.errors import Problem
from shared.base.security import Caller, key_hash

from .budget import Budgets
from .store import keys as store

PREFIX = "amk_"
SCOPES = ("complaints", "emails", "calls", "customers", "tier", "probe")
FRESH_SECONDS = 5.0
AGAIN_SECONDS = 0.5


def new_key() -> str:
    """A key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


class ChannelKeys:
    """Knows the valid keys. A revoked key ends within five seconds; a new one works at once.

    `per_minute` is how many requests a channel may make in a minute, over all replicas, unless its key says otherwise.
    """

    def __init__(self, db: Database, *, per_minute: int) -> None:
        self._db = db
        self._callers: dict[bytes, Caller] = {}
        self._limits: dict[str, int] = {}
        self._per_minute, self._budgets = per_minute, Budgets(db)
        self._read_at = -FRESH_SECONDS
        self._lock = asyncio.Lock()

    async def lookup(self, token: str) -> Caller | None:
        """The channel of this key, or None. Raises Problem 429 when it calls too often."""
        hashed = key_hash(token)
        age = time.monotonic() - self._read_at
        found = self._callers.get(hashed)
        if (found is None and age > AGAIN_SECONDS) or age > FRESH_SECONDS:
            await self._read()
            found = self._callers.get(hashed)
        if found is None:
            return None
        wait = await self._budgets.spend(found.name, self._limits.get(found.name, self._per_minute))
        if wait:
            after = {"Retry-After": str(ceil(wait))}
            raise Problem(429, "Too many requests", "This key's limit is reached.", headers=after)
        return found

    async def _read(self) -> None:
        before = self._read_at
        async with self._lock:
            if self._read_at != before:
                return  # somebody else has just read them
            async with self._db.read() as tx:
                rows = await store.valid(tx)
            self._callers = {key.key_hash: Caller(key.name, "channel", frozenset(key.scopes)) for key in rows}
            self._limits = {key.name: key.per_minute for key in rows if key.per_minute is not None}
            self._read_at = time.monotonic()
