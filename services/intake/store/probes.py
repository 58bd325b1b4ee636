"""Probes: what we sent ourselves to see whether it is handled."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# A mystery customer is ordinary to everybody until the complaint has ended.
_REVEALED = text(
    "SELECT c.complaint_id, c.reference, c.probe, c.source, c.channel, c.received_at, "
    "coalesce(t.document ->> 'stage', 'received') AS status, t.handler_id FROM complaint c "
    "LEFT JOIN tracking t USING (complaint_id) WHERE c.probe = 'pipeline' OR (c.probe = 'mystery' AND NOT t.open) "
    "ORDER BY c.received_at DESC LIMIT :n"
)


async def revealed(tx: AsyncConnection, n: int) -> list[dict[str, Any]]:
    """The probes that may be known, the newest first."""
    return [dict(row._mapping) for row in await tx.execute(_REVEALED, {"n": n})]
