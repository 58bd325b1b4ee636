"""The spine's promises on a real broker and a real database, with the smallest service that can keep them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from sqlalchemy import text

from shared.base import kafka as clients
from shared.base.errors import Conflict, Problem, Refused, Stalled
from shared.base.loops import LoopControl
from shared.events import codec
from shared.events.escalation import ClocksChanged
from shared.spine import parking, verify
from shared.spine.effects import Arm, Emit
from tests.support import ledger
from tests.support.spines import World, emit, eventually, received, replied, running
from tests.support.statements import watched


def ids(n: int) -> list[UUID]:
    return [uuid4() for _ in range(n)]


async def test_each_event_has_its_effect_once_and_in_order(world: World) -> None:
    complaints = ids(40)
    async with running(world.source()) as source, running(world.sink(ledger.Handlers())):
        for complaint in complaints:
            await emit(source, complaint, received(complaint), replied(complaint, "one"))
        for complaint in complaints:
            await emit(source, complaint, replied(complaint, "two"))

        async def all_told() -> bool:
            told = await world.told()
            return len(told) == 40 and all(len(entries) == 3 for entries in told.values())

        await eventually(all_told)
        assert all(entries[1:] == ["one", "two"] for entries in (await world.told()).values())
        await eventually(lambda: outbox_is_empty(world))
    verdict = await verify.verify(world.bootstrap, world.topic)
    assert verdict.events == {
        "complaint.received.v1": 40, "complaint.customer-replied.v1": 80, "complaint.clocks-changed.v1": 40,
    }  # fmt: skip
    assert not verdict.gaps
    assert not verdict.out_of_order


async def outbox_is_empty(world: World) -> bool:
    return not await world.query("SELECT 1 FROM escalation.outbox UNION ALL SELECT 1 FROM intake.outbox")


async def test_records_sent_twice_have_one_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that dies between acknowledgement and delete sends the same rows again."""
    source, complaint = world.source(), uuid4()
    delete = source.relay._delete_acked
    forgotten = []

    async def forget_once(tx: Any, acked: Any) -> None:
        if not forgotten:
            forgotten.append(acked)
            return
        await delete(tx, acked)

    monkeypatch.setattr(source.relay, "_delete_acked", forget_once)
    async with running(source), running(world.sink(ledger.Handlers())):
        await emit(source, complaint, received(complaint), replied(complaint, "once"))
        await eventually(lambda: told_entries(world, complaint, 2))
        await eventually(lambda: outbox_is_empty(world))
        duplicates = await verify.verify(world.bootstrap, world.topic)
        assert duplicates.repeated == 2
        assert [e for e in (await world.told())[complaint] if e == "once"] == ["once"]


async def test_what_a_relay_holds_and_what_it_has_to_read_go_out_in_their_order(world: World) -> None:
    """Rows of this process are sent from memory, those of another one are read; the table says which comes when."""
    source, other, complaint = world.source(), world.source(), uuid4()
    async with running(source), running(world.sink(ledger.Handlers())):
        async with world.admin.transaction() as tx:  # holds the turn of the one sender
            await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('amends.relay.intake', 0))"))
            await emit(other, complaint, received(complaint), replied(complaint, "one"))
            await emit(source, complaint, replied(complaint, "two"))
            await emit(other, complaint, replied(complaint, "three"))
            assert [row.complaint_id for row in source.relay.held] == [complaint]
        await eventually(lambda: told_entries(world, complaint, 4))
        assert (await world.told())[complaint][1:] == ["one", "two", "three"]
        await eventually(lambda: outbox_is_empty(world))
        assert not source.relay.held
    await other.closed()


async def told_entries(world: World, complaint: UUID, n: int) -> bool:
    return len((await world.told()).get(complaint, [])) >= n


async def test_a_batch_makes_the_same_number_of_statements_whatever_its_size(world: World) -> None:
    """Cost is per transaction: 1 event or 200, the statements are the same."""
    counts = {}
    sink = world.sink(ledger.Handlers())
    with watched(sink.db) as sent:
        for size in (1, 200):
            complaints = ids(size)
            events = [_as_event(c) for c in complaints]
            sent.clear()
            async with sink.work.unit() as unit:
                claimed = await sink.consumer._claim(unit, events)
                await unit.lock(e.event.complaint_id for e in claimed if e.event)
                await sink.consumer.apply(unit, [e.event for e in claimed if e.event])
            counts[size] = len(sent)
    await sink.closed()
    assert 0 < counts[1] == counts[200]
    assert len(await world.told()) == 201


def _as_event(complaint: UUID) -> Any:
    from shared.events.envelope import Event
    from shared.spine.consume import Decoded
    from shared.spine.parking import Record

    event = Event(uuid4(), complaint, received(complaint).data, datetime.now(UTC), 1, "test-deployment")
    return Decoded(Record(0, 0, None, [], None), event)


async def test_ids_of_what_follows_are_derived_and_times_are_not(world: World) -> None:
    complaint, cause = uuid4(), uuid4()
    sink = world.sink(ledger.Handlers())
    async with sink.work.unit([complaint]) as unit:
        unit.add(complaint, cause, [Emit(ClocksChanged(clocks=())), Emit(ClocksChanged(clocks=()))])
    rows = await world.query("SELECT headers FROM outbox ORDER BY seq")
    await sink.closed()
    named = [row.headers for row in rows]
    assert [h["ce_id"] for h in named] == [
        str(uuid5(cause, f"escalation:complaint.clocks-changed.v1:{n}")) for n in (0, 1)
    ]
    assert [h["ce_sequence"] for h in named] == ["1", "2"]
    assert {h["ce_causationid"] for h in named} == {str(cause)}


async def test_a_service_may_not_emit_another_ones_event(world: World) -> None:
    sink, complaint = world.sink(ledger.Handlers()), uuid4()
    with pytest.raises(TypeError, match="may not emit"):
        async with sink.work.unit([complaint]) as unit:
            unit.add(complaint, uuid4(), [received(complaint)])
    await sink.closed()
    assert not await world.query("SELECT 1 FROM stream")


async def test_a_poison_event_stalls_its_complaint_alone_and_is_retried_in_order(world: World) -> None:
    sick, well = ids(2)
    handlers = ledger.Handlers(broken=True)
    sink = world.sink(handlers)
    async with running(world.source()) as source, running(sink):
        await emit(source, sick, received(sick), replied(sick, "before"), replied(sick, ledger.POISON))
        await emit(source, sick, replied(sick, "after"), replied(sick, "last"))
        await emit(source, well, received(well), replied(well, "hello"))
        await eventually(lambda: told_entries(world, well, 2))
        await eventually(lambda: parked_count(world, 3))
        states = await world.query("SELECT state FROM parked ORDER BY record_offset")
        assert [row.state for row in states] == ["parked", "queued", "queued"]
        with pytest.raises(Stalled):
            await sink.work.command(sick, lambda case, now: [])

        handlers.broken = False
        await release(world, retry=True)
        await eventually(lambda: told_entries(world, sick, 5))
        assert (await world.told())[sick][1:] == ["before", ledger.POISON, "after", "last"]
        await eventually(lambda: nothing_stalled(world))
        assert (await sink.work.command(sick, lambda case, now: [])).complaint_id == sick


async def parked_count(world: World, n: int) -> bool:
    return len(await world.query("SELECT 1 FROM parked")) == n


async def nothing_stalled(world: World) -> bool:
    return not await world.query("SELECT 1 FROM stream WHERE stalled")


async def release(world: World, *, retry: bool) -> None:
    async with world.admin.transaction() as tx:
        row_id = (await tx.execute(text("SELECT id FROM parked WHERE state = 'parked'"))).scalar_one()
        assert await parking.release(tx, row_id, retry=retry, by="ops", reason="seen")


async def test_a_released_event_that_fails_again_keeps_the_rest_queued(world: World) -> None:
    complaint = uuid4()
    async with running(world.source()) as source, running(world.sink(ledger.Handlers(broken=True))):
        await emit(source, complaint, received(complaint), replied(complaint, ledger.POISON))
        await emit(source, complaint, replied(complaint, "after"))
        await eventually(lambda: parked_count(world, 2))
        await release(world, retry=True)

        async def failed_again() -> bool:
            rows = await world.query("SELECT 1 FROM parked WHERE state = 'parked' AND reason LIKE '%after release'")
            return bool(rows)

        await eventually(failed_again)
        assert [r.state for r in await world.query("SELECT state FROM parked ORDER BY record_offset")] == [
            "parked", "queued",
        ]  # fmt: skip
        await release(world, retry=False)
        await eventually(lambda: told_entries(world, complaint, 2))
        assert (await world.told())[complaint][1:] == ["after"]


async def test_an_undecodable_record_is_parked_and_delays_nothing(world: World) -> None:
    complaint = uuid4()
    producer = clients.producer(world.bootstrap, "stranger")
    await producer.start()
    try:
        await producer.send_and_wait(world.topic, key=b"\xff\xfe", value=b"\x00\x01", partition=0)
    finally:
        await producer.stop()
    async with running(world.source()) as source, running(world.sink(ledger.Handlers())):
        await emit(source, complaint, received(complaint))
        await eventually(lambda: told_entries(world, complaint, 1))
        await eventually(lambda: parked_count(world, 1))
        assert await nothing_stalled(world)
        await release(world, retry=False)

        async def discarded() -> bool:
            return bool(
                await world.query("SELECT 1 FROM parked WHERE state = 'discarded' AND released_reason = 'seen'")
            )

        await eventually(discarded)


async def test_a_timer_fires_once_at_its_time_with_the_time_that_was_due(world: World) -> None:
    complaint, now = uuid4(), datetime.now(UTC)
    async with running(world.source()) as source, running(world.sink(ledger.Handlers(timer_after=1.0))):
        await emit(source, complaint, received(complaint, at=now))
        fired = await eventually(lambda: world.query("SELECT fired_at FROM told WHERE fired_at IS NOT NULL"))
        assert timedelta(0) <= fired[0].fired_at - (now + timedelta(seconds=1)) < timedelta(seconds=1)
        await eventually(lambda: outbox_is_empty(world))
        assert not await world.query("SELECT 1 FROM timer")
    verdict = await verify.verify(world.bootstrap, world.topic)
    assert verdict.events["sla.breached.v1"] == 1


async def test_a_due_timer_waits_for_the_backlog(world: World) -> None:
    """The stop was said before the deadline, while the service was down: it must not fire."""
    complaint = uuid4()
    async with running(world.source()) as source:
        async with running(world.sink(ledger.Handlers(timer_after=3.5))):
            await emit(source, complaint, received(complaint))
            await eventually(lambda: told_entries(world, complaint, 1))
        await emit(source, complaint, replied(complaint, "stop"))
        await eventually(lambda: world.query("SELECT 1 FROM timer WHERE fire_at < now()"))
        async with running(world.sink(ledger.Handlers())):
            await eventually(lambda: told_entries(world, complaint, 2))
    rows = await world.query("SELECT fired_at FROM told")
    assert [row.fired_at for row in rows] == [None]


async def test_without_a_broker_a_due_timer_waits_its_bound_and_then_fires(world: World) -> None:
    complaint = uuid4()
    sink = world.sink(ledger.Handlers(), backlog_wait=1.5)
    async with sink.work.unit([complaint]) as unit:
        unit.add(complaint, uuid4(), [Arm("due", at=unit.now)])
    started = datetime.now(UTC)
    async with running(sink, loops=("timers",)):
        fired = await eventually(lambda: world.query("SELECT fired_at FROM told WHERE fired_at IS NOT NULL"))
    assert fired[0].fired_at - started >= timedelta(seconds=1.3)


async def test_a_timer_that_cannot_be_decided_is_put_off_and_holds_up_nobody(world: World) -> None:
    sick, well = sorted(ids(2))
    handlers = ledger.Handlers()
    decide = handlers.on_timer

    def on_timer(case: ledger.Told, timer: Any, now: datetime) -> Any:
        if case.complaint_id == sick:
            raise ZeroDivisionError
        return decide(case, timer, now)

    handlers.on_timer = on_timer  # type: ignore[method-assign]
    sink = world.sink(handlers, backlog_wait=0.0)
    async with sink.work.unit([sick, well]) as unit:
        for complaint in (sick, well):
            unit.add(complaint, uuid4(), [Arm("due", at=unit.now)])
    async with running(sink, loops=("timers",)):
        await eventually(lambda: world.query("SELECT 1 FROM told WHERE fired_at IS NOT NULL"))
        await eventually(lambda: world.query("SELECT 1 FROM timer WHERE fire_at > now() + interval '50 seconds'"))


async def test_a_refused_command_changes_nothing(world: World) -> None:
    sink, complaint = world.sink(ledger.Handlers()), uuid4()

    def refuse(case: ledger.Told, now: datetime) -> Any:
        case.note = "half done"
        raise Problem(409, "Conflict", "not now")

    with pytest.raises(Problem, match="not now"):
        await sink.work.command(complaint, refuse)
    with pytest.raises(Conflict, match="version 0, not 7"):
        await sink.work.command(complaint, lambda case, now: [], expected=7)
    assert not await world.query("SELECT 1 FROM told")
    assert (await sink.work.command(complaint, lambda case, now: [], expected=0)).version == 1
    await sink.closed()


async def test_another_deployment_is_refused(world: World) -> None:
    sink = world.sink(ledger.Handlers())
    stranger = sink.settings.model_copy(update={"deployment_id": "another"})
    sink.settings = stranger
    with pytest.raises(Refused, match="belongs to deployment 'test-deployment'"):
        await sink.opened()
    await sink.closed()


async def test_a_role_sees_its_own_schema_alone(world: World) -> None:
    sink = world.sink(ledger.Handlers())
    async with sink.db.transaction() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 0
        visible = await tx.execute(
            text(
                "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'usage') AND nspname !~ '^pg_|inform'"
            )
        )
        assert [row.nspname for row in visible] == ["escalation"]
    await sink.closed()


async def test_an_event_that_is_too_large_is_refused_inside_its_transaction(world: World) -> None:
    source, complaint = world.source(), uuid4()
    with pytest.raises(codec.TooLarge):
        await emit(source, complaint, received(complaint, text="x" * 300_000))
    await source.closed()
    assert not await world.query("SELECT 1 FROM intake.outbox")


async def test_a_database_from_before_what_the_topic_knows_is_refused(world: World) -> None:
    complaint = uuid4()
    async with running(world.source()) as source, running(world.sink(ledger.Handlers())):
        await emit(source, complaint, received(complaint))
        await eventually(lambda: told_entries(world, complaint, 1))
        await eventually(lambda: outbox_is_empty(world))
    for table in ("stream", "inbox", "timer", "told", "consumer_position"):
        await world.execute(f"DELETE FROM {table}")
    restored = world.sink(ledger.Handlers())
    with pytest.raises(Refused, match="restored from before"):
        await restored.consumer.run(LoopControl("escalation", "consumer", asyncio.Event()))
    await restored.closed()
    async with running(world.sink(ledger.Handlers(), accept_older_database=True)):
        await eventually(lambda: told_entries(world, complaint, 1))
