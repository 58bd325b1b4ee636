"""The customer's pages without JavaScript, and the view that the other services' events make, on real servers."""

import asyncio
import random
import re
import statistics
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from deploy.local.kafka import Kafka
from services.intake.links import Links
from services.intake.reference import new as new_reference
from shared.events import escalation, notifier, routing
from shared.events.common import ClockView, Staff, Text
from shared.events.envelope import Payload
from shared.spine.effects import Emit
from shared.spine.spine import Spine
from tests.integration.test_intake import TOKEN_KEY, Intake, complaint, running
from tests.support.servers import Database
from tests.support.spines import Nothing, eventually, settings, topic_of_its_own
from tests.support.spines import running as spine_running

TYPED = {"text": "宽带一直断，没有人来修。", "email": "li@example.com", "name": "李娜", "wanted": "repair", "key": "f1"}


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


async def page(intake: Intake, path: str, **headers: str) -> httpx.Response:
    return await intake.client.get(path, headers=headers)


async def test_the_form_speaks_the_readers_language_and_keeps_what_was_typed(intake: Intake) -> None:
    assert "What happened?" in (await page(intake, "/complain")).text
    assert "发生了什么" in (await page(intake, "/complain", **{"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})).text
    assert "发生了什么" in (await page(intake, "/complain?lang=zh", **{"Accept-Language": "en"})).text
    wrong = {**TYPED, "email": "not an address"}
    answer = await intake.client.post("/complain?lang=en", data=wrong)
    assert answer.status_code == 422
    assert TYPED["text"] in answer.text
    assert "not an address" in answer.text
    assert 'aria-describedby="email-error"' in answer.text
    assert await intake.types() == []


async def test_a_form_sent_twice_is_one_complaint_and_shows_its_reference(intake: Intake) -> None:
    first = await intake.client.post("/complain?lang=zh", data=TYPED)
    again = await intake.client.post("/complain?lang=zh", data=TYPED)
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    shown = await page(intake, first.headers["location"])
    assert re.search(r"AM-[0-9A-Z]{10}", shown.text)
    [(kind, body)] = await intake.events()
    assert (kind, body["customer"]["language"], body["wanted"]) == ("complaint.received.v1", "zh", "repair")


async def test_markup_that_was_typed_is_shown_and_not_run(intake: Intake) -> None:
    answer = await intake.client.post("/complain", data={**TYPED, "text": "<script>alert(1)</script>", "email": "x"})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_a_machine_that_fills_the_hidden_field_is_not_kept(intake: Intake) -> None:
    answer = await intake.client.post("/complain", data={**TYPED, "website": "http://spam"})
    assert answer.status_code == 422
    assert await intake.types() == []


async def test_an_anonymous_complaint_is_followed_with_its_pin(intake: Intake) -> None:
    answer = await intake.client.post("/complain", data={"text": "A wrong charge.", "anonymous": "yes", "key": "a"})
    shown = (await page(intake, answer.headers["location"])).text
    reference, pin = re.search(r"AM-[0-9A-Z]{10}", shown), re.search(r'reference">(\d{6})<', shown)
    assert reference
    assert pin
    wrong = await intake.client.post(f"/track/{reference[0]}", data={"contact": f"{(int(pin[1]) + 1) % 10**6:06d}"})
    right = await intake.client.post(f"/track/{reference[0].lower()}", data={"contact": pin[1]})
    assert (wrong.status_code, right.status_code) == (403, 303)


async def test_a_wrong_contact_and_an_unknown_reference_look_the_same(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()["reference"]
    unknown = new_reference()
    answers = [
        await intake.client.post(f"/track/{reference}", data={"contact": "eve@example.com"})
        for reference in (kept, unknown, "AM-NONSENSE00")
    ]
    assert {a.status_code for a in answers} == {403}
    texts = {a.text.replace(r, "AM-") for a, r in zip(answers, (kept, unknown, "AM-NONSENSE00"), strict=True)}
    assert len(texts) == 1
    right = await intake.client.post(f"/track/{kept}", data={"contact": " ADA@example.com "})
    assert right.status_code == 303
    assert (await page(intake, right.headers["location"])).status_code == 200


async def test_how_long_a_refusal_takes_does_not_tell_whether_there_is_such_a_complaint(intake: Intake) -> None:
    """As many tries at complaints with a long story as at none, mixed: who sees the times alone must guess."""
    known = [(await intake.post(complaint())).json()["reference"] for _ in range(10)]
    long = ", ".join(f"line {n} of a long story" for n in range(5000))
    await intake.rows(
        "INSERT INTO tracking (complaint_id, version, open, document) SELECT complaint_id, 1, true, "
        "jsonb_build_object('timeline', CAST(:long AS text)) FROM complaint RETURNING 1", long=long
    )  # fmt: skip
    tries = [(reference, True) for reference in known for _ in range(8)] + [(new_reference(), False) for _ in range(80)]
    random.Random(3).shuffle(tries)
    slots, taken = asyncio.Semaphore(4), {True: [0.0] * 0, False: [0.0] * 0}

    async def one(reference: str, there: bool) -> None:
        async with slots:
            started = time.perf_counter()
            answer = await intake.client.post(f"/track/{reference}", data={"contact": "eve@example.com"})
            taken[there].append(time.perf_counter() - started)
        assert answer.status_code == 403

    await asyncio.gather(*(one(*each) for each in tries))
    longer = sum((a > b) + (a == b) / 2 for a in taken[True] for b in taken[False])
    share = longer / (len(taken[True]) * len(taken[False]))
    print({there: f"median {statistics.median(times) * 1000:.1f} ms" for there, times in taken.items()}, f"{share:.2f}")
    # Of two equal distributions of 80 the share is 0.5, with a standard deviation of 0.046.
    assert 0.3 < share < 0.7


async def test_guessing_is_slowed_down(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()["reference"]
    codes = [(await intake.client.post(f"/track/{kept}", data={"contact": f"{n:06d}"})).status_code for n in range(11)]
    assert codes == [403] * 10 + [429]
    another_way_to_write_it = kept.replace("AM-", "am").replace("0", "o")
    again = await intake.client.post(f"/track/{another_way_to_write_it}", data={"contact": "x"})
    assert again.status_code == 429
    nobodys = new_reference()
    codes = [(await intake.client.post(f"/track/{nobodys}", data={"contact": "x"})).status_code for _ in range(11)]
    assert codes == [403] * 10 + [429], "the same for what does not exist"
    last = await intake.client.post(f"/track/{kept}", data={"contact": "x"}, headers={"Accept-Language": "zh"})
    assert "请稍等一会儿" in last.text
    assert last.headers["retry-after"] == "600"


async def test_guesses_are_counted_for_all_replicas_together_and_nobodys_name_is_kept(
    database: Callable[..., Database],
) -> None:
    own = database()
    async with running(own) as one, running(own) as other:
        kept = (await one.post(complaint())).json()
        track = f"/track/{kept['reference']}"
        codes = [
            (await replica.client.post(track, data={"contact": f"{n}@example.com"})).status_code
            for n in range(6)
            for replica in (one, other)
        ]
        assert codes == [403] * 10 + [429] * 2
        right = await other.client.post(track, data={"contact": "ada@example.com"})
        assert right.status_code == 429, "also for who would be right now"
        [row] = await one.rows(
            "SELECT count(*) AS n, max(tries) AS most, max(length(who)) AS long FROM attempt "
            "WHERE who <> 'channel:shop'"
        )
        assert (row.n, row.most, row.long) == (2, 13, 16)
        await one.rows("UPDATE attempt SET since = since - interval '11 minutes' RETURNING 1")
        right = await other.client.post(track, data={"contact": "ada@example.com"})
        assert right.status_code == 303


async def test_a_link_opens_its_own_complaint_until_it_expires(intake: Intake) -> None:
    one = (await intake.post(complaint())).json()
    two = (await intake.post(complaint(), channel="other")).json()
    path, token = one["tracking_url"].removeprefix("http://127.0.0.1:8001").split("?t=")
    assert one["reference"] in (await page(intake, f"{path}?t={token}")).text
    elsewhere = (await page(intake, f"/track/{two['reference']}?t={token}")).text
    assert "do not belong together" in elsewhere
    old = (
        Links(TOKEN_KEY, "http://x", 1).url(one["reference"], datetime.now(UTC) - timedelta(days=2)).partition("?t=")[2]
    )
    assert "do not belong together" in (await page(intake, f"{path}?t={old}")).text


async def test_words_from_the_page_are_said_once(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    path, _, token = kept["tracking_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
    for _ in range(2):
        said = await intake.client.post(f"{path}/messages", data={"t": token, "text": "The serial is 12.", "key": "m"})
        assert said.status_code == 303
    await intake.client.post(f"{path}/withdraw", data={"t": token, "key": "w"})
    assert (await intake.types())[1:] == ["complaint.customer-replied.v1", "complaint.withdrawn.v1"]
    late = await intake.client.post(f"{path}/withdraw", data={"t": token, "key": "w2"})
    assert "done=late" in late.headers["location"]
    stranger = await intake.client.post(f"{path}/withdraw", data={"t": token[:-1] + "x", "key": "w3"})
    assert stranger.status_code == 404
    shown = (await page(intake, f"{path}?t={token}")).text
    assert "The serial is 12." in shown
    assert "You withdrew your complaint." in shown


STAFF = Staff(id="h1", name="Zhang Min", role_title="Complaints specialist", contact="010-5550100")
AT = datetime(2026, 6, 9, 4, 0, tzinfo=UTC)


def story(letter_id: UUID) -> list[tuple[str, Payload]]:
    """What the others say of one complaint, with who says it."""
    clock = ClockView(
        id=uuid4(), kind="decision", pack="house", pack_version=1, state="running", started_at=AT, due_at=AT, version=1,
        pausable=True, legal=False, explanation=Text(zh="", en=""),
    )  # fmt: skip
    customer = uuid4()
    return [
        ("routing", routing.ComplaintAssigned(handler=STAFF, mode="offer")),
        ("escalation", escalation.ClocksChanged(clocks=(clock,))),
        ("routing", routing.InformationRequested(
            request_id=uuid4(), answer_by=AT, handler=STAFF, personal={customer: routing.Words(text="Which model?")})),
        ("routing", routing.ComplaintDecided(
            decision_id=uuid4(), stage=1, overall="partly", cause="unknown", handler=STAFF, personal={})),
        ("notifier", notifier.LetterSent(
            letter_id=letter_id, kind="resolution", language="en", channel="email", message_id="<ours@amends>",
            sent_at=AT, trigger=uuid4(), template_version="1",
            personal={customer: notifier.LetterText(subject="Our decision", text="We refund you 20 GBP.")})),
    ]  # fmt: skip


async def test_the_others_events_make_the_customers_story(database: Callable[..., Database], kafka: Kafka) -> None:
    own, topic = database(), await topic_of_its_own(kafka.bootstrap)
    async with running(own, kafka.bootstrap, topic=topic) as intake:
        kept = (await intake.post(complaint())).json()
        complaint_id, letter_id = UUID(kept["complaint_id"]), uuid4()
        for service in ("routing", "escalation", "notifier"):
            await _say(own, kafka.bootstrap, topic, service, complaint_id, story(letter_id))
        path = kept["tracking_url"].removeprefix("http://127.0.0.1:8001")

        async def told() -> dict[str, Any] | None:
            shown = (await intake.client.get(f"/v1/complaints/{complaint_id}", headers=intake.bearer())).json()
            return shown if shown["letters"] and shown["promised"] and shown["handler"] else None

        shown = await eventually(told)
        assert shown["promised"] == [{"kind": "decision", "due_at": "2026-06-09T04:00:00Z"}]
        assert shown["handler"]["name"] == "Zhang Min"
        seen = (await page(intake, path)).text
        assert "Zhang Min (Complaints specialist) is looking after your complaint." in seen
        assert "We refund you 20 GBP." in seen
        reply = b"From: ada@example.com\r\nIn-Reply-To: <ours@amends>\r\nMessage-ID: <r@x>\r\n\r\nThank you."
        answer = (await intake.mail(reply)).json()
        assert (answer["outcome"], answer["complaint_id"]) == ("reply", kept["complaint_id"])


async def _say(
    own: Database, bootstrap: str, topic: str, service: str, complaint_id: UUID, told: list[tuple[str, Payload]]
) -> None:
    spine: Spine[Any] = Spine(settings(own, service, bootstrap, topic), service=service, store=Nothing(), handlers={})
    async with spine_running(spine, loops=("relay", "prune")):
        async with spine.work.unit([complaint_id]) as unit:
            unit.add(complaint_id, uuid4(), [Emit(payload) for who, payload in told if who == service])

        async def sent() -> bool:
            async with spine.db.read() as tx:
                return (await tx.execute(text("SELECT count(*) FROM outbox"))).scalar_one() == 0

        await eventually(sent)
