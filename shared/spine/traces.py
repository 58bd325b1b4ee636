"""The trace that a complaint was last seen in, for what goes on without an event: timers, letters.

Nothing is read or written while tracing is off.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql, tracing

from . import tables as t


async def parents(tx: AsyncConnection, complaints: Sequence[UUID]) -> dict[UUID, str]:
    """The traceparent to go on from, of those complaints that have one."""
    if not complaints or not tracing.on():
        return {}
    rows = await tx.execute(select(t.trace).where(sql.any_of(t.trace.c.complaint_id, complaints)))
    return {row.complaint_id: row.traceparent for row in rows}


async def keep(tx: AsyncConnection, seen: Mapping[UUID, str]) -> None:
    """Remember where to go on from. The complaints are locked by the caller."""
    await sql.upsert(
        tx, t.trace, [{"complaint_id": i, "traceparent": seen[i]} for i in sorted(seen, key=lambda i: i.int)]
    )
