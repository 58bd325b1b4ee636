"""Handlers: who they are, whether they are there, and how much they have."""

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..model import Handler, Presence, Shift

_busy = (
    select(t.case.c.handler_id, func.count().label("load"))
    .where(t.case.c.busy)
    .group_by(t.case.c.handler_id)
    .subquery("busy")
)
HANDLERS = (
    select(t.handler, func.coalesce(_busy.c.load, 0).label("load"))
    .join_from(t.handler, _busy, _busy.c.handler_id == t.handler.c.id, isouter=True)
    .order_by(t.handler.c.id)
)
_PRESENCE = text(
    "UPDATE handler SET presence = :presence, presence_since = now(), expired_in_row = 0 WHERE id = :id RETURNING id"
)


def handler_of(row: Any) -> Handler:
    """A handler's row, with `load`, as the model."""
    return Handler(
        id=row.id,
        name=row.name,
        role_title=row.role_title,
        contact=row.contact,
        tiers=frozenset(row.tiers),
        skills=row.skills,
        languages=frozenset(row.languages),
        capacity=row.capacity,
        authority=row.authority,
        permissions=frozenset(row.permissions),
        calendar=row.calendar,
        zone=row.zone,
        shifts=tuple(Shift(tuple(s["days"]), s["start"], s["end"]) for s in row.shifts),
        presence=row.presence,
        presence_since=row.presence_since,
        idle_since=row.given_at,
        load=row.load,
    )


async def put(tx: AsyncConnection, handler: Handler) -> None:
    """Write a handler's entry; presence and what he was last given stay as they are."""
    row = {
        "id": handler.id,
        "name": handler.name,
        "role_title": handler.role_title,
        "contact": handler.contact,
        "tiers": sorted(handler.tiers),
        "skills": handler.skills,
        "languages": sorted(handler.languages),
        "capacity": handler.capacity,
        "authority": handler.authority,
        "permissions": sorted(handler.permissions),
        "calendar": handler.calendar,
        "zone": handler.zone,
        "shifts": [{"days": s.days, "start": s.start, "end": s.end} for s in handler.shifts],
    }
    fresh = {**row, "presence": handler.presence, "presence_since": None, "given_at": None, "expired_in_row": 0}
    if not await sql.insert(tx, t.handler, [fresh], ignore="id", returning="id"):
        await tx.execute(t.handler.update().where(t.handler.c.id == handler.id).values(**row))


async def set_presence(tx: AsyncConnection, handler_id: str, presence: Presence) -> bool:
    """Say whether a handler is there. False when there is no such handler."""
    found = await tx.execute(_PRESENCE, {"id": handler_id, "presence": presence})
    return found.first() is not None


async def get(tx: AsyncConnection, handler_id: str) -> Handler | None:
    """One handler with his present load."""
    row = (await tx.execute(HANDLERS.where(t.handler.c.id == handler_id))).one_or_none()
    return handler_of(row) if row else None


async def everybody(tx: AsyncConnection) -> list[Handler]:
    """The whole staff, by id."""
    return [handler_of(row) for row in await tx.execute(HANDLERS)]
