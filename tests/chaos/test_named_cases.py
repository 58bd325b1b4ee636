"""What can go wrong by a late word, a bug, an outage or a mistake, each on the four real services."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.local.kafka import Kafka
from deploy.local.processes import run
from tests.support.customers import Customers
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
CONTACT = {"direction": "out", "outcome": "reached", "summary": "Explained what happens next."}


async def rows(chaos: Customers, complaint: UUID, statement: str) -> list[Any]:
    return await chaos.house.query(f"{statement} WHERE complaint_id = $1", complaint)


async def all_of(complaints: Sequence[UUID], check: Callable[[UUID], Awaitable[Any]]) -> bool:
    return all([await check(complaint) for complaint in complaints])


async def work_on(chaos: Customers, complaint: UUID, command: str, body: Any) -> None:
    """A command of the handler, repeated until the case is the handler's."""

    async def done() -> bool:
        path = f"/v1/cases/{complaint}/{command}"
        answer = await chaos.house.call("routing", "POST", path, body, name="robin", role="handler")
        assert answer.status_code in (200, 201, 404, 409), answer.text
        return answer.status_code < 300

    await eventually(done, what=command)


async def test_the_same_key_many_times_at_once_is_one_complaint(chaos: Customers) -> None:
    body = {"channel": "web", "customer": {"email": "twice@example.org"}, "text": "Sent by an impatient browser."}
    key = str(uuid4())
    ids = await asyncio.gather(*(chaos.post(body, key) for _ in range(20)))
    assert len(set(ids)) == 1
    await chaos.at_rest()


async def test_an_event_that_a_bug_cannot_handle_is_retried_in_order_after_the_mending(chaos: Customers) -> None:
    house = chaos.house
    await house.patch("routing", "sabotage:poisonous")
    sick, well = await chaos.complain(), await chaos.complain()
    for word in ("before", "poison", "after"):
        await chaos.reply(sick, word)
    await chaos.reply(well, "hello")

    async def parked() -> Any:
        listed = ("parked", "list", "--service", "routing", "--json")
        found = json.loads(await asyncio.to_thread(house.amends, *listed, service="routing"))
        return found if sum(row["type"] == "complaint.customer-replied.v1" for row in found) == 2 else None

    waiting = await eventually(parked, seconds=40)
    assert [row["state"] for row in waiting] == ["parked", *["queued"] * (len(waiting) - 1)]
    assert {row["complaint_id"] for row in waiting} == {str(sick)}
    await eventually(lambda: told(chaos, well, 1))
    refused = await house.call("routing", "POST", f"/v1/cases/{sick}/note", {"text": "?"}, name="lead", role="lead")
    assert refused.status_code == 409

    await house.patch("routing")
    release = ("parked", "release", str(waiting[0]["id"]), "--service", "routing", "--by", "ops", "--retry")
    await asyncio.to_thread(house.amends, *release, service="routing")
    await eventually(lambda: told(chaos, sick, 3), seconds=40)
    assert await replies(chaos, sick) == ["before", "poison", "after"]
    await chaos.at_rest()


async def told(chaos: Customers, complaint: UUID, n: int) -> bool:
    return len(await replies(chaos, complaint)) == n


async def replies(chaos: Customers, complaint: UUID) -> list[str]:
    query = "SELECT data->>'text' FROM routing.history WHERE complaint_id = $1 AND kind = 'customer_replied' ORDER BY n"
    return [row[0].split(":")[0] for row in await chaos.house.query(query, complaint)]


async def test_a_response_in_time_that_is_told_after_the_breach_takes_it_back(chaos: Customers) -> None:
    """Routing's relay is held back: escalation hears of the contact only when the deadline has passed."""
    complaint = await chaos.complain(tier="middle")
    await eventually(lambda: rows(chaos, complaint, "SELECT 1 FROM escalation.clock"))
    await eventually(lambda: assigned(chaos, complaint))
    await chaos.house.patch("routing", "sabotage:relay-held")
    await work_on(chaos, complaint, "contacts", CONTACT)
    await eventually(lambda: clock_states(chaos, complaint, {"first_response": "breached"}))
    await eventually(lambda: letters(chaos, complaint, "delay_apology"), what="the apology is owed")
    await chaos.house.patch("routing")
    await eventually(lambda: clock_states(chaos, complaint, {"first_response": "met"}))
    await chaos.at_rest()
    assert await letters(chaos, complaint, "delay_apology") == ["cancelled"]


async def assigned(chaos: Customers, complaint: UUID) -> bool:
    found = await rows(chaos, complaint, "SELECT state FROM routing.case_file")
    return bool(found) and found[0]["state"] == "assigned"


async def clock_states(chaos: Customers, complaint: UUID, wanted: dict[str, str]) -> bool:
    found = {r["kind"]: r["state"] for r in await rows(chaos, complaint, "SELECT kind, state FROM escalation.clock")}
    return wanted.items() <= found.items()


async def letters(chaos: Customers, complaint: UUID, kind: str) -> list[str]:
    found = await rows(chaos, complaint, "SELECT kind, state FROM notifier.letter")
    return [row["state"] for row in found if row["kind"] == kind]


DECISION = {
    "examined": ["Listened to the recording of the call"],
    "issues": [
        {
            "id": "delay", "what": "the late repair", "finding": "substantiated", "request": "granted",
            "facts": [{"text": "the repair took twelve days", "source": "repair record", "date": "2026-11-02"}],
            "reason": "the spare part was ordered too late", "apology": {"kind": "responsibility", "for": "the delay"},
        }
    ],
    "cause": "C2_repair_quality", "improvement": "Spare parts for this model are now kept in stock.",
}  # fmt: skip


async def test_deadlines_that_pass_while_escalation_is_down_are_judged_by_what_happened_in_time(
    chaos: Customers,
) -> None:
    several = await asyncio.gather(*(chaos.complain(tier="high", language="en") for _ in range(10)))
    await eventually(lambda: all_of(several, lambda c: rows(chaos, c, "SELECT 1 FROM escalation.clock")))
    await asyncio.to_thread(chaos.house.stop, "escalation")
    for complaint in several:
        await work_on(chaos, complaint, "contacts", CONTACT)
        await work_on(chaos, complaint, "decide", DECISION)
    await eventually(lambda: all_of(several, lambda c: told_by_letter(chaos, c)), what="the letters are sent")
    query = (
        "SELECT count(*) AS n, max(due_at) AS last FROM escalation.clock "
        "WHERE complaint_id = ANY($1) AND kind IN ('first_response', 'decision')"
    )
    deadlines = (await chaos.house.query(query, several))[0]
    assert deadlines["n"] == 20
    await eventually(lambda: chaos.house.query("SELECT 1 WHERE now() > $1", deadlines["last"]), seconds=30)
    await asyncio.to_thread(chaos.house.start, "escalation")
    both = {"first_response": "met", "decision": "met"}
    await eventually(lambda: all_of(several, lambda c: clock_states(chaos, c, both)))
    for complaint in several:
        assert not [s for s in await letters(chaos, complaint, "delay_apology") if s != "cancelled"]
    await chaos.at_rest()


async def told_by_letter(chaos: Customers, complaint: UUID) -> bool:
    return await letters(chaos, complaint, "resolution") == ["sent"]


async def test_without_a_broker_from_the_start_complaints_are_accepted(chaos: Customers, kafka: Kafka) -> None:
    house = chaos.house
    await asyncio.to_thread(house.stop, "intake")
    await asyncio.to_thread(kafka.child.kill)
    try:
        await asyncio.to_thread(house.start, "intake")
        outages = chaos.outages
        for _ in range(5):
            await chaos.complain()
        assert chaos.outages == outages
    finally:
        kafka.launch()
        await asyncio.to_thread(kafka.wait_ready)
    await chaos.at_rest()


def test_a_service_of_another_deployment_is_refused(chaos: Customers) -> None:
    env = chaos.house.around.for_process("routing-3", "routing") | {"AMENDS_DEPLOYMENT_ID": "another"}
    done = run([sys.executable, "-m", "services.routing"], env=env, timeout=60)
    assert done.returncode == 78
    assert "belongs to deployment 'test-deployment', not to 'another'" in done.stdout
