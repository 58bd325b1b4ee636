"""What routing says, as escalation reads it: enquiries and hand-offs are clocks, and the customer's clocks run on."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from uuid import UUID

import pytest

from shared.events.routing import ComplaintTransferred, EnquiryAnswered, EnquiryOpened
from tests.integration.test_routing_cases import REACHED
from tests.support.lives import World, book_of
from tests.support.routing import Bench, received
from tests.support.servers import Database

HOUSE = (files("services.escalation") / "packs" / "house-tiered.yaml").read_text("utf-8")


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


class Follower:
    """Escalation, fed with what routing's outbox holds about one complaint, in its order."""

    def __init__(self, bench: Bench, complaint_id: UUID) -> None:
        self.bench, self.complaint_id, self.seen = bench, complaint_id, 0
        self.world = World(book_of(HOUSE), datetime.now(UTC))

    async def catch_up(self) -> None:
        told = await self.bench.emitted(self.complaint_id)
        for payload in told[self.seen :]:
            if type(payload) in self.world.handlers:
                self.world.now = datetime.now(UTC)
                self.world.tell(payload)
        self.seen = len(told)

    def states(self, kind: str) -> list[str]:
        return [clock.state for clock in self.world.case.clocks.values() if clock.kind == kind]


async def begun(bench: Bench) -> Follower:
    event = received("The phone is defective.")
    follower = Follower(bench, UUID(int=77))
    await bench.handler("zhang")
    await bench.feed(follower.complaint_id, event)
    follower.world.tell(event)
    assert await bench.rounds.round() == 1
    await follower.catch_up()
    return follower


async def test_an_enquiry_is_a_clock_and_pauses_none_of_the_customers(bench: Bench) -> None:
    escalation = await begun(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{escalation.complaint_id}"
    before = {name: clock.due_at for name, clock in escalation.world.case.clocks.items()}
    due = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    asked = (await zhang.post(f"{path}/enquiries", json={"to": "network", "question": "Why?", "due": due})).json()
    await escalation.catch_up()
    assert any(isinstance(p, EnquiryOpened) for p in await bench.emitted(escalation.complaint_id))
    assert escalation.states("enquiry") == ["running"]
    assert escalation.states("decision") == ["running"]
    moved = {name: clock.due_at for name, clock in escalation.world.case.clocks.items() if name in before}
    assert moved == before, "nobody's date moved"
    answer = f"{path}/enquiries/{asked['enquiries'][0]['enquiry_id']}/answer"
    assert (await zhang.post(answer, json={"answer": "A cable."})).status_code == 200
    await escalation.catch_up()
    assert any(isinstance(p, EnquiryAnswered) for p in await bench.emitted(escalation.complaint_id))
    assert escalation.states("enquiry") == ["met"]
    question = {"text": "Which model?", "answer_by": due}
    assert (await zhang.post(f"{path}/ask", json=question)).status_code == 200
    await escalation.catch_up()
    assert escalation.states("decision") == ["paused"], "only a question to the customer does that"


async def test_a_hand_off_is_a_clock_that_the_new_owner_stops(bench: Bench) -> None:
    escalation = await begun(bench)
    await bench.handler("wang")
    path = f"/v1/cases/{escalation.complaint_id}"
    given = {"to": "wang", "reason": "holiday", "note": "She expects a call today."}
    assert (await bench.as_("zhang").post(f"{path}/transfer", json=given)).status_code == 200
    await escalation.catch_up()
    assert any(isinstance(p, ComplaintTransferred) for p in await bench.emitted(escalation.complaint_id))
    assert escalation.states("handoff") == ["running"]
    await bench.as_("zhang").post(f"{path}/contacts", json=REACHED)
    await escalation.catch_up()
    assert escalation.states("handoff") == ["running"], "who gave it away cannot stop it"
    await bench.as_("wang").post(f"{path}/contacts", json={**REACHED, "outcome": "no_answer"})
    await escalation.catch_up()
    assert escalation.states("handoff") == ["running"], "nobody was reached"
    await bench.as_("wang").post(f"{path}/contacts", json=REACHED)
    await escalation.catch_up()
    assert escalation.states("handoff") == ["met"]
