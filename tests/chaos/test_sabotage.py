"""The checker can fail: a spine without one of its guarantees is caught, the same run with it is clean."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from deploy.local.kafka import Kafka
from tests.support.scribe import Handlers, note
from tests.support.scribes import Scribes, complaints
from tests.support.servers import Database
from tests.support.spines import World, eventually, replied, running, topic_of_its_own

pytestmark = pytest.mark.servers
DEATHS = (
    "consumer/effects", "consumer/position", "consumer/before-commit", "consumer/after-commit",
    "relay/before-produce", "relay/after-produce", "relay/delete",
    "timers/before-commit", "timers/after-commit",
)  # fmt: skip


@pytest.fixture
async def scribes(database: Callable[..., Database], kafka: Kafka, tmp_path: Path) -> AsyncIterator[Scribes]:
    world = World(database(), kafka.bootstrap, await topic_of_its_own(kafka.bootstrap))
    await world.prepare()
    yield Scribes(world, tmp_path)
    await world.admin.close()


async def test_a_life_of_crashes_leaves_nothing_wrong(scribes: Scribes) -> None:
    async with running(scribes.world.source()) as source, scribes.process(*(f"crash:{d}" for d in DEATHS)):
        n = 0
        while not scribes.died(*DEATHS):
            await scribes.speak(source, complaints(4), ["one", f"word {n}"])
            n += 1
            assert n < 300, f"never died at {[d for d in DEATHS if not scribes.died(d)]}"
            await asyncio.sleep(0.05)
        await scribes.quiet()
        assert await scribes.findings() == []


async def test_without_the_inbox_what_is_sent_twice_has_two_effects(
    scribes: Scribes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = scribes.world.source()
    delete = source.relay._delete_acked
    forgotten: list[Any] = []

    async def forget_once(tx: Any, acked: Any) -> None:
        """As if the sender had died between the broker's answer and its delete."""
        if forgotten:
            await delete(tx, acked)
        forgotten.append(acked)

    monkeypatch.setattr(source.relay, "_delete_acked", forget_once)
    async with scribes.process("sabotage:inbox-off"):
        await scribes.speak(source, complaints(3), ["one"])
        async with running(source):
            await eventually(lambda: told_by_all(scribes))
            await scribes.quiet()
    assert any("was told one 2 times" in f for f in await scribes.findings())


async def told_by_all(scribes: Scribes) -> bool:
    return len(await scribes.world.told()) == len(scribes.said)


async def test_an_outbox_that_forgets_before_the_broker_has_it_loses_events(scribes: Scribes) -> None:
    findings = await lone_crash(scribes, "sabotage:delete-before-ack", "relay/before-produce")
    assert any("follows: a gap" in f for f in findings)


async def test_a_position_that_is_kept_before_the_effects_loses_events(scribes: Scribes) -> None:
    findings = await lone_crash(scribes, "sabotage:position-first", "consumer/effects")
    assert any("was told one 0 times" in f for f in findings)


async def lone_crash(scribes: Scribes, patch: str, death: str) -> list[str]:
    async with running(scribes.world.source()) as source, scribes.process(patch, f"crash:{death}"):
        await scribes.speak(source, complaints(1), ["one"])
        await eventually(lambda: died(scribes, death))
        await scribes.quiet()
        return await scribes.findings()


async def died(scribes: Scribes, death: str) -> bool:
    return scribes.died(death)


@pytest.mark.parametrize("patches", [(), ("sabotage:lock-left-out",)])
async def test_without_the_rows_lock_two_writers_lose_updates(scribes: Scribes, patches: tuple[str, ...]) -> None:
    """The consumer and commands change the same complaints at the same time."""
    several, writer = complaints(3), scribes.world.sink(Handlers())
    async with running(scribes.world.source()) as source, scribes.process(*patches):
        await scribes.speak(source, several, ["one"])
        await eventually(lambda: told_by_all(scribes))
        for n in range(4):
            await scribes.speak(source, several, [f"word {n}"])
            for m in range(4):
                for complaint in several:
                    await writer.work.command(complaint, note(f"note {n}.{m}"))
                    scribes.said[complaint].append(f"note {n}.{m}")
        await scribes.quiet()
    await writer.closed()
    findings = await scribes.findings()
    if not patches:
        assert findings == []
    assert any("0 times" in f for f in findings) == bool(patches)
    assert any("used again" in f for f in findings) == bool(patches)


@pytest.mark.parametrize("patches", [(), ("sabotage:order-reversed",)])
async def test_only_another_lock_order_makes_deadlocks(scribes: Scribes, patches: tuple[str, ...]) -> None:
    world, several = scribes.world, sorted(complaints(8))
    async with world.admin.transaction() as tx:
        await tx.execute(text(f'ALTER DATABASE "{world.database.name}" SET deadlock_timeout = 20'))
    writer = world.sink(Handlers())
    async with running(world.source()) as source, scribes.process(*patches):
        await scribes.speak(source, several, ["one"])
        await eventually(lambda: told_by_all(scribes))
        for n in range(12):
            async with source.work.unit(several) as unit:
                for complaint in several:
                    unit.add(complaint, uuid4(), [replied(complaint, f"word {n}")])
                    scribes.said[complaint].append(f"word {n}")
            await writer.db.retrying(lambda: hold_in_two_steps(writer, several))
        await scribes.quiet()
        if patches:
            await eventually(lambda: deadlocks(world))
        findings = await scribes.findings()
    assert all("deadlocks" in finding for finding in findings)
    assert bool(findings) == bool(patches)
    await writer.closed()


async def hold_in_two_steps(writer: Any, several: Any) -> None:
    async with writer.work.unit(several[:4]) as unit:
        await asyncio.sleep(0.05)
        await unit.lock(several)


async def deadlocks(world: World) -> int:
    rows = await world.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(rows[0].deadlocks)
