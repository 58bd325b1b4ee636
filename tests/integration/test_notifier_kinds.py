"""Each kind of letter that an event or a person brings: from the event to the mail that the server took."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notifier import policy
from shared.events import routing
from shared.events.common import Text
from shared.events.intake import CustomerReplied
from tests.support import correspondence as c
from tests.support.notifier import POLICY, Running, Servers, address, running
from tests.unit.test_notifier_byhand import agreed, noted, settled, verify
from tests.unit.test_notifier_milestones import represented, rung
from tests.unit.test_notifier_questions import closed
from tests.unit.test_notifier_strangers import written


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:  # fmt: skip
    """A notifier whose policy says the customers' rights."""
    told = f"rights: {policy.load(None).rights!r}\n"
    async with running(notifier_servers, tmp_path_factory.mktemp("kinds"), policy=POLICY + told) as one:
        yield one


def elsewhere(how: Any) -> routing.ComplaintReferredOutside:
    words = {c.CUSTOMER: routing.ReferralWords(reason="your meter is theirs", examined=("your bill of 30 May",))}
    return routing.ComplaintReferredOutside(
        at=c.later(), by="ada", how=how, body="Example Energy", contact="010 555 0188", handler=c.HANDLER,
        personal=words,
    )  # fmt: skip


def corrected() -> routing.CorrectionWritten:
    words = routing.CorrectionWords(
        text="", wrong="I will credit £20 to your account by Monday 8 June.", right="the credit is £25"
    )
    return routing.CorrectionWritten(
        message_id=uuid4(), letter_on="2026-06-05", handler=c.HANDLER, personal={c.CUSTOMER: words}
    )


LIMIT_OVER = closed().model_copy(
    update={"asked_at": c.later(days=-30), "reminded_at": (c.later(days=-20), c.later(days=-10))}
)
WHY = Text(en="The laboratory has the phone until 11 June", zh="手机在检测")
OCCASIONS = {
    "call_summary": (agreed(), "have the line measured again"),
    "summary_resolution": (settled(), "we refunded £12"),
    "out_of_scope": (elsewhere("out_of_scope"), "The decision about this lies with Example Energy"),
    "forwarded": (elsewhere("forwarded"), "because your meter is theirs"),
    "referral": (rung(), "an outside body can decide your complaint"),
    "holding": (rung("holding_letter", reason=WHY), "The laboratory has the phone"),
    "final": (c.decided(stage=2, handler=c.LEAD), "This is our final answer"),
    "correction": (corrected(), "This is right: the credit is £25"),
    "withdrawal_confirmation": (noted(), "?t=Qx81"),
    "closing_no_answer": (LIMIT_OVER, "we closed the case for now"),
}


async def test_each_of_these_events_is_written_checked_and_sent_once(w: Running) -> None:
    complaints: dict[str, UUID] = {kind: uuid4() for kind in OCCASIONS}
    for kind, complaint in complaints.items():
        await w.tell(complaint, c.received(email=address(complaint)), c.triaged(), c.clocks(decision=c.later(days=5)))
        await w.tell(complaint, c.assigned(), OCCASIONS[kind][0])
    for kind, complaint in complaints.items():
        letter = await w.settled(complaint, kind, "sent")
        assert OCCASIONS[kind][1] in letter["text"], kind
        assert sorted(one["kind"] for one in await w.letters(complaint)) == sorted(["acknowledgement", kind])
        mails = [m for m in w.smtp.to(address(complaint)) if m["Message-ID"] == f"<{letter['id']}@amends.example>"]
        assert len(mails) == 1


async def test_who_is_asked_who_they_are_gets_their_own_mail(w: Running) -> None:
    complaint = uuid4()
    speaker, stranger = f"mei@c{complaint.hex[:8]}.example", f"who@c{complaint.hex[:8]}.example"
    received = represented("claimed", address(complaint))
    (id_,) = set(received.personal) - {c.CUSTOMER}
    received.personal[id_] = received.personal[id_].model_copy(update={"email": speaker})
    await w.tell(complaint, received, c.triaged(), c.clocks(decision=c.later(days=5)), c.assigned(), verify(stranger))
    await w.settled(complaint, "authority_request", "sent")
    await w.settled(complaint, "verification_request", "sent")
    await w.settled(complaint, "acknowledgement", "sent")
    assert [len(w.smtp.to(one)) for one in (speaker, stranger, address(complaint))] == [1, 1, 1]
    assert "Li Na" not in str(w.smtp.to(stranger)[0])


async def test_who_asks_from_an_unknown_address_is_asked_who_they_are_by_itself(w: Running) -> None:
    complaint = uuid4()
    stranger = f"who@c{complaint.hex[:8]}.example"
    await w.tell(complaint, c.received(email=address(complaint)), c.triaged(), c.clocks(decision=c.later(days=5)))
    await w.tell(complaint, c.assigned(), written(CustomerReplied, stranger), written(CustomerReplied, stranger))
    await w.settled(complaint, "verification_request", "sent")
    await w.settled(complaint, "acknowledgement", "sent")
    [mail] = w.smtp.to(stranger)
    assert not any(word in str(mail) for word in ("Li Na", "refund"))


REGRET = {
    "happened": "your charger caught fire on 2 June and that your hand was burnt",
    "doing": ["We took this charger off sale in all our shops on 4 June"],
    "caller": "Ada Kaye", "caller_role": "our complaints lead", "call_by": c.later(days=1).isoformat(),
}  # fmt: skip


async def test_regret_after_harm_is_written_by_a_person_and_approved_by_another(w: Running) -> None:
    complaint, harmless = uuid4(), uuid4()
    await w.tell(complaint, c.received(email=address(complaint)), c.triaged("T0"), c.clocks(), c.assigned())
    await w.tell(harmless, c.received(email=address(harmless)), c.triaged(), c.clocks(), c.assigned())
    await w.settled(complaint, "acknowledgement", "blocked")
    await w.settled(harmless, "acknowledgement", "sent")
    async with w.client("handler", "zhang-min") as client:
        assert (await client.post(f"/v1/complaints/{harmless}/regret", json=REGRET)).status_code == 409
        assert (
            await client.post(f"/v1/complaints/{complaint}/regret", json={**REGRET, "doing": []})
        ).status_code == 422
        answer = await client.post(f"/v1/complaints/{complaint}/regret", json=REGRET)
        assert (answer.status_code, answer.json()["state"]) == (201, "blocked"), answer.text
        letter = answer.json()["id"]
        assert (await client.post(f"/v1/letters/{letter}/approve")).status_code == 403
    async with w.client("lead", "zhang-min") as client:
        assert (await client.post(f"/v1/letters/{letter}/approve")).status_code == 403  # nobody approves their own
    async with w.client("lead", "ada") as client:
        assert (await client.post(f"/v1/letters/{letter}/approve")).status_code == 200
    sent = await w.settled(complaint, "regret_and_action", "sent")
    assert "I am very sorry that your charger caught fire" in sent["text"]


async def test_one_notice_goes_to_many_when_a_second_person_has_approved_it(w: Running) -> None:
    complaints = [uuid4() for _ in range(3)]
    for one in complaints:
        await w.tell(one, c.received(email=address(one)), c.triaged(), c.clocks())
        await w.settled(one, "acknowledgement", "sent")
    notice = {
        "id": str(uuid4()), "complaints": [str(one) for one in (*complaints, uuid4())], "since": "2026-06-05",
        "incident": "the broken broadband in Garden Street", "restored_on": "2026-06-08",
        "what_happened": "A digger cut the cable under Garden Street on 5 June, and 312 homes lost their connection",
    }  # fmt: skip
    async with w.client("lead", "ben") as client:
        assert (await client.post("/v1/notices", json={**notice, "restored_on": None})).status_code == 422
        for _ in range(2):
            made = (await client.post("/v1/notices", json=notice)).json()
            assert (made["done"], len(made["refused"])) == (3, 1)
        assert (await client.post(f"/v1/notices/{notice['id']}/approve")).status_code == 403
        assert (await client.post(f"/v1/notices/{uuid4()}/approve")).status_code == 404
    assert all(len(w.smtp.to(address(one))) == 1 for one in complaints)
    async with w.client("manager", "grace") as client:
        assert (await client.post(f"/v1/notices/{notice['id']}/approve")).json()["done"] == 3
    for one in complaints:
        letter = await w.settled(one, "bulk_notice", "sent")
        assert "It has been working again since 8 June" in letter["text"]
        assert [m["kind"] for m in await w.letters(one)] == ["acknowledgement", "bulk_notice"]
