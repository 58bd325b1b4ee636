"""The process that `timers` measures: the spine's timer loop over clocks of its own, or escalation's. Prints JSON.

`python -m tests.bench.timer_worker JSON`. `mode` drain: fire until nothing is due, then end. `mode` wait: print
`ready`, fire what comes due until SIGTERM, then tell when each firing was committed. `side` spine: a clock is a row of
five columns and its firing one event; `side` escalation: the service's own store, machine and packs.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import uvloop
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from services.escalation.book import PolicyBook
from services.escalation.handlers import Escalation
from services.escalation.store import Store as EscalationStore
from shared.base import sql
from shared.base.config import ServiceSettings
from shared.base.loops import LoopControl
from shared.base.runtime import collect_rarely
from shared.calendars import builtin
from shared.events.envelope import Event
from shared.events.escalation import SlaBreached
from shared.spine.effects import Effect, Emit, Timer
from shared.spine.spine import Spine
from tests.bench.measure import cpu_between, cpu_seconds
from tests.support import lives
from tests.support.spines import running

_LOAD = sql.Statement(
    "SELECT complaint_id, version, state, noticed_at FROM bench_clock WHERE complaint_id = ANY (CAST(:ids AS uuid[]))"
)
_SAVE = sql.Statement(
    "UPDATE bench_clock AS c SET version = u.version, state = u.state, noticed_at = u.noticed_at "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[]), CAST(:states AS text[]), "
    "CAST(:noticed AS timestamptz[])) AS u(id, version, state, noticed_at) WHERE c.complaint_id = u.id"
)


@dataclass
class Case:
    """One clock."""

    complaint_id: UUID
    version: int
    state: str
    noticed_at: datetime | None = None


class Store:
    """Clocks in one table."""

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        return {row[0]: Case(*row) for row in await _LOAD.rows(tx, {"ids": ids})}

    async def save(self, tx: AsyncConnection, cases: Sequence[Case]) -> None:
        columns = (
            [c.complaint_id for c in cases], [c.version for c in cases], [c.state for c in cases],
            [c.noticed_at for c in cases],
        )  # fmt: skip
        await _SAVE.rows(tx, dict(zip(("ids", "versions", "states", "noticed"), columns, strict=True)))


def breach(case: Case, timer: Timer, now: datetime) -> Iterator[Effect]:
    """The clock is late: remembered and told."""
    case.state, case.noticed_at = "breached", now
    told = SlaBreached(
        clock_id=case.complaint_id, kind="decision", version=timer.version, due_at=timer.fire_at, noticed_at=now,
        tier="low",
    )  # fmt: skip
    yield Emit(told, time=timer.fire_at)


LIMIT, FILL_BATCH = timedelta(hours=1), 500
PACK = lives.pack(
    "  - clock: first_response\n    limit: 1h\n    ladder: [{at: 100%, action: notify, to: lead}, "
    "{at: +1h, action: notify, to: manager}]",
    calendar="always",
)


class Recorder:
    """Which firings were committed when."""

    def __init__(self, spine: Spine[Any]) -> None:
        assert spine.timers is not None
        self._decide, self._deciding = spine.timers.on_timer, list[datetime]()
        self.commits: list[tuple[float, list[datetime]]] = []
        spine.timers.on_timer = self._noted
        spine.work.wakes.committed.append(self._committed)

    def _noted(self, case: Any, timer: Timer, now: datetime) -> Any:
        self._deciding.append(timer.fire_at)
        return self._decide(case, timer, now)

    def _committed(self) -> None:
        if self._deciding:
            self.commits.append((time.time(), self._deciding))
            self._deciding = []

    def told(self) -> dict[str, Any]:
        """Seconds from due time to commit of each firing, in order, and the time of the last commit."""
        late = sorted(at - due.timestamp() for at, dues in self.commits for due in dues)
        return {"late": late, "last": self.commits[-1][0] if self.commits else None}


def settings_of(given: dict[str, Any]) -> ServiceSettings:
    """Without a broker: nothing of this consumes or sends."""
    return ServiceSettings(
        database_url=SecretStr(given["database"]), deployment_id=given["deployment"], topic="bench.timers",
        kafka_bootstrap="127.0.0.1:1", token_key=SecretStr("k" * 32),
    )  # fmt: skip


def spine_of(given: dict[str, Any]) -> Spine[Any]:
    """The spine under measurement."""
    settings = settings_of(given)
    if given["side"] == "spine":
        return Spine(settings, service="escalation", store=Store(), handlers={}, on_timer=breach)
    book = PolicyBook(builtin())
    escalation = Escalation(book)
    return Spine(settings, service="escalation", store=EscalationStore(book), handlers={}, on_timer=escalation.on_timer)


async def fill(given: dict[str, Any], n: int, due: datetime) -> None:
    """Let escalation watch n complaints with one clock each, due at the same moment, as ComplaintReceived does."""
    book = PolicyBook(builtin())
    escalation, store = Escalation(book), EscalationStore(book)
    spine: Spine[Any] = Spine(settings_of(given), service="escalation", store=store, handlers={})
    async with spine.db.transaction() as tx:
        await store.keep_files(tx, {"bench.yaml": PACK})
    data = lives.received(due - LIMIT)
    for _ in range(0, n, FILL_BATCH):
        some = [uuid4() for _ in range(FILL_BATCH)]
        async with spine.work.unit(some) as unit:
            cases = await store.load(unit.tx, some)
            for complaint, case in cases.items():
                event: Event[Any] = Event(uuid4(), complaint, data, unit.now, 1, given["deployment"])
                effects = list(escalation.on_received(case, event, unit.now))
                case.version += 1
                unit.add(complaint, event.id, effects)
            await store.save(unit.tx, list(cases.values()))
    await spine.closed()


async def drain(given: dict[str, Any]) -> dict[str, Any]:
    """Fire what is due; the first batch opens connections and is not counted."""
    spine = spine_of(given)
    await spine.opened()
    assert spine.timers is not None
    pids = {**given["servers"], "timers": os.getpid()}
    await spine.timers.fire()
    before, begun = cpu_seconds(pids), time.perf_counter()
    items = await spine.timers.sweep(LoopControl("escalation", "timers", asyncio.Event()))
    seconds, cpu = time.perf_counter() - begun, cpu_between(before, cpu_seconds(pids))
    await spine.closed()
    return {"items": items, "seconds": seconds, "cpu": cpu}


def _nobody() -> None:
    return None


async def wait(given: dict[str, Any]) -> dict[str, Any]:
    """The supervised loop, until it is stopped."""
    spine, over = spine_of(given), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    recorder = Recorder(spine)
    async with running(spine, loops=["timers"]):
        spine.work.wakes.relay = _nobody  # no relay runs here
        await asyncio.sleep(0.5)
        print("ready", flush=True)
        await over.wait()
    return recorder.told()


def main() -> None:
    """Measure one side."""
    given = json.loads(sys.argv[1])
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run({"drain": drain, "wait": wait}[given["mode"]](given))))


if __name__ == "__main__":
    main()
