"""Events that cannot be handled: kept, their complaint stalled, released in order when operations say so."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql, tracing
from shared.base.db import is_transient
from shared.base.loops import LoopControl
from shared.base.telemetry import CONSUMED
from shared.events import codec
from shared.events.envelope import Event, Payload

from . import tables as t
from .effects import S
from .unit import Unit, Work

log = structlog.get_logger()
DRAIN_ROWS = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the topic as it was read."""

    partition: int
    offset: int
    key: bytes | None
    headers: codec.Headers
    body: bytes | None


def address(record: Record) -> tuple[UUID | None, UUID | None, str | None]:
    """Event id, complaint id and type as far as the headers give them, which even an undecodable body may have."""
    named = {name: value.decode("utf-8", "replace") for name, value in record.headers}

    def as_uuid(name: str) -> UUID | None:
        try:
            return UUID(named[name])
        except (KeyError, ValueError):
            return None

    return as_uuid("ce_id"), as_uuid("ce_subject"), named.get("ce_type")


def named(record: Record) -> dict[str, str | None]:
    """What a log says of a record: its event, complaint and trace."""
    event, complaint, type_ = address(record)
    traceparent = next((value.decode("latin-1") for name, value in record.headers if name == "traceparent"), None)
    return {
        "event_type": type_,
        "event_id": str(event) if event else None,
        "complaint_id": str(complaint) if complaint else None,
        "trace_id": tracing.trace_id(traceparent),
    }


def row_of(record: Record, unit: Unit, *, state: str, reason: str) -> dict[str, Any]:
    """A row of the parked table."""
    event_id, complaint_id, type_ = address(record)
    return {
        "event_id": event_id,
        "complaint_id": complaint_id if event_id else None,
        "type": type_,
        "partition": record.partition,
        "record_offset": record.offset,
        "key": record.key,
        "headers": [[name, value.decode("utf-8", "replace")] for name, value in record.headers],
        "body": record.body,
        "state": state,
        "reason": reason[:1000],
        "parked_at": unit.now,
        "class": "event",
        "delete_after": None,
        "legal_hold": False,
    }


async def park(unit: Unit, record: Record, reason: str) -> None:
    """Keep the record and stall its complaint, in the unit's transaction; the dead-letter topic gets a copy."""
    row = row_of(record, unit, state="parked", reason=reason)
    if not await sql.insert(unit.tx, t.parked, [row], ignore="partition, record_offset", returning="id"):
        return  # read again after a crash between this commit and the position
    if row["complaint_id"]:
        await set_stalled(unit, row["complaint_id"], stalled=True)
    copy = [*record.headers, ("amends_parked_by", unit.service.encode()), ("amends_reason", reason[:500].encode())]
    unit.put_parked(row["complaint_id"], copy, record.body or b"")


async def queue_behind(unit: Unit, records: Sequence[Record]) -> None:
    """Keep events of stalled complaints behind the one that is parked."""
    rows = [row_of(r, unit, state="queued", reason="waits behind a parked event") for r in records]
    await sql.insert(unit.tx, t.parked, rows, ignore="partition, record_offset")


async def set_stalled(unit: Unit, complaint_id: UUID, *, stalled: bool) -> None:
    """Mark the locked complaint."""
    await unit.tx.execute(update(t.stream).where(t.stream.c.complaint_id == complaint_id).values(stalled=stalled))
    unit.streams[complaint_id].stalled = stalled


async def recently_parked(tx: AsyncConnection) -> int:
    """How many events were parked in the last ten minutes: in the table, so that a restart forgets nothing."""
    recent = t.parked.c.parked_at > func.now() - text("interval '10 minutes'")
    return int((await tx.execute(select(func.count()).where(t.parked.c.state == "parked", recent))).scalar_one())


async def release(tx: AsyncConnection, row_id: int, *, retry: bool, by: str, reason: str = "") -> bool:
    """Ask the service to retry or discard a parked row; False when there is no such row to release."""
    changed = await tx.execute(
        update(t.parked)
        .where(t.parked.c.id == row_id, t.parked.c.state == "parked")
        .values(state="retry" if retry else "discard", released_by=by, released_reason=reason)
    )
    return changed.rowcount == 1


Apply = Callable[[Unit, Sequence[Event[Payload]]], Any]


class Drain(Generic[S]):
    """Carries out releases: the parked event first, then what was queued behind it, in order."""

    def __init__(self, work: Work[S], apply: Apply, handled: Iterable[str]) -> None:
        self.work, self.apply, self.handled = work, apply, frozenset(handled)

    async def run(self, ctl: LoopControl) -> None:
        """Look once a second for released rows, and for queues whose head was released before a crash."""
        while not ctl.stopping:
            async with self.work.db.transaction() as tx:
                released = (
                    await tx.execute(
                        select(t.parked.c.id, t.parked.c.complaint_id, t.parked.c.state)
                        .where(t.parked.c.state.in_(("retry", "discard")))
                        .order_by(t.parked.c.id)
                    )
                ).all()
            for row in released:
                await self._release(row.id, row.complaint_id)
            await ctl.sleep(1.0)

    async def _release(self, row_id: int, complaint_id: UUID | None) -> None:
        following: int | None = row_id
        while following is not None:
            current = following
            try:
                following = await self._step(current, complaint_id)
            except Exception as error:
                if is_transient(error):
                    raise
                names = {"parked": current, "complaint_id": str(complaint_id)}
                log.error("a released event failed again", error=type(error).__name__, **names)
                await self._failed_again(current, complaint_id, f"{type(error).__name__} after release")
                return

    async def _step(self, row_id: int, complaint_id: UUID | None) -> int | None:
        """One row in one transaction, under its complaint's lock; the id of the next queued row, if there is one."""
        async with self.work.unit([complaint_id] if complaint_id else []) as unit:
            row = (await unit.tx.execute(select(t.parked).where(t.parked.c.id == row_id).with_for_update())).one()
            if row.state in ("retry", "queued"):
                await self._handle(unit, row)
            elif row.state != "discard":
                return None
            await self._finish(unit, row)
            if complaint_id is None:
                return None
            following = select(t.parked.c.id, t.parked.c.state).where(
                t.parked.c.complaint_id == complaint_id,
                or_(t.parked.c.state == "queued", t.parked.c.state == "parked", t.parked.c.state == "retry"),
            )
            rest = (await unit.tx.execute(following.order_by(t.parked.c.partition, t.parked.c.record_offset))).all()
            if not rest:
                await set_stalled(unit, complaint_id, stalled=False)
                return None
            return rest[0].id if rest[0].state == "queued" else None

    async def _handle(self, unit: Unit, row: Any) -> None:
        headers = [(name, value.encode()) for name, value in row.headers]
        if row.type in self.handled:
            await self.apply(unit, [codec.decode(row.key, headers, row.body)])
        CONSUMED.labels(unit.service, "handled").inc()

    async def _finish(self, unit: Unit, row: Any) -> None:
        state = "discarded" if row.state == "discard" else "handled"
        await unit.tx.execute(update(t.parked).where(t.parked.c.id == row.id).values(state=state, done_at=func.now()))
        log.info("released", parked=row.id, complaint_id=str(row.complaint_id), outcome=state)

    async def _failed_again(self, row_id: int, complaint_id: UUID | None, reason: str) -> None:
        async with self.work.unit([complaint_id] if complaint_id else []) as unit:
            await unit.tx.execute(
                update(t.parked)
                .where(t.parked.c.id == row_id)
                .values(state="parked", reason=reason, parked_at=func.now())
            )


def listing(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Parked rows as operations see them: no body, because bodies hold personal data."""
    names = ("id", "state", "type", "event_id", "complaint_id", "partition", "record_offset", "reason", "parked_at")
    return [{name: row[name] for name in names} for row in rows]
