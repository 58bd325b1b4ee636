"""Tries and requests, counted for all replicas in one place."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

_MANY = 1_000_000_000  # enough to count
_TRY = sql.Statement(
    "INSERT INTO attempt AS a (who, since, tries) "
    "SELECT who, now(), n FROM unnest(CAST(:whos AS bytea[]), CAST(:more AS integer[])) AS u(who, n) ORDER BY who "
    "ON CONFLICT (who) DO UPDATE SET "
    "since = CASE WHEN a.since <= now() - CAST(:within AS interval) THEN now() ELSE a.since END, "
    "tries = CASE WHEN a.since <= now() - CAST(:within AS interval) THEN EXCLUDED.tries "
    f"ELSE least(a.tries + EXCLUDED.tries, {_MANY}) END "
    "RETURNING who, tries, CAST(extract(epoch FROM since + CAST(:within AS interval) - now()) AS float) AS seconds_left"
)


class Counted(NamedTuple):
    """How many tries since the first one, which is at most `within` ago, and when counting begins anew."""

    tries: int
    seconds_left: float


async def count(tx: AsyncConnection, more: Mapping[bytes, int], within: timedelta) -> dict[bytes, Counted]:
    """Count so many tries more of each name."""
    rows = await _TRY.rows(tx, {"whos": list(more), "more": list(more.values()), "within": within})
    return {bytes(row.who): Counted(row.tries, row.seconds_left) for row in rows}
