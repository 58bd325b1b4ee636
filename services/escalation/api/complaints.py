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
from ..stages import duration
from ..store import Store
from .shapes import STAFF, AcknowledgeIn, ClockOut, DueOut, EarlyOut, RungOut, WhyIn, Words, wrong

_MOST_LASTING = 20_000


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

    @routes.post("/complaints/{complaint_id}/resume")
    @allow("handler", "lead", "manager")
    async def resume(complaint_id: UUID, body: WhyIn, request: Request) -> list[ClockOut]:
        """End the waiting for the customer by hand: paused clocks run on. 409 when nothing waits."""
        who = caller(request).name
        case = await spine.work.command(
            complaint_id, lambda case, now: commands.resume(case, now, who=who, why=body.why)
        )
        now = datetime.now(UTC)
        return [_clock_out(clock, [], now) for clock in case.clocks.values() if clock.pausable]

    @routes.post("/complaints/{complaint_id}/remedies/{remedy_id}/confirm")
    @allow("handler", "lead", "manager", "approver")
    async def confirm(complaint_id: UUID, remedy_id: str, request: Request) -> ClockOut:
        """Confirm as a second person that a remedy was carried out, which its decider said without the paying system's
        reference. 404 when nobody said so, 409 when it was you."""
        who = caller(request).name
        case = await spine.work.command(
            complaint_id, lambda case, now: commands.confirm_remedy(case, now, remedy=remedy_id, who=who)
        )
        clock = case.clocks.get(f"remedy:{remedy_id}")
        if clock is None:
            raise NotFound("clock of this remedy")
        return _clock_out(clock, [], datetime.now(UTC))

    @routes.get("/early-warnings")
    @allow(*STAFF)
    async def early_warnings(
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        in_danger: Annotated[bool, Query(description="also those of which a clock has warned or is missed")] = False,
    ) -> list[EarlyOut]:
        """Complaints whose present stage lasts longer than 80 % of the past ones of its cause and severity (of its
        stage, where fewer than 20 are known), in working time; the slowest first. No clock needs to be near."""
        async with spine.db.read() as tx:
            usual, lasting = await store.usual(tx), await store.lasting(tx, n=_MOST_LASTING)
        found = []
        for row in lasting:
            known = usual.get((row.stage, row.kind)) or usual.get((row.stage, None))
            if known is None or (row.in_danger and not in_danger):
                continue
            took = duration(store.book.calendars, row.calendar, row.began_at, row.now).total_seconds()
            if took > known[0]:
                found.append(EarlyOut(**_early(row), lasts=took, usual=known[0], compared_with=known[1]))
        return sorted(found, key=lambda e: e.lasts / max(e.usual, 1.0), reverse=True)[:limit]

    return routes


def _early(row: Any) -> dict[str, Any]:
    names = ("complaint_id", "stage", "kind", "began_at", "tier", "handler", "in_danger")
    return {name: getattr(row, name) for name in names}


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
