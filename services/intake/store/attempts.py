"""Guesses at the contact behind a reference, counted for all replicas in one place."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

_MANY = 1_000_000  # enough to count
_TRY = sql.Statement(
    "INSERT INTO attempt AS a (who, since, tries) "
    "SELECT who, now(), 1 FROM unnest(CAST(:whos AS bytea[])) AS u(who) ORDER BY who "
    "ON CONFLICT (who) DO UPDATE SET "
    "since = CASE WHEN a.since < now() - CAST(:within AS interval) THEN now() ELSE a.since END, "
    "tries = CASE WHEN a.since < now() - CAST(:within AS interval) THEN 1 "
    f"ELSE least(a.tries + 1, {_MANY}) END RETURNING who, tries"
)


async def count(tx: AsyncConnection, whos: Collection[bytes], within: timedelta) -> dict[bytes, int]:
    """Count one try of each; how many each has made since its first one, which is at most `within` ago."""
    rows = await _TRY.rows(tx, {"whos": list(whos), "within": within})
    return {bytes(row.who): row.tries for row in rows}
