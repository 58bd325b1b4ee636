"""Calls of the hotline, merged by their id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from shared.base import sql

_DUE = text("SELECT call_key FROM call WHERE settle_at <= now() ORDER BY settle_at LIMIT :limit")


@dataclass(slots=True)
class Call:
    """One call as it is kept. `said` is the words that the other services have been told."""

    call_key: UUID
    source: str
    call_id: str
    reference: str
    document: dict[str, Any]
    outcome: str
    complaint_id: UUID | None
    said: str
    settle_at: datetime | None
    seen_at: datetime
    waited_seconds: int | None = None


async def get(tx: AsyncConnection, call_key: UUID) -> Call | None:
    """The call, if it has been heard of. Its lock is the stream row of the same id."""
    columns = (c for c in t.call.c if c.name not in ("class", "delete_after", "legal_hold"))
    row = (await tx.execute(select(*columns).where(t.call.c.call_key == call_key))).one_or_none()
    return Call(**row._mapping) if row else None


async def put(tx: AsyncConnection, call: Call, until: datetime) -> None:
    """Write the call."""
    row = {c.name: getattr(call, c.name) for c in t.call.c if hasattr(call, c.name)}
    await sql.upsert(tx, t.call, [{**row, "class": "call", "delete_after": until}])


async def due(tx: AsyncConnection, limit: int) -> Sequence[UUID]:
    """Calls whose words have not come in time."""
    return (await tx.execute(_DUE, {"limit": limit})).scalars().all()
