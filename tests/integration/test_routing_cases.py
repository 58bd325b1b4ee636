"""Cases as the issue wants them, sentence by sentence: through the API and the events, on a real database."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml

from services.routing.handlers import timer_handler
from services.routing.handlers.ending import CLOSE_TIMER, NO_ANSWER_TIMER
from shared.events.intake import CustomerReplied, OutcomeAccepted, OutcomeDisputed, Person
from shared.events.routing import (
    AuthorityRequested,
    ComplaintClosed,
    ComplaintReferredOutside,
    ComplaintResolved,
    ContactMade,
    CorrectionWritten,
    EnquiryOpened,
    OutsideDecided,
    VerificationRequested,
)
from shared.spine.effects import Timer
from tests.integration.test_routing_life import DECISION, assigned, said
from tests.support.routing import Bench, letter, received
from tests.support.servers import Database

REACHED = {"direction": "out", "channel": "phone", "outcome": "reached", "summary": "Talked about it."}
PLAIN = {**DECISION, "remedies": []}


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


def soon(days: float = 1) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def due(bench: Bench, complaint_id: UUID, name: str) -> None:
    """An armed timer of the case comes due, as if its days were over."""
    armed = await bench.sql(
        "DELETE FROM timer WHERE complaint_id = :id AND name = :name RETURNING fire_at, version",
        id=complaint_id, name=name,
    )  # fmt: skip
    assert armed, f"the timer {name} is not armed"
    timer = Timer(complaint_id, name, armed[0].fire_at, armed[0].version)
    fire = timer_handler(bench.rounds.policy)
    await bench.spine.work.command(complaint_id, lambda case, now: fire(case, timer, now))


async def emitted(bench: Bench, complaint_id: UUID, model: type) -> Any:
    return next(p for p in reversed(await bench.emitted(complaint_id)) if isinstance(p, model))


async def told(bench: Bench, complaint_id: UUID, body: dict[str, Any] = PLAIN, by: str = "zhang") -> None:
    answer = await bench.as_(by).post(f"/v1/cases/{complaint_id}/decide", json=body)
    assert answer.status_code == 200, answer.text
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(answer.json()["decision"]["decision_id"])))


async def test_a_department_is_asked_in_the_customers_own_words_and_the_case_keeps_its_owner(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint("The line drops every evening at eight, and nobody believes me.")
    await bench.rounds.round()
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    asked = await zhang.post(f"{path}/enquiries", json={"to": "network", "question": "What broke?", "due": soon()})
    assert (asked.json()["state"], asked.json()["handler"]["id"]) == ("waiting_enquiry", "zhang")
    event = await emitted(bench, complaint_id, EnquiryOpened)
    (words,) = event.personal.values()
    assert words.customer == ("The line drops every evening at eight, and nobody believes me.", "And now?")
    (listed,) = (await zhang.get("/v1/enquiries", params={"to": "network"})).json()
    assert listed["customer"][0].startswith("The line drops every evening")
    assert (await zhang.get("/v1/enquiries", params={"to": "billing"})).json() == []
    answered = await zhang.post(f"{path}/enquiries/{listed['enquiry_id']}/answer", json={"answer": "A cable."})
    assert (answered.json()["state"], answered.json()["handler"]["id"]) == ("assigned", "zhang")
    (done,) = (await zhang.get("/v1/enquiries", params={"answered": True})).json()
    assert done["answer"] == "A cable."


async def test_a_case_is_handed_over_with_a_reason_and_a_note_that_stays_inside(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    await bench.handler("wang")
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    bare = await zhang.post(f"{path}/transfer", json={"to": "wang", "reason": "holiday"})
    assert (bare.status_code, bare.json()["errors"][0]["pointer"]) == (422, "/note")
    secret = "He shouts at first, then listens."
    moved = await zhang.post(f"{path}/transfer", json={"to": "wang", "reason": "holiday", "note": secret})
    assert moved.json()["handler"]["id"] == "wang"
    history = (await bench.as_("wang").get(f"{path}/history")).json()
    assert [h["data"]["text"] for h in history if h["kind"] == "note"] == [secret]
    assert not any(secret in p.model_dump_json() for p in await bench.emitted(complaint_id))


@pytest.mark.parametrize("outcome", ["reached", "no_answer", "voicemail", "wrong_number"])
async def test_every_outcome_of_a_contact_is_recorded(bench: Bench, outcome: str) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    assert (await zhang.post(f"{path}/contacts", json={**REACHED, "outcome": outcome})).status_code == 200
    event = await emitted(bench, complaint_id, ContactMade)
    assert (event.outcome, event.handler.id) == (outcome, "zhang")
    case = (await zhang.get(path)).json()
    assert (case["first_response_at"] is not None) == (outcome == "reached")
    unheard = {**REACHED, "outcome": outcome, "customer_confirmed_resolved": True}
    assert (await zhang.post(f"{path}/contacts", json=unheard)).status_code == (200 if outcome == "reached" else 422)


async def test_what_was_agreed_on_the_phone_is_told_for_the_letter(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    body = {
        **REACHED, "heard": "The line is slow in the evening",
        "agreed": [{"what": "have the line measured", "by": "2026-06-12", "who": "we"}],
        "asked": [{"what": "leave the router on", "by": "2026-06-12"}],
    }  # fmt: skip
    assert (await bench.as_("zhang").post(f"/v1/cases/{complaint_id}/contacts", json=body)).status_code == 200
    (words,) = (await emitted(bench, complaint_id, ContactMade)).personal.values()
    assert (words.heard, words.agreed[0].what, words.agreed[0].by, words.asked[0].who) == (
        "The line is slow in the evening", "have the line measured", "2026-06-12", None,
    )  # fmt: skip


@pytest.mark.parametrize(("days", "result"), [(29, "no"), (31, "yes")])
async def test_resolved_at_the_first_contact_is_known_after_thirty_quiet_days(
    bench: Bench, days: int, result: str
) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    assert (await zhang.get(path)).json()["first_contact"] is None
    await zhang.post(f"{path}/contacts", json={**REACHED, "customer_confirmed_resolved": True})
    assert (await zhang.get(path)).json()["first_contact"]["result"] == "pending"
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    assert (await zhang.get(path)).json()["first_contact"]["result"] == "no"
    await _age(bench, complaint_id, 40)
    await bench.sql(
        "UPDATE history SET at = (SELECT confirmed_at FROM case_file c WHERE c.complaint_id = history.complaint_id) "
        "+ make_interval(days => :days) WHERE complaint_id = :id AND kind = 'customer_replied'",
        id=complaint_id, days=days,
    )  # fmt: skip
    assert (await zhang.get(path)).json()["first_contact"]["result"] == result
    figures = (await zhang.get("/v1/figures/first-contact")).json()
    assert (figures[result], figures["share"]) == (1, 1.0 if result == "yes" else 0.0)


async def test_the_history_names_an_address_that_is_not_on_record(bench: Bench) -> None:
    complaint_id, who = await assigned(bench), uuid4()
    word: Any = said(CustomerReplied, message_id=who, unknown_sender=who)
    word.personal[who] = Person(email="who@elsewhere.example")
    await bench.feed(complaint_id, word)
    history = (await bench.as_("zhang").get(f"/v1/cases/{complaint_id}/history")).json()
    assert [h["data"] for h in history if h["kind"] == "unknown_sender"] == [{"address": "who@elsewhere.example"}]


async def _age(bench: Bench, complaint_id: UUID, days: int) -> None:
    """Everything about a case happened so many days earlier."""
    await bench.sql(
        "UPDATE case_file SET confirmed_at = confirmed_at - make_interval(days => :days) WHERE complaint_id = :id",
        id=complaint_id, days=days,
    )  # fmt: skip
    await bench.sql(
        "UPDATE history SET at = at - make_interval(days => :days) WHERE complaint_id = :id", id=complaint_id, days=days
    )


async def test_another_complaint_about_the_same_cause_is_a_contact_on_the_matter(bench: Bench) -> None:
    await bench.handler("zhang")
    first = received("The phone is defective.")
    complaint_id, again, other = uuid4(), uuid4(), uuid4()
    await bench.feed(complaint_id, first)
    await bench.rounds.round()
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await zhang.post(f"{path}/contacts", json={**REACHED, "customer_confirmed_resolved": True})
    same = {"customer": first.customer, "reference": "AM-AGAIN00000"}
    words = {
        first.customer.customer_id: first.personal[first.customer.customer_id].model_copy(update={"text": "Bill."})
    }
    await bench.feed(other, first.model_copy(update={**same, "personal": words, "received_at": datetime.now(UTC)}))
    assert (await zhang.get(path)).json()["first_contact"]["result"] == "pending"
    await bench.feed(again, first.model_copy(update={**same, "received_at": datetime.now(UTC)}))
    case = (await zhang.get(path)).json()
    assert case["first_contact"]["result"] == "no"
    assert {c["complaint_id"] for c in case["customer"]["earlier"]} == {str(again), str(other)}


async def test_two_contacts_are_not_one(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await zhang.post(f"{path}/contacts", json=REACHED)
    await zhang.post(f"{path}/contacts", json={**REACHED, "customer_confirmed_resolved": True})
    assert (await zhang.get(path)).json()["first_contact"]["result"] == "no"


async def test_where_the_policy_wants_it_the_customer_hears_first_what_we_have_in_mind(
    database: Callable[..., Database], tmp_path: Path
) -> None:
    house = Path(__file__).parents[2] / "services" / "routing" / "data" / "house.yaml"
    document = yaml.safe_load(house.read_text("utf-8"))
    document["tell_first"] = {"when": [{"tier": "top"}], "tries": 2}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(document), "utf-8")
    bench = Bench(database(), policy=tmp_path / "policy.yaml")
    try:
        await bench.handler("zhang")
        cases = [await bench.complaint(tier=tier) for tier in ("top", "top", "low")]
        for complaint_id in cases:
            await bench.as_("lena", "lead").post(
                f"/v1/cases/{complaint_id}/transfer", json={"to": "zhang", "reason": "his matter"}
            )
        zhang = bench.as_("zhang")
        asked, tried, free = (f"/v1/cases/{c}" for c in cases)
        assert (await zhang.post(f"{free}/decide", json=PLAIN)).status_code == 200
        refused = await zhang.post(f"{asked}/decide", json=PLAIN)
        assert (refused.status_code, "preliminary" in refused.json()["detail"]) == (409, True)
        await zhang.post(f"{asked}/contacts", json={**REACHED, "preliminary": True})
        assert (await zhang.post(f"{asked}/decide", json=PLAIN)).status_code == 200
        for _ in range(2):
            assert (await zhang.post(f"{tried}/decide", json=PLAIN)).status_code == 409
            await zhang.post(f"{tried}/contacts", json={**REACHED, "outcome": "no_answer"})
        assert (await zhang.post(f"{tried}/decide", json=PLAIN)).status_code == 200
    finally:
        await bench.close()


async def test_stage_two_is_decided_by_another_person_lead_or_not(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    lena, path = bench.as_("lena", "lead"), f"/v1/cases/{complaint_id}"
    await told(bench, complaint_id, by="lena")
    await bench.feed(complaint_id, said(OutcomeDisputed))  # type: ignore[arg-type]
    await bench.handler("wang")
    assert await bench.rounds.round() == 1
    assert (await lena.post(f"{path}/take-over", json={"reason": "mine"})).status_code == 409
    assert (await lena.post(f"{path}/decide", json=PLAIN)).status_code == 409
    answer = await bench.as_("wang").post(f"{path}/decide", json={**PLAIN, "deadlock": True})
    assert answer.status_code == 200
    decided = (await bench.emitted(complaint_id))[-1]
    assert (decided.stage, decided.deadlock) == (2, True)  # type: ignore[attr-defined]
    await bench.feed(complaint_id, letter("final", decision_id=UUID(answer.json()["decision"]["decision_id"])))
    assert (await lena.get(path)).json()["state"] == "final"


async def test_who_has_a_conflict_of_interest_leaves_the_case_to_others(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, lena, path = bench.as_("zhang"), bench.as_("lena", "lead"), f"/v1/cases/{complaint_id}"
    await bench.handler("wang", presence="away")
    assert (
        await bench.as_("wang").post(f"{path}/conflict", json={"handler": "zhang", "reason": "x"})
    ).status_code == 403
    left = await zhang.post(f"{path}/conflict", json={"reason": "The customer is my cousin."})
    assert (left.json()["state"], left.json()["handler"], left.json()["conflicts"]) == ("waiting", None, ["zhang"])
    assert await bench.rounds.round() == 0, "nobody else is there"
    given = {"to": "zhang", "reason": "no one else", "note": "x"}
    assert (await lena.post(f"{path}/transfer", json=given)).status_code == 409
    await bench.handler("wang")
    assert await bench.rounds.round() == 1
    case = (await lena.get(path)).json()
    assert (case["handler"]["id"], case["conflicts"]) == ("wang", {"zhang": "The customer is my cousin."})
    assert (await zhang.post(f"{path}/reply", json={"text": "hello"})).status_code == 403
    assert not any("cousin" in p.model_dump_json() for p in await bench.emitted(complaint_id))


async def test_what_outside_bodies_decide_is_recorded_and_what_they_order_is_owed(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    early = {"body": "Ombudsman", "outcome": "upheld", "decided_on": "2026-06-20", "binding": True}
    assert (await zhang.post(f"{path}/outside-decision", json=early)).status_code == 409
    sent = {"body": "Ombudsman", "contact": "0800 555 0199", "reference": "EOS-1", "file_by": "2026-06-12"}
    assert (await zhang.post(f"{path}/external", json=sent)).json()["state"] == "referred_outside"
    remedy = {"type": "refund", "class": "refund", "amount": "40", "currency": "CNY", "by": "2026-07-01",
              "actor": "Zhang", "issue": "a"}  # fmt: skip
    loose = {**early, "binding": False, "remedies": [remedy]}
    assert (await zhang.post(f"{path}/outside-decision", json=loose)).status_code == 422
    ruled = {**early, "reference": "EOS-1", "remedies": [remedy]}
    case = (await zhang.post(f"{path}/outside-decision", json=ruled)).json()
    (found,) = case["outside_decisions"]
    assert (case["state"], found["outcome"], found["binding"]) == ("referred_outside", "upheld", True)
    assert (await emitted(bench, complaint_id, OutsideDecided)).remedies[0].id == "o1"
    assert (await zhang.post(f"{path}/outside-decision", json=ruled)).status_code == 409
    assert "o1" in (await zhang.post(f"{path}/close", json={})).json()["detail"]
    done = {"remedy_id": "o1", "evidence": "transfer 77812"}
    assert (await zhang.post(f"{path}/remedy-done", json=done)).status_code == 200
    assert (await zhang.post(f"{path}/close", json={})).json()["state"] == "closed"


async def test_a_matter_of_others_is_forwarded_or_shown_the_way_with_what_the_customer_needs(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    for bare, pointer in (
        ({"body": "City", "how": "out_of_scope"}, "/reason"),
        ({"body": "City", "how": "out_of_scope", "reason": "theirs"}, "/examined"),
        ({"body": "Example Energy", "how": "forwarded"}, "/contact"),
    ):
        refused = await zhang.post(f"{path}/external", json=bare)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    whole = {"body": "City", "how": "out_of_scope", "reason": "The car park is theirs.", "examined": ["land register"],
             "contact": "1 Market Hall", "answer_by": "2026-06-27"}  # fmt: skip
    assert (await zhang.post(f"{path}/external", json=whole)).status_code == 200
    event = await emitted(bench, complaint_id, ComplaintReferredOutside)
    (words,) = event.personal.values()
    assert (event.how, event.answer_by, words.examined) == ("out_of_scope", "2026-06-27", ("land register",))


async def test_authority_identity_and_corrections_are_asked_for_and_pause_nothing(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    behalf = {"about": "authority", "on_behalf_of": "Li Guihua", "answer_by": soon(10)}
    assert (await zhang.post(f"{path}/ask", json=behalf)).json()["state"] == "assigned"
    who = {"about": "identity", "address": "x@example.net", "message_at": soon(-1), "answer_by": soon(10)}
    assert (await zhang.post(f"{path}/ask", json={**who, "address": None})).status_code == 422
    assert (await zhang.post(f"{path}/ask", json=who)).json()["state"] == "assigned"
    wrong = {"wrong": "We credit £20.", "right": "the credit is £25", "letter_on": "2026-06-05"}
    assert (await zhang.post(f"{path}/correction", json=wrong)).status_code == 200
    asked = await emitted(bench, complaint_id, VerificationRequested)
    assert asked.personal[asked.request_id].email == "x@example.net"
    assert (await emitted(bench, complaint_id, AuthorityRequested)).handler.id == "zhang"
    (words,) = (await emitted(bench, complaint_id, CorrectionWritten)).personal.values()
    assert (words.wrong, words.right) == ("We credit £20.", "the credit is £25")


async def test_settled_on_the_spot_only_when_the_customer_says_so(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    how = {"settled_how": "We refunded £12."}
    assert (await zhang.post(f"{path}/resolve", json=how)).status_code == 409
    await zhang.post(f"{path}/contacts", json={**REACHED, "customer_confirmed_resolved": True})
    assert (await zhang.post(f"{path}/resolve", json=how)).json()["state"] == "resolved"
    event = await emitted(bench, complaint_id, ComplaintResolved)
    (words,) = event.personal.values()
    assert (event.summary, words.text, event.handler.id) == (True, "We refunded £12.", "zhang")
    assert event.accepted_at is not None


async def test_reopening_is_counted_apart(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await told(bench, complaint_id)
    await zhang.post(f"{path}/resolve", json={})
    assert (await zhang.post(f"{path}/reopen", json={"reason": "again"})).json()["reopened"] == 1
    totals = await _totals(bench)
    assert totals["amends_reopened_total", "staff"] == 1
    assert totals["amends_decisions_total", "partly", "1"] == 1, "the first outcome stays counted as it was"
    await told(bench, complaint_id)
    await zhang.post(f"{path}/resolve", json={})
    totals = await _totals(bench)
    assert sum(v for k, v in totals.items() if k[0] == "amends_resolved_total") == 1, "resolved for the first time once"


async def _totals(bench: Bench) -> dict[tuple[str, ...], float]:
    rows = await bench.sql("SELECT metric, labels, sum(n) AS n FROM total GROUP BY metric, labels")
    return {(row.metric, *json.loads(row.labels)): row.n for row in rows}


async def test_a_resolved_case_closes_by_itself_unless_something_is_owed(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await told(bench, complaint_id)
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    await zhang.post(f"{path}/resolve", json={})
    await due(bench, complaint_id, CLOSE_TIMER)
    case = (await zhang.get(path)).json()
    assert (case["state"], "closing_waits" in case["warnings"]) == ("resolved", True)
    await zhang.post(f"{path}/reply", json={"text": "Seen, thank you."})
    await bench.feed(complaint_id, said(OutcomeAccepted))  # type: ignore[arg-type]
    await due(bench, complaint_id, CLOSE_TIMER)
    assert (await zhang.get(path)).json()["state"] == "closed"
    assert (await emitted(bench, complaint_id, ComplaintClosed)).reason == "accepted"


async def test_a_question_without_an_answer_closes_after_two_reminders_and_a_word_opens_it_again(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await zhang.post(f"{path}/ask", json={"text": "Which model?", "answer_by": soon(5)})
    await bench.feed(complaint_id, letter("reminder"))
    assert not await bench.sql("SELECT FROM timer WHERE name = :n", n=NO_ANSWER_TIMER)
    await bench.feed(complaint_id, letter("reminder"))
    await due(bench, complaint_id, NO_ANSWER_TIMER)
    closed = await emitted(bench, complaint_id, ComplaintClosed)
    assert (closed.reason, len(closed.reminded_at), closed.asked_at is not None) == ("no_answer", 2, True)
    assert (await zhang.get(path)).json()["state"] == "closed"
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    assert (await zhang.get(path)).json()["state"] == "reopened"


async def test_an_answer_in_time_keeps_the_case_open(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await zhang.post(f"{path}/ask", json={"text": "Which model?", "answer_by": soon(5)})
    await bench.feed(complaint_id, letter("reminder"), letter("reminder"))
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    assert not await bench.sql("SELECT FROM timer WHERE name = :n", n=NO_ANSWER_TIMER)
    assert (await zhang.get(path)).json()["state"] == "assigned"


async def test_what_colleagues_tell_one_another_stands_in_no_event_and_so_on_no_page_and_in_no_letter(
    bench: Bench,
) -> None:
    complaint_id = await assigned(bench)
    await bench.handler("wang")
    zhang, path, secret = bench.as_("zhang"), f"/v1/cases/{complaint_id}", "The director's nephew."
    said_inside: list[tuple[str, dict[str, Any]]] = [
        ("note", {"text": secret}), ("call-lead", {"reason": secret}),
        ("conflict", {"handler": "lena", "reason": secret}),
        ("transfer", {"to": "wang", "reason": "holiday", "note": secret}),
    ]  # fmt: skip
    for name, body in said_inside:
        by = bench.as_("max", "lead") if name == "conflict" else zhang
        answer = await by.post(f"{path}/{name}", json=body)
        assert answer.status_code == 200, answer.text
    told_outside = await bench.sql("SELECT convert_from(body, 'UTF8') AS body FROM outbox")
    assert told_outside
    assert not any("nephew" in row.body for row in told_outside)
