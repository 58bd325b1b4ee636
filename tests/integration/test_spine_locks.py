"""How a complaint is locked."""

import asyncio
from random import Random
from uuid import UUID, uuid4

import pytest

from shared.events.escalation import ClocksChanged
from shared.spine.effects import Emit
from tests.support import ledger
from tests.support.spines import World


async def test_a_known_complaint_is_locked_without_a_new_version_of_its_row(world: World) -> None:
    sink, known, new = world.sink(ledger.Handlers()), uuid4(), uuid4()
    async with sink.work.unit([known]):
        pass
    before = (await world.query("SELECT xmin::text AS version FROM stream"))[0].version
    async with sink.work.unit([known, new]) as unit:
        assert unit.streams.keys() == {known, new}
    rows = await world.query("SELECT complaint_id, xmin::text AS version FROM stream")
    await sink.closed()
    assert {row.complaint_id for row in rows} == {known, new}
    assert next(row.version for row in rows if row.complaint_id == known) == before


@pytest.mark.parametrize("seen_before", [True, False])
async def test_who_comes_second_waits_and_goes_on_from_the_first(world: World, *, seen_before: bool) -> None:
    """Also when neither had seen the complaint: both make its row, one of them waits for the other's."""
    sink, complaint = world.sink(ledger.Handlers()), uuid4()
    if seen_before:
        async with sink.work.unit([complaint]):
            pass
    inside, order = asyncio.Event(), list[str]()

    async def first() -> None:
        async with sink.work.unit([complaint]) as unit:
            inside.set()
            await asyncio.sleep(0.3)
            unit.add(complaint, uuid4(), [Emit(ClocksChanged(clocks=()))])
            order.append("first")

    async def second() -> int:
        await inside.wait()
        async with sink.work.unit([complaint, uuid4()]) as unit:
            order.append("second")
            return unit.streams[complaint].sequence

    _, seen = await asyncio.gather(first(), second())
    await sink.closed()
    assert (order, seen) == (["first", "second"], 1)


async def test_many_that_lock_new_and_known_complaints_at_once_make_no_deadlock(world: World) -> None:
    sink, several = world.sink(ledger.Handlers()), [uuid4() for _ in range(6)]

    async def hold(some: list[UUID]) -> None:
        async with sink.work.unit(some) as unit:
            for complaint in some:
                unit.add(complaint, uuid4(), [Emit(ClocksChanged(clocks=()))])

    for n in range(1, 7):  # each turn one more complaint is known to all, and one is new
        await asyncio.gather(*(hold(several[:n][:: 1 if m % 2 else -1]) for m in range(8)))
    rows = await world.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    sequences = await world.query("SELECT sequence FROM stream ORDER BY sequence")
    await sink.closed()
    assert [row.sequence for row in sequences] == [8, 16, 24, 32, 40, 48]
    assert rows[0].deadlocks == 0


async def test_complaints_that_become_known_while_others_wait_for_them_make_no_deadlock(world: World) -> None:
    """Those who come a moment later see a row of which the first ones do not know that it is there."""
    sink, chance = world.sink(ledger.Handlers()), Random(7)

    async def hold(some: list[UUID]) -> None:
        await asyncio.sleep(chance.uniform(0, 0.004))
        async with sink.work.unit(some):
            pass

    for _ in range(60):
        several = [uuid4() for _ in range(4)]
        await asyncio.gather(*(hold(chance.sample(several, chance.randint(1, 4))) for _ in range(8)))
    rows = await world.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    await sink.closed()
    assert rows[0].deadlocks == 0
