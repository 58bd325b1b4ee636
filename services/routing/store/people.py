"""Handlers: who they are, whether they are there, and how much they have."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..model import Handler, Presence, Shift

_busy = (
    select(t.case.c.handler_id, func.sum(t.case.c.weight).label("load"))
    .where(t.case.c.busy)
    .group_by(t.case.c.handler_id)
    .subquery("busy")
)
_open = (
    select(func.count())
    .where(t.offer.c.handler_id == t.handler.c.id, t.offer.c.state == "open")
    .correlate(t.handler)
    .scalar_subquery()
)
HANDLERS = (
    select(t.handler, func.coalesce(_busy.c.load, 0).label("load"), _open.label("open_offers"))
    .join_from(t.handler, _busy, _busy.c.handler_id == t.handler.c.id, isouter=True)
    .order_by(t.handler.c.id)
)
_NOW = sql.Statement(
    "SELECT h.id, h.revision, h.presence, h.presence_since, h.given_at, "
    "(SELECT COALESCE(sum(weight), 0) FROM case_file c WHERE c.busy AND c.handler_id = h.id) AS load, "
    "(SELECT count(*) FROM offer o WHERE o.state = 'open' AND o.handler_id = h.id) AS open_offers "
    "FROM handler h WHERE CAST(:ids AS text[]) IS NULL OR h.id = ANY(CAST(:ids AS text[])) ORDER BY h.id"
)
_PRESENCE = text(
    "UPDATE handler SET presence = :presence, presence_since = now(), expired_in_row = 0 WHERE id = :id RETURNING id"
)


def _shift(stored: Any) -> Shift:
    return Shift(tuple(stored["days"]), stored["start"], stored["end"], stored.get("from", ""), stored.get("until", ""))


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
        shifts=tuple(_shift(s) for s in row.shifts),
        presence=row.presence,
        presence_since=row.presence_since,
        idle_since=row.given_at,
        load=row.load,
        open_offers=row.open_offers,
    )


class Directory:
    """The staff list as rounds read it: entries are parsed once per revision, presence and load are always fresh.

    `edition` grows with each change of who there is and what they can do; presence and load are no part of it.
    """

    def __init__(self) -> None:
        self.edition = 0
        self._parsed: dict[str, tuple[int, Handler]] = {}
        self._read: dict[str, tuple[Any, Handler]] = {}  # the row, and the handler made of it
        self._everybody: list[str] = []

    async def read(self, tx: AsyncConnection, ids: Sequence[str] | None = None) -> list[Handler]:
        """Everybody, or these handlers, by id."""
        rows = await _NOW.rows(tx, {"ids": None if ids is None else list(ids)})
        stale = [row[0] for row in rows if self._parsed.get(row[0], (None,))[0] != row[1]]
        if stale:
            for row in await tx.execute(HANDLERS.where(t.handler.c.id.in_(stale))):
                self._parsed[row.id] = (row.revision, handler_of(row))
        if ids is None and (names := [row[0] for row in rows]) != self._everybody:
            self._everybody = names
            stale = names
        self.edition += bool(stale)
        return [self._handler(row) for row in rows]

    def _handler(self, row: Any) -> Handler:
        read = name, _, presence, since, given_at, load, open_offers = tuple(row)
        before, handler = self._read.get(name, (None, None))
        if handler is None or before != read:
            handler = replace(
                self._parsed[name][1],
                presence=presence,
                presence_since=since,
                idle_since=given_at,
                load=load,
                open_offers=open_offers,
            )
            self._read[name] = (read, handler)
        return handler


async def leads(tx: AsyncConnection) -> list[str]:
    """Who leads, by id."""
    return list(await tx.scalars(select(t.handler.c.id).where(t.handler.c.permissions.contains(["lead"]))))


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
        "shifts": [s.document() for s in handler.shifts],
    }
    first = {"presence": handler.presence, "presence_since": None, "given_at": None, "expired_in_row": 0, "revision": 1}
    if not await sql.insert(tx, t.handler, [{**row, **first}], ignore="id", returning="id"):
        changed = t.handler.update().where(t.handler.c.id == handler.id)
        await tx.execute(changed.values(**row, revision=t.handler.c.revision + 1))


async def set_shifts(tx: AsyncConnection, handler_id: str, shifts: Sequence[Shift], zone: str) -> None:
    """Replace a handler's shifts, and his zone unless that is empty."""
    values: dict[str, Any] = {"shifts": [s.document() for s in shifts], "revision": t.handler.c.revision + 1}
    await tx.execute(
        t.handler.update().where(t.handler.c.id == handler_id).values(**values, **({"zone": zone} if zone else {}))
    )


async def set_presence(tx: AsyncConnection, handler_id: str, presence: Presence) -> bool:
    """Say whether a handler is there. False when there is no such handler."""
    found = await tx.execute(_PRESENCE, {"id": handler_id, "presence": presence})
    return found.first() is not None


async def set_capacity(tx: AsyncConnection, handler_id: str, capacity: int) -> bool:
    """How many cases a handler may have. False when there is no such handler."""
    changed = t.handler.update().where(t.handler.c.id == handler_id)
    values = changed.values(capacity=capacity, revision=t.handler.c.revision + 1)
    found = await tx.execute(values.returning(t.handler.c.id))
    return found.first() is not None


async def get(tx: AsyncConnection, handler_id: str) -> Handler | None:
    """One handler with his present load."""
    row = (await tx.execute(HANDLERS.where(t.handler.c.id == handler_id))).one_or_none()
    return handler_of(row) if row else None


async def everybody(tx: AsyncConnection) -> list[Handler]:
    """The whole staff, by id."""
    return [handler_of(row) for row in await tx.execute(HANDLERS)]
