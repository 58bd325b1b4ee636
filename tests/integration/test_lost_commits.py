"""The connection is lost at a COMMIT: what was done is not done again, what was not done is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from uuid import uuid4

import pytest

from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from shared.base import doubt
from shared.base.db import InDoubt
from shared.events.escalation import ClocksChanged
from shared.spine.effects import Effect, Emit
from tests.support import correspondence, ledger, lossy
from tests.support.notifier import Servers, address, running
from tests.support.servers import Database
from tests.support.spines import World, topic_of_its_own


@pytest.fixture
async def world(database: Callable[..., Database], kafka: Kafka) -> AsyncIterator[World]:
    made = World(database(), kafka.bootstrap, await topic_of_its_own(kafka.bootstrap))
    await made.prepare()
    yield made
    await made.admin.close()


def note(case: ledger.Told, now: datetime) -> Iterable[Effect]:
    """A command that anybody may repeat: nothing in it says that it was there already."""
    case.entries.append("noted")
    return [Emit(ClocksChanged(clocks=()))]


@pytest.mark.parametrize("loss", ["unsent", "unanswered"])
async def test_a_command_whose_commit_is_lost_is_applied_once(world: World, loss: lossy.Loss) -> None:
    complaint = uuid4()
    async with lossy.wire(world.database.url("escalation")) as wire:
        sink = world.sink(ledger.Handlers(), database_url=wire.url)
        wire.losses.extend([loss, loss])
        case = await sink.work.command(complaint, note)
        again = await sink.work.command(complaint, note)
        await sink.closed()
    assert wire.lost == 2
    assert (case.version, again.version) == (1, 2)
    assert (await world.told())[complaint] == ["noted", "noted"]
    assert len(await world.query("SELECT 1 FROM escalation.outbox")) == 2


async def test_a_commit_that_nobody_can_be_asked_about_is_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "ASKED_FOR", 0.5)
    complaint = uuid4()
    async with lossy.wire(world.database.url("escalation")) as wire:
        sink = world.sink(ledger.Handlers(), database_url=wire.url)
        wire.losses.append("unanswered")
        wire.refuse_after_loss = True
        with pytest.raises(InDoubt):
            await sink.work.command(complaint, note)
        await sink.closed()
    assert (await world.told())[complaint] == ["noted"]


@pytest.mark.parametrize("loss", ["unsent", "unanswered"])
async def test_a_letter_whose_writing_or_claim_lost_its_commit_is_sent_once_and_known_to_be(
    postgres: Postgres, server_keys: Keys, migrated_template: str, kafka: Kafka,
    tmp_path_factory: pytest.TempPathFactory, loss: lossy.Loss,
) -> None:  # fmt: skip
    servers = Servers(postgres, server_keys, migrated_template, kafka)
    async with running(servers, tmp_path_factory.mktemp("n"), over=True) as w:
        complaints = [uuid4() for _ in range(12)]
        for complaint in complaints:
            w.wire.losses.append(loss)
            clocks = correspondence.clocks(decision=correspondence.later(days=5))
            await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(), clocks)
            await asyncio.sleep(0.1)
        for complaint in complaints:
            await w.settled(complaint, "acknowledgement", "sent")
            assert len(w.smtp.to(address(complaint))) == 1
        assert w.wire.lost >= 6
