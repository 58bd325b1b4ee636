"""Triage on a real database: who is told of danger, what is known of need and for how long, and our own probes."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.events.intake import MessageReceived
from shared.events.routing import ComplaintClosed, ComplaintTriaged
from shared.spine.effects import Timer
from tests.integration.test_routing_life import DECISION
from tests.support.routing import Bench, letter, received
from tests.support.servers import Database

DANGER = "The charger caught fire and my son is in hospital with burns."
DEAF = "My phone is defective. I am deaf, please write to me."


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


async def triaged(bench: Bench, complaint_id: UUID) -> ComplaintTriaged:
    (found,) = [e for e in await bench.emitted(complaint_id) if isinstance(e, ComplaintTriaged)]
    return found


async def ring(bench: Bench, complaint_id: UUID, name: str, at: datetime) -> None:
    """The timer of that name comes due at that time."""
    timers = bench.spine.timers
    assert timers is not None
    timer = Timer(complaint_id, name, at, 0)
    await bench.spine.work.command(complaint_id, lambda case, now: timers.on_timer(case, timer, at))


async def test_danger_goes_before_everybody_and_to_the_leads_list(bench: Bench) -> None:
    await bench.handler("zhang", capacity=1)
    ordinary = await bench.complaint(tier="top")
    danger = await bench.complaint(DANGER, tier="low")
    assert await bench.rounds.round() == 1
    rows = await bench.sql("SELECT complaint_id, state, rank, lead_wanted FROM case_file ORDER BY rank")
    assert (rows[0].complaint_id, rows[0].state, rows[0].rank) == (danger, "offered", 0)
    assert rows[0].lead_wanted.startswith("trigger:T0.")
    assert rows[1].complaint_id == ordinary
    found = await triaged(bench, danger)
    assert {t.level for t in found.triggers} == {"T0"}
    assert found.severity == "P1"


async def test_need_is_kept_with_words_basis_and_end_for_owner_and_lead_alone(bench: Bench) -> None:
    await bench.handler("zhang")
    await bench.handler("wang", presence="away")
    complaint_id = await bench.complaint(DEAF)
    await bench.rounds.round()
    seen = {}
    for name, role in (("lena", "lead"), ("wang", "handler"), ("vera", "quality")):
        seen[role] = (await bench.as_(name, role).get(f"/v1/cases/{complaint_id}")).json()
    (care,) = seen["lead"]["care"]
    assert (care["rule"], care["span"]) == ("V.health", "deaf")
    assert "art. 9" in care["basis"]
    assert datetime.fromisoformat(care["until"]) - datetime.now(UTC) > timedelta(days=89)
    assert [seen[role]["care"] for role in ("handler", "quality")] == [[], []]
    assert [seen[role]["evidence"] for role in ("handler", "quality")] == [[], []]
    assert seen["handler"]["vulnerable"], "what to do is everybody's to know, why is not"


async def test_need_is_forgotten_when_its_time_is_over(bench: Bench) -> None:
    complaint_id = await bench.complaint(DEAF)
    (armed,) = await bench.sql("SELECT fire_at FROM timer WHERE name = 'care'")
    assert armed.fire_at - datetime.now(UTC) > timedelta(days=89)
    await ring(bench, complaint_id, "care", armed.fire_at)
    (row,) = await bench.sql("SELECT document, rank FROM case_file")
    assert "deaf" not in str(row.document)
    assert (row.document.get("vulnerable"), row.document.get("flags"), row.rank) == (None, None, 3)


async def test_a_second_complaint_about_the_same_in_thirty_days_is_the_leads(bench: Bench) -> None:
    again = received("The phone is defective, the screen went black.")
    customer = again.customer.model_copy(update={"recent_matters": ("C1_product_quality", "C5_staff_service")})
    complaint_id, other = uuid4(), uuid4()
    await bench.feed(complaint_id, again.model_copy(update={"customer": customer}))
    await bench.feed(
        other, received("No signal at home, calls drop all the time.").model_copy(update={"customer": customer})
    )
    assert (await triaged(bench, complaint_id)).repeat is True
    assert (await triaged(bench, other)).repeat is None
    rows = await bench.sql("SELECT complaint_id, lead_wanted FROM case_file WHERE lead_wanted IS NOT NULL")
    assert [(r.complaint_id, r.lead_wanted) for r in rows] == [(complaint_id, "repeat_contact")]


async def test_a_pipeline_probe_meets_no_person_and_ends_with_its_acknowledgement(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint(DANGER, probe="pipeline")
    assert await bench.rounds.round() == 0, "nobody is asked"
    found = await triaged(bench, complaint_id)
    assert (found.triggers, found.vulnerable, dict(found.personal)) == ((), False, {})
    lead = bench.as_("lena", "lead")
    assert (await lead.get("/v1/cases")).json() == []
    assert (await lead.get("/v1/cases?q=Li Na")).json() == []
    await bench.feed(complaint_id, letter("acknowledgement"))
    (closed,) = [e for e in await bench.emitted(complaint_id) if isinstance(e, ComplaintClosed)]
    assert closed.by == "amends"
    assert (await lead.get(f"/v1/cases/{complaint_id}")).json()["state"] == "closed"
    assert await bench.sql("SELECT 1 FROM timer") == []
    assert await bench.sql("SELECT 1 FROM total WHERE metric = 'amends_closed_total'") == [], "out of statistics"
    await bench.feed(complaint_id, letter("acknowledgement"))
    assert (await bench.types(complaint_id)).count("ComplaintClosed") == 1


async def test_a_probe_that_is_never_answered_ends_too_and_a_question_as_well(bench: Bench) -> None:
    complaint_id, question = await bench.complaint(probe="pipeline"), uuid4()
    asked = received("When do you open?").model_dump(exclude={"source", "expected", "probe"}, exclude_none=True)
    fields = {k: v for k, v in asked.items() if k in MessageReceived.model_fields}
    await bench.feed(question, MessageReceived(kind="question", probe="pipeline", **fields))
    for id_ in (complaint_id, question):
        await ring(bench, id_, "probe", datetime.now(UTC))
    assert [r.state for r in await bench.sql("SELECT state FROM case_file")] == ["closed", "closed"]
    assert "ComplaintClosed" in await bench.types(complaint_id)
    assert await bench.types(question) == []


async def test_a_mystery_customer_is_ordinary_until_the_case_is_closed_and_then_qualitys(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint(probe="mystery")
    assert await bench.rounds.round() == 1
    zhang, lead = bench.as_("zhang"), bench.as_("lena", "lead")
    quality = bench.as_("vera", "quality")

    async def told() -> list[str]:
        return [row["complaint_id"] for row in (await quality.get("/v1/mystery")).json()]

    assert await told() == []
    for who in (zhang, lead, quality):
        assert "mystery" not in (await who.get(f"/v1/cases/{complaint_id}")).text
        assert "mystery" not in (await who.get(f"/v1/cases/{complaint_id}/history")).text
        assert "mystery" not in (await who.get("/v1/cases?q=Li Na")).text
    decided = await zhang.post(f"/v1/cases/{complaint_id}/decide", json=DECISION | {"remedies": []})
    assert decided.status_code == 200, decided.text
    await bench.sql(
        "UPDATE case_file SET state = 'closed', document = document || '{\"state\": \"closed\"}' "
        "WHERE complaint_id = :id", id=complaint_id
    )  # fmt: skip
    assert await told() == [str(complaint_id)]
    assert (await quality.get(f"/v1/cases/{complaint_id}")).json()["probe"] == "mystery"
    for who in (zhang, lead):
        assert "mystery" not in (await who.get(f"/v1/cases/{complaint_id}")).text
        assert (await who.get("/v1/mystery")).status_code == 403
    assert await bench.sql("SELECT 1 FROM total WHERE metric = 'amends_decisions_total'") == [], "out of statistics"
