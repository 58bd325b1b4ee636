"""The table of totals: grown by the transactions that make things true, read by the collector."""

import json
from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.sql import Statement, to_json

Key = tuple[str, tuple[str, ...]]
"""Name of the metric, label values in order."""

# A shard per connection: transactions that commit at the same time hardly ever wait for one another's row.
_GIVEN = "json_to_recordset(CAST(CAST(:totals AS text) AS json)) AS u(metric text, labels text, n float8)"
ADD = (
    "INSERT INTO total AS t (metric, labels, shard, n) SELECT metric, labels, pg_backend_pid() % 16, n "
    f"FROM {_GIVEN} ORDER BY metric, labels "
    "ON CONFLICT (metric, labels, shard) DO UPDATE SET n = t.n + EXCLUDED.n"
)
_ADD = Statement(ADD)
_PUT = Statement(
    f"INSERT INTO total (metric, labels, shard, n) SELECT metric, labels, 0, n FROM {_GIVEN} ORDER BY metric, labels "
    "ON CONFLICT (metric, labels, shard) DO UPDATE SET n = EXCLUDED.n"
)
_READ = text(
    "SELECT metric, labels, sum(n) AS n FROM total WHERE CAST(:metric AS text) IS NULL OR metric = :metric "
    "GROUP BY metric, labels"
)


async def add(tx: AsyncConnection, counts: Mapping[Key, float]) -> None:
    """Add to totals: one statement, the last of its transaction so that its rows are locked shortly."""
    if counts:
        await _ADD.rows(tx, arguments(counts))


async def put(tx: AsyncConnection, values: Mapping[Key, float]) -> None:
    """Set what is found out anew each time, instead of adding to it."""
    await _PUT.rows(tx, arguments(values))


def arguments(numbers: Mapping[Key, float]) -> dict[str, str]:
    """What `ADD` takes."""
    return {"totals": to_json([{"metric": m, "labels": to_json(labels), "n": n} for (m, labels), n in numbers.items()])}


async def read(tx: AsyncConnection, metric: str | None = None) -> dict[Key, float]:
    """All totals, or those of one metric."""
    rows = await tx.execute(_READ, {"metric": metric})
    return {(row.metric, tuple(json.loads(row.labels))): row.n for row in rows}
