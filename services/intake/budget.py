"""At most so many requests in a minute, per channel: one budget for all replicas, without a statement for each request.

A replica draws permits from the database in blocks of a hundredth of the limit and spends them by itself, so all
replicas together never let more through than the limit. What one has drawn and not spent is lost to the others until
the minute is over: at most a hundredth of the limit each.
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from shared.base.db import Database

from .store import attempts as store

WITHIN = timedelta(minutes=1)
BLOCKS = 100
_LARGEST_BLOCK = 1_000_000


@dataclass(slots=True)
class _Held:
    """Permits that this replica may spend until then, by the process's clock. `last`: the database has no more."""

    permits: int
    until: float
    last: bool


class Budgets:
    """`spend` takes one permit of a channel."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._held: dict[str, _Held] = {}
        self._drawing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def spend(self, name: str, limit: int) -> float:
        """0 when this request is within the channel's limit, otherwise the seconds until the next may come."""
        if (wait := self._take(name)) is not None:
            return wait
        async with self._drawing[name]:  # who waited for somebody else's draw spends from it
            while (wait := self._take(name)) is None:
                self._held[name] = await self._draw(name, limit)
            return wait

    def _take(self, name: str) -> float | None:
        """0 for a permit, the seconds to wait when there are no more; None when some must be drawn first."""
        held = self._held.get(name)
        if held is None or (left := held.until - time.monotonic()) <= 0:
            return None
        if held.permits > 0:
            held.permits -= 1
            return 0.0
        return left if held.last else None

    async def _draw(self, name: str, limit: int) -> _Held:
        block = min(max(1, limit // BLOCKS), _LARGEST_BLOCK)
        asked_at = time.monotonic()  # before the database's clock is read, so that no permit outlives its minute
        async with self._db.single() as tx:
            drawn = (await store.count(tx, {b"channel:" + name.encode(): block}, WITHIN)).popitem()[1]
        permits = max(0, min(block, limit - (drawn.tries - block)))
        return _Held(permits, asked_at + drawn.seconds_left, last=permits < block or drawn.tries >= limit)
