"""The notifier on a real PostgreSQL, a real Kafka and a real SMTP server that misbehaves on purpose."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.events import escalation, intake, routing
from shared.events.envelope import source_of
from shared.spine import totals as counted
from shared.spine.effects import Emit
from tests.support import correspondence, spines
from tests.support.notifier import Running, Servers, address, running
from tests.support.servers import DEPLOYMENT


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:
    """One running notifier for all tests here: each has complaints and addresses of its own."""
    async with running(notifier_servers, tmp_path_factory.mktemp("notifier")) as one:
        yield one


def soon() -> escalation.ClocksChanged:
    """Clocks of a complaint that is on time."""
    return correspondence.clocks(decision=correspondence.later(days=5))


def day_of(moment: datetime) -> str:
    """The day as an English letter writes it."""
    return f"{moment.day} {moment:%B}"


async def test_the_acknowledgement_names_the_date_and_goes_out_once(w: Running) -> None:
    complaint = uuid4()
    thread = intake.MailThread(message_id="<two@customer.example>", references=("<one@customer.example>",))
    await w.tell(complaint, correspondence.received(email=address(complaint), thread=thread), correspondence.triaged())
    await w.tell(complaint, soon())
    letter = await w.settled(complaint, "acknowledgement", "sent")
    [mail] = w.smtp.to(address(complaint))
    assert mail["Message-ID"] == f"<{letter['id']}@amends.example>"
    assert mail["In-Reply-To"] == "<two@customer.example>"
    assert mail["References"] == "<one@customer.example> <two@customer.example>"
    assert mail["Reply-To"] == "reply+AM-7K2M9Q4T1C@amends.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert day_of(correspondence.later(days=5)) in plain.get_content()
    # What was promised is on record, and became a promise with the letter.
    [promise] = await w.rows("SELECT kind, state, due_at FROM promise WHERE complaint_id = :c", c=complaint)
    assert (promise.kind, promise.state) == ("date", "open")
    # The same events again, under new ids, owe nothing new.
    await w.tell(complaint, correspondence.triaged(), soon())
    await asyncio.sleep(1.0)
    assert [one["kind"] for one in await w.letters(complaint)] == ["acknowledgement"]
    assert len(w.smtp.to(address(complaint))) == 1


async def test_without_clocks_the_acknowledgement_goes_after_the_wait_and_the_date_follows(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)))
    first = await w.settled(complaint, "acknowledgement", "sent")
    assert "date of our answer" in first["text"]
    await w.tell(complaint, soon())
    second = await w.settled(complaint, "progress", "sent")
    assert day_of(correspondence.later(days=5)) in second["text"]


async def test_refusals_are_retried_or_final_as_the_server_says(w: Running) -> None:
    outcomes = {
        "busy450": "sent", "closing421": "sent", "gone550": "failed", "full552": "failed", "always450": "failed",
    }  # fmt: skip
    complaints = {name: uuid4() for name in outcomes}
    for name, complaint in complaints.items():
        await w.tell(complaint, correspondence.received(email=address(complaint, name)), correspondence.triaged(),
                     soon())  # fmt: skip
    for name, state in outcomes.items():
        letter = await w.settled(complaints[name], "acknowledgement", state)
        if name in ("busy450", "closing421"):
            assert w.smtp.recipients.count(address(complaints[name], name)) == 1
            assert letter["attempts"] == (1 if name == "closing421" else 2)
        if name == "gone550":
            assert letter["reason"] == "550 5.1.1"
            assert w.smtp.tries[address(complaints[name], name)] == 1
        if name == "always450":
            assert "until the deadline" in letter["reason"]
            assert w.smtp.tries[address(complaints[name], name)] > 2
    async with w.pools.transaction() as tx:
        totals = {labels: n for (_, labels), n in (await counted.read(tx, "amends_letters_total")).items()}
    real = await w.rows("SELECT state, count(*) AS n FROM letter WHERE kind = 'acknowledgement' GROUP BY 1")
    assert {r.state: r.n for r in real}.items() >= {"sent": totals["acknowledgement", "sent"], "failed": 3}.items()
    assert totals["acknowledgement", "failed"] == 3
    assert totals["acknowledgement", "retry"] >= 2


async def test_a_lost_answer_is_unknown_and_sent_again_by_a_person_only(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint, "drop")), correspondence.triaged(),
                 soon())  # fmt: skip
    letter = await w.settled(complaint, "acknowledgement", "unknown")
    await asyncio.sleep(1.5)
    assert w.smtp.recipients.count(address(complaint, "drop")) == 1
    async with w.client("channel") as client:
        assert (await client.post(f"/v1/letters/{letter['id']}/resend")).status_code == 403
    async with w.client() as client:
        answer = await client.post(f"/v1/letters/{letter['id']}/resend")
        assert answer.status_code == 200, answer.text
        assert (await client.post(f"/v1/letters/{uuid4()}/resend")).status_code == 404

    async def twice() -> bool:
        return w.smtp.recipients.count(address(complaint, "drop")) == 2

    await spines.eventually(twice)
    first, second = w.smtp.to(address(complaint, "drop"))
    assert first["Message-ID"] == second["Message-ID"] == f"<{letter['id']}@amends.example>"


async def test_a_sender_that_died_leaves_unknown_letters(w: Running) -> None:
    complaint, letter = uuid4(), uuid4()
    await w.tell(complaint, correspondence.received(email=None))
    await w.settled(complaint, "acknowledgement", "no_address")
    await w.rows(
        "UPDATE letter SET state = 'sending', address = 'a@example.org', lease_until = now() - interval '1 second' "
        "WHERE complaint_id = :c RETURNING id", c=complaint,
    )  # fmt: skip
    found = await w.settled(complaint, "acknowledgement", "unknown")
    assert found["id"] != str(letter)
    assert not w.smtp.to(address(complaint))


async def test_no_address_is_recorded_and_told(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=None), correspondence.triaged(),
                 soon())  # fmt: skip
    letter = await w.settled(complaint, "acknowledgement", "no_address")
    assert letter["reason"] == "no_address"
    async with w.client() as client:
        answer = await client.post(f"/v1/letters/{letter['id']}/resend")
        assert answer.status_code == 409


async def test_the_answer_goes_out_with_its_promises_and_keeps_earlier_ones(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 soon())  # fmt: skip
    await w.settled(complaint, "acknowledgement", "sent")
    await w.tell(complaint, correspondence.decided())
    answer = await w.settled(complaint, "resolution", "sent")
    assert answer["by_person"] == "zhang-min"
    assert "credit £20" in answer["text"]
    promises = {r.kind: r for r in await w.rows("SELECT * FROM promise WHERE complaint_id = :c", c=complaint)}
    assert promises["date"].state == "kept"
    assert promises["date"].evidence == f"letter {answer['id']}"
    assert (promises["remedy"].state, promises["remedy"].amount) == ("open", "20")
    mail = w.smtp.to(address(complaint))[-1]
    assert mail["Auto-Submitted"] is None
    done = routing.RemedyCarriedOut(
        decision_id=uuid4(), remedy_id="r1", at=correspondence.later(), evidence="booked", by="zhang-min"
    )
    await w.tell(complaint, done)

    async def kept() -> Any:
        rows = await w.rows("SELECT state FROM promise WHERE complaint_id = :c AND kind = 'remedy'", c=complaint)
        return rows[0].state == "kept"

    await spines.eventually(kept)
    async with w.client("auditor") as client:
        listed = (await client.get("/v1/promises", params={"state": "kept"})).json()
    assert {one["kind"] for one in listed if one["complaint_id"] == str(complaint)} == {"date", "remedy"}


async def test_a_promise_that_is_not_kept_is_broken_at_its_time(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 correspondence.clocks(decision=correspondence.later(seconds=2)))  # fmt: skip
    await w.settled(complaint, "acknowledgement", "sent")

    async def broken() -> Any:
        rows = await w.rows("SELECT state, settled_at, due_at FROM promise WHERE complaint_id = :c", c=complaint)
        return rows and rows[0].state == "broken" and rows[0].settled_at == rows[0].due_at

    await spines.eventually(broken)


async def test_a_delay_is_apologised_for_unless_better_news_comes(w: Running) -> None:
    told, healed, clock = uuid4(), uuid4(), uuid4()
    for complaint in (told, healed):
        await w.tell(complaint, correspondence.received(email=address(complaint)),
                     correspondence.triaged(), correspondence.assigned(),
                     correspondence.clocks(decision=correspondence.later(seconds=-1)),
                     correspondence.breached(clock_id=clock))  # fmt: skip
    await w.settled(healed, "delay_apology", "owed")
    retracted = escalation.SlaBreachRetracted(
        clock_id=clock, kind="decision", version=1, due_at=correspondence.later(), met_at=correspondence.later()
    )
    await w.tell(healed, retracted)
    await w.settled(healed, "delay_apology", "cancelled")
    letter = await w.settled(told, "delay_apology", "sent")
    assert "Zhang Min" in letter["text"]
    assert "our failure" in letter["text"]
    assert address(healed) in w.smtp.recipients  # the acknowledgement
    assert w.smtp.recipients.count(address(healed)) == 1


async def test_danger_to_life_holds_automatic_letters_until_a_person_lets_them_go(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged("T0"),
                 soon())  # fmt: skip
    letter = await w.settled(complaint, "acknowledgement", "blocked")
    await asyncio.sleep(0.5)
    assert not w.smtp.to(address(complaint))
    async with w.client("handler", "somebody") as client:
        answer = await client.post(f"/v1/letters/{letter['id']}/approve", json={})
        assert answer.status_code == 200, answer.text
    await w.settled(complaint, "acknowledgement", "sent")


async def test_money_above_the_authority_waits_for_a_lead(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 correspondence.decided(correspondence.decision("501")))  # fmt: skip
    letter = await w.settled(complaint, "resolution", "blocked")
    assert letter["reason"].startswith("approval: 501 GBP")
    async with w.client("lead", "zhang-min") as client:
        assert (await client.post(f"/v1/letters/{letter['id']}/approve")).status_code == 403
    async with w.client("handler", "other") as client:
        assert (await client.post(f"/v1/letters/{letter['id']}/approve")).status_code == 403
        assert (await client.get("/v1/approvals")).status_code == 403
    async with w.client("approver", "grace") as client:
        [asked] = [one for one in (await client.get("/v1/approvals")).json() if one["id"] == letter["id"]]
        assert (asked["approval"]["sums"], asked["approval"]["authority"]) == ({"GBP": "501"}, {"GBP": "500"})
        assert (await client.post(f"/v1/letters/{letter['id']}/approve")).status_code == 200
        assert letter["id"] not in [one["id"] for one in (await client.get("/v1/approvals")).json()]
    sent = await w.settled(complaint, "resolution", "sent")
    assert sent["approved_by"] == "grace"


async def test_an_approver_amends_a_sum_and_the_ledger_holds_the_amended_promise(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 correspondence.decided(correspondence.decision("120"), authority={"GBP": "50"}))  # fmt: skip
    letter = await w.settled(complaint, "resolution", "blocked")
    change = {"remedies": [{"remedy": "r1", "amount": "80"}], "reason": "the fee was £80"}
    async with w.client("approver", "grace") as client:
        for wrong in ({**change, "remedies": []}, {**change, "remedies": [{"remedy": "r1"}]}, {**change, "reason": ""}):
            assert (await client.post(f"/v1/letters/{letter['id']}/amend", json=wrong)).status_code == 422
        answer = await client.post(f"/v1/letters/{letter['id']}/amend", json=change)
        assert answer.status_code == 200, answer.text
    [log] = answer.json()["amended"]
    assert (log["who"], log["before"]["amount"], log["after"]["amount"]) == ("grace", "120", "80")
    await w.settled(complaint, "resolution", "sent")
    [row] = await w.rows("SELECT amount FROM promise WHERE complaint_id = :c AND kind = 'remedy'", c=complaint)
    assert row.amount == "80"
    # By its id: the acknowledgement, which waits for clocks that never come, may be the later one.
    [mail] = [m for m in w.smtp.to(address(complaint)) if m["Message-ID"] == f"<{letter['id']}@amends.example>"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "£80" in plain.get_content()


async def test_a_missing_field_is_named_and_no_letter_goes_out(w: Running) -> None:
    complaint = uuid4()
    record = correspondence.decision()
    issue = record.issues[0].model_copy(update={"apology": None})
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 correspondence.decided(record.model_copy(update={"issues": (issue,)})))  # fmt: skip
    letter = await w.settled(complaint, "resolution", "blocked")
    assert letter["reason"] == "missing: issues[0].apology"
    async with w.client() as client:
        assert (await client.post(f"/v1/letters/{letter['id']}/approve")).status_code == 409
        stopped = await client.post(f"/v1/letters/{letter['id']}/reject", json={"reason": "decide again"})
        assert stopped.status_code == 200
        assert stopped.json()["state"] == "cancelled"


async def test_words_that_hurt_are_stopped_at_the_gate(w: Running) -> None:
    complaint = uuid4()
    await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                 correspondence.replied("You failed to keep it. We will reply as soon as possible."))  # fmt: skip
    letter = await w.settled(complaint, "reply", "blocked")
    assert {"E1", "C2"} <= set(letter["findings"])


async def test_withdrawal_cancels_what_waits_and_is_confirmed(w: Running) -> None:
    complaint = uuid4()
    late = correspondence.clocks(decision=correspondence.later(seconds=-1))
    await w.tell(
        complaint,
        correspondence.received(email=address(complaint)),
        correspondence.triaged(),
        late,
        correspondence.breached(),
    )
    await w.settled(complaint, "delay_apology", "owed")
    await w.tell(complaint, correspondence.withdrawn())
    await w.settled(complaint, "withdrawal_confirmation", "sent")
    await w.settled(complaint, "delay_apology", "cancelled")


async def test_many_letters_share_few_connections(w: Running) -> None:
    complaints = [uuid4() for _ in range(40)]
    warm = uuid4()
    await w.tell(warm, correspondence.received(email=address(warm)), correspondence.triaged(), soon())
    await w.settled(warm, "acknowledgement", "sent")
    before = w.smtp.connections
    async with w.source.work.unit(complaints) as unit:
        for complaint in complaints:
            for data in (correspondence.received(email=address(complaint)), correspondence.triaged(), soon()):
                unit.service, unit.source = data.emitter, source_of(DEPLOYMENT, data.emitter)
                unit.add(complaint, uuid4(), [Emit(data)])

    async def all_sent() -> Any:
        return {address(c) for c in complaints} <= set(w.smtp.recipients)

    await spines.eventually(all_sent, seconds=20)
    assert w.smtp.connections - before <= 2  # as many as there are: none of them is opened for one letter
    assert all(len(w.smtp.to(address(c))) == 1 for c in complaints)
