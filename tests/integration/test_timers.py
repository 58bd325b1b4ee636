"""What comes due: shared by replicas, each firing once, told late by how much."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.base.loops import LoopControl
from shared.spine.effects import Arm, Effect, Timer
from shared.spine.spine import Spine
from tests.support import ledger
from tests.support.servers import Database
from tests.support.spines import World, eventually, running

pytestmark = pytest.mark.servers
DUE = 4_000
ARM = (
    "WITH made AS (INSERT INTO stream SELECT gen_random_uuid(), 0, false FROM generate_series(1, {n}) RETURNING *) "
    "INSERT INTO timer SELECT complaint_id, 'due', now() + interval '{after}', 1, 0 FROM made"
)


class Counting(ledger.Handlers):
    """Counts decisions; the first of each complaint arms its timer `again`, if that is wanted."""

    def __init__(self, *, again: timedelta | None = None) -> None:
        super().__init__()
        self.decided, self.again = Counter[UUID](), again

    def on_timer(self, case: ledger.Told, timer: Timer, now: datetime) -> Iterable[Effect]:
        self.decided[case.complaint_id] += 1
        yield from super().on_timer(case, timer, now)
        if self.again is not None and self.decided[case.complaint_id] == 1:
            yield Arm(timer.name, at=now + self.again, version=timer.version + 1)


@pytest.fixture
async def world(database: Callable[..., Database]) -> AsyncIterator[World]:
    world = World(database(), "127.0.0.1:1", "nowhere")  # no broker: what is told stays in the outbox
    await world.prepare()
    await world.execute(
        "INSERT INTO consumer_position SELECT n, 0, now() + interval '1 day', now() FROM generate_series(0, 11) AS g(n)"
    )
    yield world
    await world.admin.close()


def replica(world: World, handlers: Counting, batch: int) -> Spine[ledger.Told]:
    sink = world.sink(handlers)
    assert sink.timers is not None
    sink.timers.batch = batch
    return sink


async def test_replicas_share_what_is_due_and_fire_each_timer_once(world: World) -> None:
    """Small batches of many at once: the snapshot of one is often older than the commit of another."""
    await world.execute(ARM.format(n=DUE, after="-1 second"))
    replicas = [(replica(world, counting := Counting(), batch=7), counting) for _ in range(3)]

    async def sweep(sink: Spine[ledger.Told]) -> int:
        assert sink.timers is not None
        n = 0
        while fired := await sink.timers.sweep(LoopControl("escalation", "timers", asyncio.Event())):
            n += fired
        return n

    fired = await asyncio.gather(*(sweep(sink) for sink, _ in replicas))
    for sink, _ in replicas:
        await sink.closed()
    told = await world.query("SELECT count(*) AS events, count(DISTINCT complaint_id) AS complaints FROM outbox")
    assert (told[0].events, told[0].complaints) == (DUE, DUE)
    assert sum(fired) == DUE
    assert all(share > DUE / 10 for share in fired), fired
    assert Counter(n for _, counting in replicas for n in counting.decided.values()) == {1: DUE}
    assert await world.query("SELECT 1 FROM timer") == []


async def test_a_decision_may_arm_its_own_timer_again(world: World) -> None:
    await world.execute(ARM.format(n=3, after="1 second"))
    counting = Counting(again=timedelta(seconds=0.3))
    async with running(replica(world, counting, batch=500), loops=["timers"]) as sink:
        sink.work.wakes.relay = lambda: None  # no relay runs here

        async def over() -> bool:
            return not await world.query("SELECT 1 FROM timer")

        await eventually(over)
    assert list(counting.decided.values()) == [2, 2, 2]


async def test_how_late_a_firing_was_noticed_is_a_histogram(world: World) -> None:
    def seen(suffix: str, **labels: str) -> float:
        name = f"amends_timer_lateness_seconds{suffix}"
        return REGISTRY.get_sample_value(name, {"service": "escalation", **labels}) or 0.0

    before = seen("_count"), seen("_sum"), seen("_bucket", le="1.0"), seen("_bucket", le="5.0")
    await world.execute(ARM.format(n=1, after="-3 seconds"))
    sink = replica(world, Counting(), batch=500)
    assert sink.timers is not None
    assert await sink.timers.fire() == 1
    await sink.closed()
    count, total, within_one, within_five = (
        seen("_count"),
        seen("_sum"),
        seen("_bucket", le="1.0"),
        seen("_bucket", le="5.0"),
    )
    assert count - before[0] == 1
    assert 3 <= total - before[1] < 5
    assert (within_one - before[2], within_five - before[3]) == (0, 1)


async def test_what_is_due_is_found_by_the_index_among_many_that_are_not(world: World) -> None:
    """The cost follows what is due: the claim reads the due rows, whatever else is open."""
    await world.execute(ARM.format(n=20_000, after="30 days"))
    await world.execute(ARM.format(n=50, after="-1 second"))
    await world.execute("ANALYZE timer")
    await world.execute("ANALYZE stream")
    sink = replica(world, Counting(), batch=500)
    async with world.admin.transaction() as tx:
        await tx.execute(text("SELECT pg_stat_reset()"))
    assert sink.timers is not None
    assert await sink.timers.fire() == 50
    await sink.closed()
    read = await eventually(lambda: _read(world))
    assert read[0].seq_tup_read == 0
    assert read[0].idx_tup_fetch <= 50 * 6


async def _read(world: World) -> Any:
    query = (
        "SELECT sum(seq_tup_read)::int AS seq_tup_read, sum(idx_tup_fetch)::int AS idx_tup_fetch "
        "FROM pg_stat_user_tables WHERE schemaname = 'escalation' AND relname IN ('timer', 'stream') "
        "HAVING sum(idx_tup_fetch) > 0"
    )
    return await world.query(query)
