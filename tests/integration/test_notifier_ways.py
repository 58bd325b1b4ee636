"""Ways to a customer: text messages to a signed gateway, addresses that came back, the way after a refusal."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.notifier.sms import segments
from shared.deliver import signing
from shared.events import intake
from tests.support import correspondence
from tests.support.notifier import Running, Servers, address, running
from tests.support.receiver import Receiver, receiver

SECRET = "s" * 24
PHONE = "+442079460123"


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Receiver]:
    async with receiver() as one:
        yield one


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers, gateway: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:  # fmt: skip
    """A notifier that has a gateway for text messages."""
    folder = tmp_path_factory.mktemp("ways")
    async with running(
        notifier_servers, folder, sms_url=gateway.url, sms_secret=SECRET, sms_networks=["127.0.0.0/8"]
    ) as one:
        yield one


def caller(email: str | None = None) -> intake.ComplaintReceived:
    """A complaint by phone."""
    person = intake.Person(name="Li Na", email=email, phone=PHONE)
    return correspondence.received(channel="hotline", personal={correspondence.CUSTOMER: person})


def texts(gateway: Receiver, letter: dict[str, Any]) -> list[dict[str, Any]]:
    """What the gateway was told for one letter."""
    told = [p for p in gateway.posts if p.headers["amends-delivery"] == letter["id"]]
    now = datetime.now(UTC)
    assert all(signing.verify(SECRET.encode(), p.headers[signing.HEADER.lower()], p.body, now) for p in told)
    return [json.loads(p.body) for p in told]


async def test_a_caller_without_email_gets_the_acknowledgement_as_a_text_message(w: Running, gateway: Receiver) -> None:
    complaint = uuid4()
    due = correspondence.later(days=5)
    await w.tell(complaint, caller(), correspondence.triaged(), correspondence.clocks(decision=due))
    letter = await w.settled(complaint, "acknowledgement", "sent")
    [message] = texts(gateway, letter)
    assert (message["to"], message["language"], message["reference"]) == (PHONE, "en", "AM-7K2M9Q4T1C")
    assert segments(message["text"]) <= 2
    assert "AM-7K2M9Q4T1C" in message["text"]
    assert f"{due:%B}" in message["text"]
    assert letter["channel"] == "sms"
    async with w.client("handler", "zhang-min") as client:
        paper = await client.get(f"/v1/letters/{letter['id']}.pdf")
        assert (paper.status_code, paper.headers["content-type"]) == (200, "application/pdf")
        assert paper.content.startswith(b"%PDF-")
        assert (await client.get(f"/v1/letters/{uuid4()}.pdf")).status_code == 404
    assert len(letter["text"]) > len(message["text"])  # the whole letter is kept, for the tracking page and for post
    [promise] = await w.rows("SELECT kind FROM promise WHERE complaint_id = :c", c=complaint)
    assert promise.kind == "date"


async def test_a_refused_mail_goes_another_way_and_its_address_gets_nothing_more(w: Running, gateway: Receiver) -> None:
    first, second = uuid4(), uuid4()
    gone = address(first, "gone550")
    soon = correspondence.clocks(decision=correspondence.later(days=5))
    await w.tell(first, caller(gone), correspondence.triaged(), soon)
    letter = await w.settled(first, "acknowledgement", "sent")
    assert letter["channel"] == "sms"
    assert len(texts(gateway, letter)) == 1
    assert w.smtp.tries[gone] == 1
    await w.tell(second, correspondence.received(email=gone.upper().replace("GONE550", "gone550")),
                 correspondence.triaged(), soon)  # fmt: skip
    stopped = await w.settled(second, "acknowledgement", "failed")
    assert stopped["reason"] == "the address is on the list of those that take no letters"
    assert w.smtp.tries[gone] == 1
    async with w.client() as client:
        assert gone in [one["address"] for one in (await client.get("/v1/suppressed")).json()]
        assert (await client.post("/v1/suppressed/remove", json={"address": gone})).status_code == 204
        assert (await client.post("/v1/suppressed/remove", json={"address": gone})).status_code == 404
        assert gone not in [one["address"] for one in (await client.get("/v1/suppressed")).json()]
    async with w.client("handler", "somebody") as client:
        assert (await client.post("/v1/suppressed/remove", json={"address": gone})).status_code == 403


async def test_a_bounce_marks_the_address_and_the_next_letter_is_a_text_message(w: Running, gateway: Receiver) -> None:
    complaint = uuid4()
    mail = address(complaint)
    soon = correspondence.clocks(decision=correspondence.later(days=5))
    await w.tell(complaint, caller(mail), correspondence.triaged(), soon)
    letter = await w.settled(complaint, "acknowledgement", "sent")
    assert letter["channel"] == "email"
    back = intake.BounceReceived(
        customer_id=correspondence.CUSTOMER, letter_message_id=f"<{letter['id']}@amends.example>", status="4.2.2",
        permanent=False, personal={correspondence.CUSTOMER: intake.Person(email=mail)},
    )  # fmt: skip
    await w.tell(complaint, back, back.model_copy(update={"status": "5.1.1", "permanent": True}))
    await w.tell(complaint, correspondence.decided())
    answer = await w.settled(complaint, "resolution", "sent")
    assert answer["channel"] == "sms"
    [message] = texts(gateway, answer)
    assert "Zhang Min" in message["text"]
    [row] = await w.rows("SELECT reason FROM suppressed WHERE address = :a", a=mail)
    assert row.reason == "came back: 5.1.1"


async def test_a_gateway_that_fails_is_tried_again_and_a_lost_answer_is_unknown(w: Running, gateway: Receiver) -> None:
    soon = correspondence.clocks(decision=correspondence.later(days=5))
    outcomes: list[tuple[list[int | bytes], str, int]] = [
        ([503, 429, 202], "sent", 3), ([b""], "unknown", 1), ([422], "failed", 1),
    ]  # fmt: skip
    for answers, state, tries in outcomes:
        gateway.answers = answers
        complaint = uuid4()
        await w.tell(complaint, caller(), correspondence.triaged(), soon)
        letter = await w.settled(complaint, "acknowledgement", state)
        assert len(texts(gateway, letter)) == tries, state


async def test_a_broken_promise_is_apologised_for_by_name_and_a_kept_one_is_recorded(w: Running) -> None:
    broken, kept = uuid4(), uuid4()
    for complaint in (broken, kept):
        await w.tell(complaint, correspondence.received(email=address(complaint)), correspondence.triaged(),
                     correspondence.assigned(), correspondence.decided())  # fmt: skip
        await w.settled(complaint, "resolution", "sent")
    async with w.client("handler", "zhang-min") as client:
        [promise] = (await client.get(f"/v1/complaints/{kept}/promises")).json()
        said = {"at": datetime.now(UTC).isoformat(), "evidence": "booked under 4412"}
        assert (await client.post(f"/v1/promises/{uuid4()}/kept", json=said)).status_code == 404
        answer = await client.post(f"/v1/promises/{promise['id']}/kept", json=said)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["state"], answer.json()["evidence"]) == ("kept", "zhang-min: booked under 4412")
        assert (await client.post(f"/v1/promises/{promise['id']}/kept", json=said)).status_code == 404
    # The promised day passes.
    await w.rows("UPDATE timer SET fire_at = now() WHERE name LIKE 'promise/%' AND complaint_id = :c RETURNING name",
                 c=broken)  # fmt: skip
    letter = await w.settled(broken, "remedy_delayed", "sent")
    assert "credit £20 to your account" in letter["text"]
    mail = w.smtp.to(address(broken))[-1]
    assert "not kept our promise" in mail["Subject"]
    assert not [one for one in await w.letters(kept) if one["kind"] == "remedy_delayed"]
