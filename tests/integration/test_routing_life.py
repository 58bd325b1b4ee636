"""A case's life through routing: events in, commands through the API, events out, on a real database."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events.escalation import ClocksChanged
from shared.events.intake import (
    ComplaintWithdrawn,
    CustomerReplied,
    MessageReceived,
    OutcomeDisputed,
    Person,
    ReopenRequested,
)
from shared.events.notifier import PromiseMade
from tests.support.routing import Bench, clocks, letter, received
from tests.support.servers import Database

DECISION: dict[str, Any] = {
    "examined": ["order", "test report of 5 June"],
    "issues": [
        {"id": "refund", "what": "refund of the phone", "finding": "not_substantiated", "request": "alternative",
         "facts": [{"text": "No fault was found", "source": "test report", "date": "2026-06-05"}], "reason": "fine"},
        {"id": "wait", "what": "late answer", "finding": "substantiated", "request": "granted", "reason": "late",
         "apology": {"kind": "responsibility", "for": "four days without an answer"}},
    ],
    "remedies": [{"type": "credit", "class": "goodwill", "amount": "20", "currency": "CNY", "by": "2026-06-15",
                  "actor": "Zhang Min", "issue": "wait"}],
    "calls_to_action": [{"action": "bring the phone", "channel": "shop", "contact": "010-5550100", "by": "2026-06-30"}],
    "cause": "C8",
}  # fmt: skip


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    yield made
    await made.close()


def said(model: type, customer: UUID | None = None, **more: object) -> object:
    who = customer or uuid4()
    return model(
        customer_id=who, channel="web", received_at=datetime.now(UTC), personal={who: Person(text="And now?")}, **more
    )


async def assigned(bench: Bench, handler: str = "zhang") -> UUID:
    await bench.handler(handler)
    complaint_id = await bench.complaint()
    assert await bench.rounds.round() == 1
    return complaint_id


async def test_received_is_triaged_and_given_to_who_can(bench: Bench) -> None:
    await bench.handler("wang", skills={"network": 5})
    complaint_id = await assigned(bench)
    case = (await bench.as_("zhang").get(f"/v1/cases/{complaint_id}")).json()
    assert (case["state"], case["cause"], case["handler"]["id"]) == ("assigned", "C1_product_quality", "zhang")
    assert "decide" in case["allowed"]
    assert await bench.types(complaint_id) == ["ComplaintTriaged", "ComplaintAssigned"]
    why = (await bench.as_("zhang").get(f"/v1/cases/{complaint_id}/explanation")).json()
    verdicts = {c["handler"]: (c["verdict"], c.get("reason")) for c in why["candidates"]}
    assert verdicts == {"zhang": ("chosen", None), "wang": ("refused", "skill:product:2")}
    assert "Zhang" in why["words"]["en"]


async def test_what_the_case_knows_already_changes_nothing(bench: Bench) -> None:
    complaint_id = await bench.complaint()
    (running,) = clocks(timedelta(hours=5), "acknowledgement").clocks
    (decision,) = clocks(timedelta(days=5)).clocks
    await bench.feed(complaint_id, ClocksChanged(clocks=(running, decision)), letter("acknowledgement"))
    case, written = await bench.case(complaint_id), await bench.sql("SELECT xmin::text FROM case_file")
    assert [(c.kind, c.state) for c in case.clocks] == [("acknowledgement", "met"), ("decision", "running")]
    met = running.model_copy(update={"state": "met"})
    await bench.feed(complaint_id, ClocksChanged(clocks=(decision, met)))
    assert await bench.case(complaint_id) == case
    assert await bench.sql("SELECT xmin::text FROM case_file") == written
    later = decision.model_copy(update={"due_at": decision.due_at + timedelta(days=1)})
    await bench.feed(complaint_id, ClocksChanged(clocks=(met, later)))
    after = await bench.case(complaint_id)
    assert (after.version, after.due_at) == (case.version + 1, later.due_at)


async def test_from_assignment_to_closing(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    await bench.feed(complaint_id, clocks(timedelta(hours=5)))
    contact = {"direction": "out", "channel": "phone", "outcome": "reached", "summary": "Explained what we look at."}
    assert (await zhang.post(f"{path}/contacts", json=contact)).status_code == 200
    answer = await zhang.post(f"{path}/decide", json=DECISION)
    assert answer.status_code == 200, answer.text
    decision = answer.json()["decision"]
    assert (decision["overall"], answer.json()["cause"]) == ("partly", "C8_measuring_gap")

    early = await zhang.post(f"{path}/resolve", json={})
    assert early.status_code == 409
    assert "resolve" not in early.json()["allowed"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decision["decision_id"])))
    promise = PromiseMade(promise_id=uuid4(), kind="date", due_at=datetime.now(UTC), letter_id=uuid4())
    await bench.feed(complaint_id, promise)
    assert (await zhang.get(path)).json()["state"] == "communicated"
    refused = await zhang.post(f"{path}/resolve", json={})
    assert (refused.status_code, "r1" in refused.json()["detail"]) == (409, True)
    done = {"remedy_id": "r1", "evidence": "credit note 77"}
    assert (await zhang.post(f"{path}/remedy-done", json=done)).status_code == 200
    assert (await zhang.post(f"{path}/resolve", json={})).json()["state"] == "resolved"
    closed = await zhang.post(f"{path}/close", json={})
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert await bench.types(complaint_id) == [
        "ComplaintTriaged", "ComplaintAssigned", "ContactMade", "FirstResponseGiven", "ComplaintDecided",
        "RemedyCarriedOut", "ComplaintResolved", "ComplaintClosed",
    ]  # fmt: skip
    decided = (await bench.emitted(complaint_id))[4]
    (words,) = decided.personal.values()  # type: ignore[attr-defined]
    assert words.record.issues[1].apology.for_ == "four days without an answer"


async def test_closing_waits_for_enquiries_and_unanswered_messages(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    due = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    asked = await zhang.post(f"{path}/enquiries", json={"to": "network", "question": "What broke?", "due": due})
    assert asked.json()["state"] == "waiting_enquiry"
    enquiry = asked.json()["enquiries"][0]["enquiry_id"]
    decided = (await zhang.post(f"{path}/decide", json={**DECISION, "remedies": []})).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decided["decision_id"])))
    await bench.feed(complaint_id, said(CustomerReplied, message_id=uuid4()))  # type: ignore[arg-type]
    assert (await zhang.post(f"{path}/resolve", json={})).status_code == 200
    refused = (await zhang.post(f"{path}/close", json={})).json()
    assert "enquiry" in refused["detail"]
    assert "unanswered message" in refused["detail"]
    answer = await zhang.post(f"{path}/enquiries/{enquiry}/answer", json={"answer": "A cable."})
    assert answer.json()["enquiries"][0]["answered_at"]
    assert (await zhang.post(f"{path}/reply", json={"text": "Thank you, we have seen it."})).status_code == 200
    assert (await zhang.post(f"{path}/close", json={})).json()["state"] == "closed"


async def test_the_second_stage_goes_to_somebody_else(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    decided = (await zhang.post(f"{path}/decide", json={**DECISION, "remedies": []})).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decided["decision_id"])))
    await bench.feed(complaint_id, said(OutcomeDisputed))  # type: ignore[arg-type]
    assert (await zhang.get(path)).json()["state"] == "disputed"
    assert await bench.rounds.round() == 0  # only the one who decided is there
    await bench.handler("wang")
    assert await bench.rounds.round() == 1
    case = (await zhang.get(path)).json()
    assert (case["state"], case["stage"], case["handler"]["id"]) == ("stage2", 2, "wang")
    assert (await zhang.post(f"{path}/decide", json=DECISION)).status_code == 403
    back = await bench.as_("lena", "lead").post(
        f"{path}/transfer", json={"to": "zhang", "reason": "knows it", "note": "all is said"}
    )
    assert back.status_code == 409
    second = (await bench.as_("wang").post(f"{path}/decide", json={**DECISION, "remedies": []})).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(second["decision_id"])))
    assert (await zhang.get(path)).json()["state"] == "final"


async def test_reopening_is_counted_and_withdrawal_ends_an_offer(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    decided = (await zhang.post(f"{path}/decide", json={**DECISION, "remedies": []})).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decided["decision_id"])))
    await zhang.post(f"{path}/resolve", json={})
    await bench.feed(complaint_id, said(ReopenRequested))  # type: ignore[arg-type]
    case = (await zhang.get(path)).json()
    assert (case["state"], case["reopened"], case["handler"]["id"]) == ("reopened", 1, "zhang")
    await bench.feed(complaint_id, said(ComplaintWithdrawn, by="customer"))  # type: ignore[arg-type]
    assert (await zhang.get(path)).json()["state"] == "withdrawn"
    assert (await zhang.post(f"{path}/decide", json=DECISION)).status_code == 409


async def test_a_question_gets_an_owner_and_a_reply(bench: Bench) -> None:
    await bench.handler("zhang")
    base, message_id = received("When do you open?"), uuid4()
    question = MessageReceived(
        kind="question", reference=base.reference, channel="email", received_at=base.received_at,
        customer=base.customer, personal=base.personal,
    )  # fmt: skip
    await bench.feed(message_id, question)
    assert await bench.rounds.round() == 1
    answer = await bench.as_("zhang").post(f"/v1/cases/{message_id}/reply", json={"text": "At nine."})
    assert answer.json()["state"] == "resolved"
    assert await bench.types(message_id) == ["ReplyWritten"]


async def test_versions_and_bad_input(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang, path = bench.as_("zhang"), f"/v1/cases/{complaint_id}"
    tag = (await zhang.get(path)).headers["etag"]
    assert (await zhang.post(f"{path}/note", json={"text": "a"}, headers={"If-Match": tag})).status_code == 200
    stale = await zhang.post(f"{path}/note", json={"text": "b"}, headers={"If-Match": tag})
    assert stale.status_code == 409
    wrong = {**DECISION, "remedies": [{**DECISION["remedies"][0], "issue": "other"}]}
    answer = await zhang.post(f"{path}/decide", json=wrong)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/remedies/0/issue")
    for body in (b"{", b'{"text": "\\u0000"}', b'{"text": "\\ud800"}', b'{"text": "a", "more": 1}', b"[]", b""):
        headers = {"content-type": "application/json"}
        answer = await zhang.post(f"{path}/note", content=body, headers=headers)
        assert answer.status_code in (400, 422), body
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await zhang.post(f"/v1/cases/{uuid4()}/note", json={"text": "a"})).status_code == 404
    for due in ("0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        enquiry = {"to": "x", "question": "y", "due": due}
        assert (await zhang.post(f"{path}/enquiries", json=enquiry)).status_code == 422


async def test_search_finds_by_name_phone_reference(bench: Bench) -> None:
    complaint_id = await assigned(bench)
    zhang = bench.as_("zhang")
    reference = (await zhang.get(f"/v1/cases/{complaint_id}")).json()["reference"]
    for q in ("li na", "55501234", "5550 1234", reference.lower()):
        found = (await zhang.get("/v1/cases", params={"q": q})).json()
        assert [c["complaint_id"] for c in found] == [str(complaint_id)], q
    assert (await zhang.get("/v1/cases", params={"q": "nobody"})).json() == []
    assert (await zhang.get("/v1/cases", params={"state": "assigned", "handler": "zhang"})).json()
