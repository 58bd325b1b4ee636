"""What comes due: claimed with SKIP LOCKED, decided and forgotten in one transaction, after the backlog was read."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic
from uuid import UUID

import structlog
from sqlalchemy import text

from shared.base import sql
from shared.base.db import is_transient
from shared.base.loops import LoopControl
from shared.base.telemetry import TIMER_LATENESS, TIMERS_FORCED
from shared.events.envelope import named_id

from . import traces
from .effects import S, Timer, TimerHandler
from .unit import Stream, Unit, Work, counted

log = structlog.get_logger()

BATCH = 500
LANES = 2
CAUGHT_UP_SLACK = 2.0
POSTPONED = "60 seconds"
# now() is stable, so the index serves it; clock_timestamp() is volatile and would scan the table. The stream's row is
# the complaint's lock. Only what could be deleted where it was found is claimed: this snapshot may be older than the
# commit of another replica, and a timer that was fired or moved meanwhile is not in its place any more. The backlog has
# been read when a consumer was at the end since this process started: what an earlier life saw says nothing about what
# came while nobody was there.
_CLAIM = sql.Statement(
    "WITH due AS (SELECT t.ctid AS place, t.complaint_id, t.name, t.fire_at, t.version, s.sequence, s.stalled, "
    "COALESCE(p.caught_up_at < GREATEST(t.fire_at - make_interval(secs => :slack), :started), true) AS forced "
    "FROM timer t JOIN stream s USING (complaint_id) LEFT JOIN consumer_position p ON p.partition = t.partition "
    "WHERE t.fire_at <= now() AND (p.caught_up_at >= GREATEST(t.fire_at - make_interval(secs => :slack), :started) "
    "OR GREATEST(t.fire_at, p.assigned_at, :started) <= now() - make_interval(secs => :wait)) "
    "ORDER BY t.fire_at LIMIT :batch FOR UPDATE OF s SKIP LOCKED), "
    "claimed AS (DELETE FROM timer t USING due WHERE t.ctid = due.place RETURNING due.complaint_id, due.name, "
    "due.fire_at, due.version, due.sequence, due.stalled, due.forced) "
    "SELECT * FROM claimed ORDER BY fire_at"
)
_NEXT = sql.Statement("SELECT EXTRACT(EPOCH FROM min(fire_at) - now())::float8 FROM timer")
_POSTPONE = text(
    f"UPDATE timer SET fire_at = now() + interval '{POSTPONED}' WHERE complaint_id = :complaint_id AND name = :name"
)


class Timers(Generic[S]):
    """Fires the timers of one service; any number of replicas share the work."""

    def __init__(self, work: Work[S], on_timer: TimerHandler[S], *, backlog_wait: float, batch: int = BATCH) -> None:
        self.work, self.on_timer, self.backlog_wait, self.batch = work, on_timer, backlog_wait, batch
        self._started: datetime | None = None
        self._lateness = TIMER_LATENESS.labels(work.service)

    async def run(self, ctl: LoopControl) -> None:
        """Fire what is due, then sleep until the next is, at most a second."""
        while not ctl.stopping:
            if not await self.sweep(ctl):
                await ctl.sleep(await self._until_next())

    async def sweep(self, ctl: LoopControl) -> int:
        """Fire all that is due: one batch, and behind a full one two at a time, so that one is decided while the other
        waits for the database."""
        ctl.beat()
        fired = await self.fire()
        if fired < self.batch:
            return fired

        async def lane() -> int:
            n = 0
            while not ctl.stopping:
                ctl.beat()
                n += (last := await self.fire())
                if last < self.batch:
                    break
            return n

        # A lane that fails does not cancel the other within a query.
        for done in await asyncio.gather(*(lane() for _ in range(LANES)), return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
            fired += done
        return fired

    async def fire(self) -> int:
        """One batch in one transaction; when a decision fails for good, its timer alone is put off."""
        try:
            return await self._fire(self.batch)
        except Exception as error:
            if is_transient(error):
                raise
        fired = 0
        while True:
            try:
                if not await self._fire(1):
                    return fired
                fired += 1
            except _Failed as failed:
                named = {"complaint_id": str(failed.timer.complaint_id), "timer": failed.timer.name}
                log.error("timer put off", by=POSTPONED, exc_info=failed.__cause__, **named)
                async with self.work.db.transaction() as tx:
                    await tx.execute(_POSTPONE, {"complaint_id": failed.timer.complaint_id, "name": failed.timer.name})
                return fired + 1

    async def _fire(self, limit: int) -> int:
        async with self.work.unit() as unit:
            self._started = self._started or unit.now
            due = await self._claim(unit, limit)
            if not due:
                return 0
            unit.traces |= await traces.parents(unit.tx, [r.complaint_id for r in due])
            timers = [Timer(*row[:4]) for row in due]
            await self._decide(unit, timers)
        for timer in timers:
            self._lateness.observe(max(0.0, (unit.now - timer.fire_at).total_seconds()))
        if forced := sum(row.forced for row in due):
            TIMERS_FORCED.labels(self.work.service).inc(forced)
        return len(due)

    async def _claim(self, unit: Unit, limit: int) -> Sequence[Any]:
        """Lock what is due and forget it; a timer that its own decision arms again is a new one."""
        arguments = {
            "slack": CAUGHT_UP_SLACK, "wait": self.backlog_wait, "started": self._started, "batch": limit,
        }  # fmt: skip
        due = await _CLAIM.rows(unit.tx, arguments)
        for complaint_id, _, _, _, sequence, stalled, _ in due:
            if complaint_id not in unit.streams:
                unit.streams[complaint_id] = Stream(sequence, stalled)
        return due

    async def _decide(self, unit: Unit, timers: Sequence[Timer]) -> None:
        cases = await self.work.store.load(unit.tx, list(dict.fromkeys(t.complaint_id for t in timers)))
        for timer in timers:
            case = cases[timer.complaint_id]
            try:
                effects = list(self.on_timer(case, timer, unit.now))
            except Exception as error:
                raise _Failed(timer) from error
            case.version += 1
            unit.add(timer.complaint_id, timer_cause(self.work.service, timer), effects, counted=counted(case))
        await self.work.store.save(unit.tx, list(cases.values()))

    async def _until_next(self) -> float:
        async with self.work.db.single() as tx:
            ((seconds,),) = await _NEXT.rows(tx)
        # A due timer that waits for the backlog, or that another replica holds, is looked at again soon.
        return 1.0 if seconds is None else min(1.0, max(0.05, seconds))


class _Failed(Exception):
    def __init__(self, timer: Timer) -> None:
        super().__init__(timer.name)
        self.timer = timer


def timer_cause(service: str, timer: Timer) -> UUID:
    """What ids of a firing's events are derived from: complaint, timer, and the version it was armed with."""
    return named_id(timer.complaint_id, f"{service}:timer:{timer.name}:{timer.version}")
