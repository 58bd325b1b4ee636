"""Clocks of a complaint, what is due, acknowledging a rung."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from shared.base.errors import NotFound
from shared.base.security import allow, caller
from shared.calendars import CalendarError, builtin
from shared.spine.spine import Spine

from ..clocks import Clock
from ..commands import Commands
from ..model import Case, RungRow
from ..store import Store
from .shapes import STAFF, AcknowledgeIn, ClockOut, DueOut, RungOut, Words, wrong


def router(spine: Spine[Case], store: Store, commands: Commands) -> APIRouter:
    """The routes about single complaints and their deadlines."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/complaints/{complaint_id}/clocks", response_model_exclude_none=False)
    @allow(*STAFF)
    async def clocks(complaint_id: UUID) -> list[ClockOut]:
        """Every clock of a complaint, with how its deadline came about."""
        async with spine.db.read() as tx:
            case = (await store.load(tx, [complaint_id]))[complaint_id]
            rungs = await store.rungs(tx, complaint_id)
        if not case.clocks:
            raise NotFound("complaint with clocks")
        now = datetime.now(UTC)
        return [_clock_out(c, [r for r in rungs if r.clock_id == c.id], now) for c in case.clocks.values()]

    @routes.get("/due")
    @allow(*STAFF)
    async def due(
        within: Annotated[str, Query(description="30s, 15min, 4h, 2cd, 1w: counted around the clock")] = "4h",
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[DueOut]:
        """What is due within a time, the overdue first."""
        now = datetime.now(UTC)
        try:
            until = builtin().get("always").add(now, within)
        except CalendarError as error:
            raise wrong("within", error) from None
        async with spine.db.read() as tx:
            rows = await store.due(tx, within=(until - now).total_seconds(), limit=limit)
        return [DueOut.model_validate(dict(row._mapping)) for row in rows]

    @routes.post("/rungs/{rung_id}/acknowledge")
    @allow("handler", "lead", "manager")
    async def acknowledge(rung_id: UUID, body: AcknowledgeIn, request: Request) -> ClockOut:
        """Take a reached rung on: once, never on a legal clock; the next rungs wait at most four working hours."""
        async with spine.db.read() as tx:
            found = await store.rung(tx, rung_id)
        if found is None:
            raise NotFound("rung")
        complaint_id, rung = found
        who = caller(request).name

        def decide(case: Case, now: datetime) -> Any:
            return commands.acknowledge(case, now, rung=rung, who=who, why=body.why, hours=body.hours)

        case = await spine.work.command(complaint_id, decide)
        clock = next(c for c in case.clocks.values() if c.id == rung.clock_id)
        return _clock_out(clock, [r for r in case.rungs if r.clock_id == clock.id], datetime.now(UTC))

    return routes


def _clock_out(clock: Clock, rungs: list[RungRow], now: datetime) -> ClockOut:
    breached = clock.state == "breached"
    return ClockOut(
        id=clock.id, kind=clock.kind, pack=clock.pack, version=clock.pack_version, deadline_version=clock.version,
        started_at=clock.started_at, due_at=clock.due_at, state=clock.state, pausable=clock.pausable,
        legal=clock.legal, warned_at=clock.warned_at, breached_at=clock.due_at if breached else None,
        noticed_at=clock.noticed_at, stopped_at=clock.stopped_at, paused_at=clock.paused_at,
        held_until=clock.held_until, remaining=(clock.due_at - now).total_seconds() if clock.live else None,
        explanation=Words(zh=clock.zh, en=clock.en), history=clock.history,
        rungs=[
            RungOut(
                id=r.id, rung=r.rung, action=r.action, to=r.to, reached_at=r.reached_at,
                acknowledged_at=r.acknowledged_at, acknowledged_by=r.acknowledged_by, why=r.why,
            )
            for r in rungs
        ],
    )  # fmt: skip
