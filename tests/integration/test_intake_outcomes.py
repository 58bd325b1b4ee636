"""Every outcome of the contract is met by a real mail; machines are not answered twice; threads do not leak."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest

from services.intake import classify
from services.intake.identity import keyed_id
from services.intake.mail import parse
from tests.integration.test_intake import DEPLOYMENT, Intake, complaint, running
from tests.support.scale import FULL
from tests.support.servers import Database
from tests.support.spines import eventually

SAMPLES = Path("samples/emails")
FLOOD = 20_000 if FULL else 300


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


def mail(words: str, *, id: str = "", sender: str = "ada@example.com", subject: str = "", more: str = "") -> bytes:
    """As a client writes it."""
    return (
        f"Return-Path: <{sender}>\r\nReceived: from smtp.example.com by mx.example.org; Fri, 20 Nov 2026 08:30:04 +0000"
        f"\r\nFrom: Ada Lane <{sender}>\r\nTo: complaints@amends.example\r\nDate: Fri, 20 Nov 2026 08:30:00 +0000\r\n"
        f"Message-ID: <{id or uuid4()}@example.com>\r\nSubject: {subject}\r\n{more}MIME-Version: 1.0\r\n"
        f'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n'
    ).encode()


async def letter(intake: Intake, complaint_id: str, message_id: str) -> None:
    """As if the notifier had said that this letter was sent."""
    await intake.rows(
        "INSERT INTO letter (letter_id, complaint_id, message_id, kind, language, subject, text, sent_at, class) "
        "VALUES (:letter, :complaint, :message, 'reply', 'en', 's', 't', now(), 'letter') RETURNING 1",
        letter=uuid4(), complaint=complaint_id, message=message_id,
    )  # fmt: skip


async def outcome(intake: Intake, raw: bytes) -> dict[str, Any]:
    answer = await intake.mail(raw)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_every_outcome_is_met_by_a_real_mail(intake: Intake) -> None:
    first = (SAMPLES / "written-message-id-1.eml").read_bytes()
    kept = await outcome(intake, first)
    ours = "<200712232303.lBNN3jDq002941@mail12.rrrr.com.au>"  # what the bounce below returns
    await letter(intake, kept["complaint_id"], ours)
    answering = f"In-Reply-To: {ours}\r\n"
    met = {
        "complaint": kept,
        "duplicate": await outcome(intake, first),
        "reply": await outcome(intake, mail("The card ends in 4711.", more=answering)),
        "chase": await outcome(intake, mail("Is there any news?", more=answering)),
        "question": await outcome(intake, mail("Could you tell me when your shop in Leeds opens?", subject="Hours")),
        "praise": await outcome(intake, mail("Thank you for your excellent service, Joan was very helpful.")),
        "suggestion": await outcome(intake, mail("建议你们在夜间增加一班车。", subject="建议")),
        "auto_reply": await outcome(intake, (SAMPLES / "written-out-of-office.eml").read_bytes()),
        "bounce": await outcome(intake, (SAMPLES / "mikel-report_530.eml").read_bytes()),
        "spam": await outcome(intake, mail("Cheap watches", sender="x@spam.example", more="X-Spam-Flag: YES\r\n")),
        "quarantined": await outcome(intake, mail("")),
    }
    assert {name: answer["outcome"] for name, answer in met.items()} == {name: name for name in met}
    assert set(met) == set(get_args(classify.Outcome))
    said = await intake.types()
    assert said.count("message.received.v1") == 3
    assert {"complaint.received.v1", "complaint.customer-replied.v1", "complaint.chased.v1",
            "complaint.bounce-received.v1"} < set(said)  # fmt: skip


async def quiet(intake: Intake) -> list[bool]:
    """Of each complaint, message and chase, in their order, whether it is to have no automatic answer."""
    heard = ("complaint.received.v1", "message.received.v1", "complaint.chased.v1")
    return [bool(body.get("quiet")) for kind, body in await intake.events() if kind in heard]


def real_words() -> list[str]:
    """What real customers complained of, and Chinese ones from our own pens."""
    lines = [line for name in ("cfpb", "zh") for line in Path(f"samples/{name}.jsonl").read_text().splitlines()]
    return [words for line in lines if (words := json.loads(line)["body"].get("text"))]


SUBJECTS = ("Re: AM {}", "Order {}", "紧急：{}", "Complaint no. {}", "FW: {}", "{}")


@pytest.mark.timeout(900 if FULL else 120)
@pytest.mark.parametrize("tags", [False, True], ids=["one address", "a tag in each address"])
async def test_a_flood_of_one_robots_mails_is_kept_whole_and_gets_one_automatic_answer(
    intake: Intake, tags: bool
) -> None:
    """Each mail has another subject and the words of another real complaint, and no header gives the robot away."""
    texts = real_words()
    slots = asyncio.Semaphore(32)

    async def one(n: int) -> None:
        words = f"{texts[n % len(texts)][:1500]}\n{texts[n * 7 % len(texts)][:200]} {n}"
        sender = f"desk+{n}@robot.example" if tags else "desk@robot.example"
        async with slots:
            sent = mail(words, sender=sender, subject=SUBJECTS[n % len(SUBJECTS)].format(n))
            assert (await intake.mail(sent)).status_code in (201, 202), "202: on a busy machine the outcome comes later"

    async def decided() -> bool:
        return not (await intake.rows("SELECT 1 FROM mail WHERE outcome IS NULL LIMIT 1"))

    flood = FLOOD // 10 if tags else FLOOD
    await asyncio.gather(*(one(n) for n in range(flood)))
    await eventually(decided, seconds=120)
    told = await quiet(intake)
    assert (len(told), told.count(False)) == (flood, 1)
    await a_day_later(intake)
    await one(flood)
    await eventually(decided, seconds=120)
    assert (await quiet(intake)).count(False) == 2


async def a_day_later(intake: Intake) -> None:
    """As if the automatic answers had gone out a day earlier."""
    await intake.rows("UPDATE answered SET told = jsonb_build_array(jsonb_build_array((told#>>'{0,0}')::float - 90000))"
                      " RETURNING 1")  # fmt: skip


MATTERS = (
    ("Broken kettle", "The kettle that I bought on Monday does not heat any more. I want my money back."),
    ("Rude driver", "Your courier shouted at my mother yesterday and threw the box over the fence."),
    ("Wrong invoice", "Order 4711 was charged twice on this month's statement."),
)


async def test_a_persons_second_matter_waits_for_a_person_and_stands_on_the_page_of_the_first(intake: Intake) -> None:
    _, *later = [await outcome(intake, mail(words, subject=subject)) for subject, words in MATTERS]
    assert await quiet(intake) == [False, True, True]
    foreign = await outcome(intake, mail("Your shop is dirty, I complain.", sender="eve@example.com"))
    links = [body["tracking_url"] for kind, body in await intake.events() if kind == "complaint.received.v1"]
    shown = (await intake.client.get(path_of(links[0]))).text
    assert "What else you sent that day" in shown
    assert [one["reference"] in shown for one in (*later, foreign)] == [True, True, False]
    assert "?t=" not in shown.partition(later[0]["reference"])[2][:20], "the other pages ask for the address"
    assert "What else you sent" not in (await intake.client.get(path_of(links[3]))).text
    await a_day_later(intake)
    await outcome(intake, mail("It broke again, the kettle.", subject="Broken kettle"))
    assert (await quiet(intake))[-1] is False


def path_of(link: str) -> str:
    return "/" + link.partition("//")[2].partition("/")[2]


async def test_two_mails_of_one_sender_at_once_are_answered_once(intake: Intake) -> None:
    words = MATTERS[0][1]
    await asyncio.gather(*(outcome(intake, mail(f"{words} {n}", subject="Kettle")) for n in range(16)))
    assert (await quiet(intake)).count(False) == 1


async def test_who_chases_after_the_acknowledgement_gets_no_second_automatic_answer_that_day(intake: Intake) -> None:
    kept = await outcome(intake, mail("You overcharged me."))
    await letter(intake, kept["complaint_id"], "<ack@amends>")
    for n in range(3):
        chase = mail("Any update?", more=f"In-Reply-To: <ack@amends>\r\nX-N: {n}\r\n")
        assert (await outcome(intake, chase))["outcome"] == "chase"
    assert await quiet(intake) == [False, True, True, True]


MACHINES = {
    "list": "List-Id: <news.example.com>\r\n",
    "bulk": "Precedence: bulk\r\n",
    "generated": "Auto-Submitted: auto-generated\r\n",
    "exchange": "X-Auto-Response-Suppress: All\r\n",
}


@pytest.mark.parametrize("more", MACHINES.values(), ids=MACHINES)
async def test_a_machine_that_complains_is_kept_and_not_answered_by_another(shared: Intake, more: str) -> None:
    kept = await outcome(shared, mail("Job failed.", sender=f"{uuid4()}@robot.example", more=more))
    assert kept["outcome"] == "complaint"
    assert (await quiet(shared))[-1]


async def test_our_own_letter_that_comes_back_begins_nothing(intake: Intake) -> None:
    kept = await outcome(intake, mail("You overcharged me."))
    await letter(intake, kept["complaint_id"], "<ours@example.com>")
    assert (await outcome(intake, mail("We received your complaint.", id="ours")))["outcome"] == "auto_reply"


async def test_a_reference_joins_for_parties_alone_and_tells_a_stranger_nothing(intake: Intake) -> None:
    about = complaint(complainant={"name": "Kim", "contact": "kim@law.example", "relation": "lawyer",
                                   "authority": "verified"})  # fmt: skip
    kept = (await intake.post(about)).json()
    reference = kept["reference"]
    subject = f"About {reference}"
    said = {
        sender: await outcome(intake, mail("One thing more about this.", sender=sender, subject=subject))
        for sender in ("ada@example.com", "Kim@law.example", "eve@example.com")
    }
    assert [answer["outcome"] for answer in said.values()] == ["reply", "reply", "complaint"]
    other = said["eve@example.com"]
    assert (other["complaint_id"], other["reference"]) != (kept["complaint_id"], reference)
    received = [body for kind, body in await intake.events() if kind == "complaint.received.v1"]
    assert received[0]["customer"]["customer_id"] != received[1]["customer"]["customer_id"]
    assert "ada@example.com" not in str(received[1])


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("It is still not working.", "complaint.reopen-requested.v1"),
        ("问题还是没有解决，请重新处理。", "complaint.reopen-requested.v1"),
        ("Thank you, that solved it.", "complaint.customer-replied.v1"),
        ("谢谢，已经解决了。", "complaint.customer-replied.v1"),
        ("I see. What about the invoice?", "complaint.customer-replied.v1"),
    ],
)
async def test_after_closing_only_what_says_unsolved_opens_again(shared: Intake, words: str, kind: str) -> None:
    sender = f"{uuid4().hex}@example.com"
    kept = await outcome(shared, mail("You overcharged me.", sender=sender))
    about = f"About {kept['reference']}"
    await outcome(shared, mail("The card ends in 4711.", sender=sender, subject=about))
    await shared.rows(
        "UPDATE tracking SET open = false, document = jsonb_set(document, '{stage}', '\"closed\"') "
        "WHERE complaint_id = :id RETURNING 1",
        id=kept["complaint_id"],
    )
    assert (await outcome(shared, mail(words, sender=sender, subject=about)))["outcome"] == "reply"
    assert (await shared.types())[-1] == kind


@pytest.fixture(scope="module")
async def shared(migrated_template: str, postgres: Any, server_keys: Any) -> AsyncIterator[Intake]:
    name = f"t_{uuid4().hex[:12]}"
    url = postgres.create_database(name, migrated_template)
    async with running(Database(name, url, server_keys)) as made:
        yield made
    postgres.drop_database(name)


async def test_html_kept_by_an_earlier_version_is_a_duplicate_when_it_comes_again(intake: Intake) -> None:
    """Earlier versions made the id of a mail of HTML only from the words they read; better readings read otherwise."""
    plain = mail("<p>The kettle leaks.</p><div id='Signature'>Ada Lane</div>").decode()
    html = plain.replace("text/plain", "text/html").encode()
    read = parse(html)
    assert read.former_hash != read.content_hash
    former = keyed_id(DEPLOYMENT, "mail", f"{read.message_id}\x1f{read.former_hash}")
    complaint_id, raw_id = uuid4(), uuid4()
    await intake.rows(
        "INSERT INTO mail_content (content_id, raw_id, outcome, complaint_id) "
        "VALUES (:content, :raw, 'complaint', :complaint) RETURNING 1",
        content=former, raw=raw_id, complaint=complaint_id,
    )  # fmt: skip
    again = await outcome(intake, html)
    assert (again["outcome"], again["complaint_id"]) == ("duplicate", str(complaint_id))
    other = await outcome(intake, html.replace(b"kettle", b"toaster"))
    assert other["outcome"] == "complaint"
    assert (await outcome(intake, html.replace(b"kettle", b"toaster")))["outcome"] == "duplicate"
