"""Routing with all its loops on a real PostgreSQL and a real Kafka: two replicas, offers by time, nothing twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.kafka import Kafka
from services.routing.app import build
from services.routing.settings import Settings
from shared.base.runtime import Supervisor
from shared.spine.spine import Spine
from tests.support import spines
from tests.support.routing import KEY, Bench, offering, received
from tests.support.servers import DEPLOYMENT, Database

READING = "SELECT 1 FROM consumer_position HAVING count(*) FILTER (WHERE caught_up_at > now() - interval '5 s') = 12"


@dataclass
class Running:
    """Two replicas of routing, a source of intake's events, and a bench to look at the database."""

    source: Spine[Any]
    bench: Bench

    async def tell(self, complaint: UUID, *data: Any) -> None:
        """Let intake say these."""
        await spines.tell(self.source, complaint, *data)


@pytest.fixture
async def world(
    database: Callable[..., Database], kafka: Kafka, topic: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Running]:
    made = database()
    settings = Settings(
        database_url=made.url("routing"), deployment_id=DEPLOYMENT, kafka_bootstrap=kafka.bootstrap, topic=topic,
        token_key=KEY, session_timeout=2, routing_policy=offering(tmp_path, seconds=request.param),
    )  # fmt: skip
    source = Spine(
        spines.settings(made, "intake", kafka.bootstrap, topic), service="intake", store=spines.Nothing(), handlers={}
    )
    bench = Bench(made, settings.routing_policy, topic)
    services = [build(settings) for _ in range(2)]
    supervisors = [Supervisor(s) for s in services]
    async with spines.running(source, loops=["prune", "relay"]):
        tasks = [asyncio.create_task(s.run()) for s in supervisors]
        await spines.eventually(lambda: bench.sql(READING), what="the consumers to have joined")
        yield Running(source, bench)
        for supervisor in supervisors:
            supervisor.request_stop()
        await asyncio.gather(*tasks)
        for service in services:
            await service.closed()
        await bench.close()


@pytest.mark.parametrize("world", [1.5], indirect=True)
async def test_an_ignored_offer_goes_to_the_next_by_time_and_is_taken(world: Running) -> None:
    bench, complaint = world.bench, uuid4()
    await bench.handler("wang")
    await bench.handler("zhang")
    await world.tell(complaint, received("The phone is defective."))

    async def offers(count: int) -> Any:
        found = await bench.sql("SELECT * FROM offer WHERE complaint_id = :id ORDER BY made_at", id=complaint)
        return found if len(found) >= count else None

    first = (await spines.eventually(lambda: offers(1), what="the first offer"))[0]
    second = (await spines.eventually(lambda: offers(2), what="the next offer"))[1]
    assert {first.handler_id, second.handler_id} == {"wang", "zhang"}
    answer = await bench.as_(second.handler_id).post(f"/v1/offers/{second.offer_id}/accept")
    assert answer.json()["state"] == "assigned"
    states = [row.state for row in await offers(2)]
    assert states == ["expired", "accepted"]
    late = await bench.sql("SELECT extract(epoch FROM ended_at - expires_at) AS s FROM offer WHERE state = 'expired'")
    assert 0 <= late[0].s < 2


@pytest.mark.parametrize("world", [60], indirect=True)
async def test_two_replicas_offer_every_case_once_at_a_time_and_forget_none(world: Running) -> None:
    bench = world.bench
    for n in range(4):
        await bench.handler(f"h{n}", capacity=50)
    complaints = [uuid4() for _ in range(60)]
    await asyncio.gather(*(world.tell(c, received("The phone is defective.")) for c in complaints))

    async def take() -> Any:
        for n in range(4):
            person = bench.as_(f"h{n}")
            for offer in (await person.get(f"/v1/handlers/h{n}/offers")).json():
                await person.post(f"/v1/offers/{offer['offer_id']}/accept")
        rows = await bench.sql("SELECT count(*) AS n FROM case_file WHERE state = 'assigned'")
        return rows[0].n == 60

    await spines.eventually(take, what="every case to have an owner")
    accepted = await bench.sql("SELECT complaint_id FROM offer WHERE state = 'accepted'")
    assert Counter(row.complaint_id for row in accepted) == Counter(complaints)
    overlapping = await bench.sql(
        "SELECT 1 FROM offer a JOIN offer b USING (complaint_id) WHERE a.offer_id < b.offer_id "
        "AND tstzrange(a.made_at, COALESCE(a.ended_at, a.expires_at)) "
        "&& tstzrange(b.made_at, COALESCE(b.ended_at, b.expires_at))"
    )
    assert not overlapping
    assert await bench.sql("SELECT count(*) AS n FROM parked") == [(0,)]
