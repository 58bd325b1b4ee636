"""A smallest real service on the spine: it keeps, per complaint, the list of what it was told, in order.

It stands in for any service where the spine itself is tested: it uses the escalation schema's spine tables, consumes
ComplaintReceived and CustomerReplied, emits one ClocksChanged per received complaint and fires one timer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.events.envelope import Event
from shared.events.escalation import ClocksChanged, SlaBreached
from shared.events.intake import ComplaintReceived, CustomerReplied
from shared.spine.effects import Arm, Disarm, Effect, Emit, Timer

metadata = MetaData()
told = Table(
    "told",
    metadata,
    Column("complaint_id", PgUuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("entries", JSONB, nullable=False),
    Column("fired_at", DateTime(timezone=True)),
    Column("note", Text),
)
CREATE = (
    "CREATE TABLE IF NOT EXISTS told (complaint_id uuid PRIMARY KEY, version int NOT NULL, entries jsonb NOT NULL, "
    "fired_at timestamptz, note text)"
)
POISON = "poison"


@dataclass
class Told:
    """What one complaint's customer told us."""

    complaint_id: UUID
    version: int = 0
    entries: list[str] = field(default_factory=list)
    fired_at: datetime | None = None
    note: str | None = None


class Store:
    """Told in one table."""

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Told]:
        rows = await tx.execute(select(told).where(sql.any_of(told.c.complaint_id, ids)))
        known = {r.complaint_id: Told(r.complaint_id, r.version, r.entries, r.fired_at, r.note) for r in rows}
        return {i: known.get(i) or Told(i) for i in ids}

    async def save(self, tx: AsyncConnection, cases: Sequence[Told]) -> None:
        await sql.upsert(tx, told, [vars(case) for case in cases])


class Handlers:
    """`broken` makes the handler fail on replies that say "poison", as a bug would."""

    def __init__(self, *, timer_after: float = 3600.0, broken: bool = False) -> None:
        self.timer_after, self.broken = timer_after, broken

    def on_received(self, case: Told, event: Event[ComplaintReceived], now: datetime) -> Iterable[Effect]:
        case.entries.append(event.data.reference)
        yield Emit(ClocksChanged(clocks=()))
        yield Arm("due", at=event.data.received_at + timedelta(seconds=self.timer_after))

    def on_replied(self, case: Told, event: Event[CustomerReplied], now: datetime) -> Iterable[Effect]:
        said = next(iter(event.data.personal.values())).text or ""
        if said == POISON and self.broken:
            raise ZeroDivisionError(said)
        case.entries.append(said)
        if said == "stop":
            yield Disarm("due")

    def on_timer(self, case: Told, timer: Timer, now: datetime) -> Iterable[Effect]:
        case.fired_at = now
        late = {"clock_id": case.complaint_id, "kind": "decision", "version": timer.version, "due_at": timer.fire_at}
        yield Emit(SlaBreached(noticed_at=now, tier="low", **late), time=timer.fire_at)

    def table(self) -> dict[Any, Any]:
        return {ComplaintReceived: self.on_received, CustomerReplied: self.on_replied}


async def create(tx: AsyncConnection) -> None:
    """Make the table."""
    await tx.execute(text(CREATE))
