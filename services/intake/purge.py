"""The purge: runs by itself a few times a day, and by command; it says what went, by sort, and nothing else."""

from collections import Counter

import structlog

from shared.base.db import Database, is_transient
from shared.base.loops import LoopControl

from .store import purge as store

log = structlog.get_logger()
BATCH = 500
EVERY_SECONDS = 6 * 3600.0


class DryRun(Exception):
    """Rolls a purge back that was only to be counted."""


async def purge(database: Database, control: LoopControl | None = None) -> dict[str, int]:
    """Erase everything that is due, in small transactions. What went, by sort."""
    gone: Counter[str] = Counter(dict.fromkeys(store.NAMES, 0))
    while control is None or not control.stopping:
        async with database.transaction() as tx:
            batch = await store.sweep(tx, BATCH)
        gone.update(batch)
        if control:
            control.beat()
        if not any(batch.values()):
            break
    return dict(gone)


async def counted(database: Database) -> dict[str, int]:
    """What one purge of all that is due would erase, without erasing it."""
    gone: dict[str, int] = {}
    try:
        async with database.transaction() as tx:
            gone = await store.sweep(tx, 1_000_000)
            raise DryRun
    except DryRun:
        return gone


async def run(database: Database, control: LoopControl) -> None:
    """The loop."""
    while not control.stopping:
        try:
            gone = await purge(database, control)
            if any(gone.values()):
                log.info("purged", **{name.replace(" ", "_"): n for name, n in gone.items() if n})
        except Exception as error:
            if not is_transient(error):
                raise
        for _ in range(int(EVERY_SECONDS / 30)):
            if control.stopping:
                return
            await control.sleep(30)
