"""Mail on a real database: every mail gets an outcome, once, whatever it holds."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.test_intake import Intake, complaint, running
from tests.support.servers import Database

SAMPLES = Path("samples/emails")
DATA = Path(os.environ.get("AMENDS_TEST_DATA", "../shared/data")) / "emails"
FIRST = (
    b"From: Ada Example <ada@example.com>\r\nSubject: %s\r\nMessage-ID: <%s>\r\n"
    b"Date: Wed, 3 Jun 2026 10:00:00 +0000\r\n"
)


def mail(
    subject: bytes = b"Refund", id: bytes = b"1@example.com", more: bytes = b"", text: bytes = b"Refund me."
) -> bytes:
    return FIRST % (subject, id) + more + b"\r\n" + text


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database(), trusted_gateways=["mx.example.net"]) as made:
        yield made


async def letter(intake: Intake, complaint_id: str, message_id: str) -> None:
    """As if the notifier had said that this letter was sent."""
    await intake.rows(
        "INSERT INTO letter (letter_id, complaint_id, message_id, kind, language, subject, text, sent_at, class) "
        "VALUES (:letter, :complaint, :message, 'reply', 'en', 's', 't', now(), 'letter') RETURNING 1",
        letter=uuid4(), complaint=complaint_id, message=message_id,
    )  # fmt: skip


async def test_a_mail_becomes_a_complaint_with_its_file_and_thread(intake: Intake) -> None:
    answer = await intake.mail((SAMPLES / "mikel-attachment_pdf.eml").read_bytes())
    assert answer.status_code == 201
    assert answer.json()["outcome"] == "complaint"
    [(kind, body)] = await intake.events()
    assert kind == "complaint.received.v1"
    assert body["channel"] == "email"
    assert [a["media_type"] for a in body["attachments"]] == ["application/pdf"]
    [row] = await intake.rows("SELECT size FROM file")
    assert row.size == body["attachments"][0]["size"]


async def test_the_same_mail_by_another_route_is_a_duplicate_and_another_content_is_not(intake: Intake) -> None:
    names = ("written-message-id-1.eml", "written-message-id-2-again.eml", "written-message-id-3-other.eml")
    answers = [(await intake.mail((SAMPLES / name).read_bytes())).json() for name in names]
    assert [a["outcome"] for a in answers] == ["complaint", "duplicate", "complaint"]
    assert answers[0]["complaint_id"] == answers[1]["complaint_id"] != answers[2]["complaint_id"]
    assert answers[0]["reference"] == answers[1]["reference"]


async def test_the_same_mail_many_times_at_once_is_one_complaint(intake: Intake) -> None:
    answers = await asyncio.gather(*(intake.mail(mail()) for _ in range(12)))
    outcomes = sorted(a.json()["outcome"] for a in answers)
    assert outcomes == ["complaint"] + ["duplicate"] * 11
    assert await intake.types() == ["complaint.received.v1"]


async def test_a_reply_joins_by_our_message_id_and_a_strangers_quote_of_a_reference_does_not(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    await letter(intake, kept["complaint_id"], "<ours@amends>")
    joined = await intake.mail(
        mail(b"Re: yours", b"2@example.com", b"In-Reply-To: <ours@amends>\r\n", b"The serial is 12.\r\n\r\n> quoted")
    )
    chased = await intake.mail(mail(b"Re", b"3@example.com", b"References: <x> <ours@amends>\r\n", b"Any news?"))
    party = await intake.mail(mail(b"About " + kept["reference"].encode(), b"4@example.com", text=b"One thing more."))
    stranger = mail(b"About " + kept["reference"].encode(), b"5@example.com", text=b"Refund me too.")
    other = await intake.mail(stranger.replace(b"ada@example.com", b"eve@example.com"))
    assert [a.json()["outcome"] for a in (joined, chased, party, other)] == ["reply", "chase", "reply", "complaint"]
    assert joined.json()["complaint_id"] == chased.json()["complaint_id"] == kept["complaint_id"]
    assert other.json()["complaint_id"] != kept["complaint_id"]
    said = [body for kind, body in await intake.events() if kind == "complaint.customer-replied.v1"]
    assert [next(iter(body["personal"].values()))["text"] for body in said] == ["The serial is 12.", "One thing more."]


async def test_who_asks_in_the_thread_from_an_unknown_address_is_named_and_answered_once_a_day(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    await letter(intake, kept["complaint_id"], "<ours@amends>")
    said = ("How much did you refund?", "Thank you.", "And when? Please tell me.", "Any news?")
    for n, (sender, text) in enumerate(zip(("eve", "eve", "eve", "ada"), said, strict=True)):
        raw = mail(b"Re: yours", f"{n}@example.com".encode(), b"In-Reply-To: <ours@amends>\r\n", text.encode())
        await intake.mail(raw.replace(b"ada@", f"{sender}@".encode()))
    bodies = [body for kind, body in await intake.events() if "received" not in kind]
    assert [body.get("asks") for body in bodies] == [True, None, True, None]
    assert [body.get("quiet") for body in bodies] == [None, None, True, None]  # within a day a machine answers once
    named = [body["personal"].get(body.get("unknown_sender"), {}).get("email") for body in bodies]
    assert named == ["eve@example.com"] * 3 + [None]
    assert [body["personal"][body["customer_id"]]["text"] for body in bodies] == list(said)


async def test_machines_are_told_from_people(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    message_id = "<200712232303.lBNN3jDq002941@mail12.rrrr.com.au>"
    await letter(intake, kept["complaint_id"], message_id)
    bounce = await intake.mail((SAMPLES / "mikel-report_530.eml").read_bytes())
    away = await intake.mail((SAMPLES / "written-out-of-office.eml").read_bytes())
    spam = await intake.mail(mail(more=b"X-Spam-Flag: YES\r\n").replace(b"ada@", b"spammer@"))
    known = await intake.mail(mail(id=b"9@example.com", more=b"X-Spam-Flag: YES\r\n"))
    assert [a.json()["outcome"] for a in (bounce, away, spam, known)] == ["bounce", "auto_reply", "spam", "complaint"]
    [body] = [body for kind, body in await intake.events() if kind == "complaint.bounce-received.v1"]
    assert (body["letter_message_id"], body["permanent"]) == (message_id, True)
    [row] = await intake.rows(
        "SELECT count(*) FILTER (WHERE delete_after < now() + interval '91 days') AS n FROM raw_mail"
    )
    assert row.n == 1


@pytest.mark.parametrize(("by", "at"), [(b"mx.example.net", "2026-06-03T09:00:00Z"), (b"anybody.example.com", None)])
async def test_the_clock_starts_when_our_gateway_took_the_mail(intake: Intake, by: bytes, at: str | None) -> None:
    received = b"Received: from x by " + by + b" with SMTP; Wed, 3 Jun 2026 17:00:00 +0800\r\n"
    await intake.mail(received + mail())
    [(_, body)] = await intake.events()
    assert (body["received_at"] == at) is (at is not None)


async def test_a_mail_whose_outcome_was_not_reached_is_swept_and_three_failures_are_quarantine(intake: Intake) -> None:
    room = (await intake.mail(mail())).json()
    await intake.rows("UPDATE mail SET outcome = NULL, complaint_id = NULL, retry_at = now() RETURNING 1")
    await intake.rows("DELETE FROM mail_content RETURNING 1")
    await _until(intake, "SELECT 1 FROM mail WHERE outcome = 'complaint'")
    [row] = await intake.rows("SELECT complaint_id FROM mail")
    assert str(row.complaint_id) == room["complaint_id"]
    assert await intake.types() == ["complaint.received.v1"]


async def test_a_worker_that_overruns_leaves_a_gap_and_then_quarantine(database: Callable[..., Database]) -> None:
    async with running(database(), mail_seconds=0.001) as intake:
        slow = b"Content-Type: text/html\r\n\r\n" + b"<p>&amp;" * 400_000
        answer = await intake.mail(slow)
        assert (answer.status_code, answer.json()["outcome"]) == (202, "pending")
        [row] = await intake.rows("SELECT outcome, tries FROM mail")
        assert (row.outcome, row.tries) == (None, 1)
        for _ in range(2):
            await intake.rows("UPDATE mail SET retry_at = now() RETURNING 1")
            tries = (await intake.rows("SELECT tries FROM mail"))[0].tries
            await _until(intake, f"SELECT 1 FROM mail WHERE tries > {tries} OR outcome IS NOT NULL")
        await _until(intake, "SELECT 1 FROM mail WHERE outcome = 'quarantined' AND reason LIKE '%time or memory%'")


async def _until(intake: Intake, statement: str) -> None:
    sweep = next(loop for loop in intake.service.loops if loop.name == "mail sweep")
    for _ in range(200):
        if await intake.rows(statement):
            return
        sweep.control.wake.set()
        await asyncio.sleep(0.05)
    pytest.fail(statement)


async def test_every_mail_of_the_corpora_gets_an_outcome(intake: Intake) -> None:
    if not DATA.is_dir():
        pytest.skip("no test data: set AMENDS_TEST_DATA for the e-mail corpora")
    paths = sorted(p for p in DATA.rglob("*") if p.is_file())
    answers = [await intake.mail(path.read_bytes()) for path in paths]
    assert [a.status_code for a in answers] == [201] * len(paths)
    outcomes = [a.json()["outcome"] for a in answers]
    assert {"complaint", "bounce", "duplicate"} <= set(outcomes)
    [row] = await intake.rows("SELECT count(*) AS n, count(outcome) AS decided FROM mail")
    assert row.n == row.decided == len(paths)
    assert (await intake.types()).count("complaint.received.v1") == outcomes.count("complaint")


HARD = {
    "nothing": b"",
    "only NUL": b"\x00" * 1000,
    "deep": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(3000)),
    "ten thousand parts": b"From: a@b.cc\nContent-Type: multipart/mixed; boundary=x\n\n"
    + b"--x\nContent-Type: text/plain\n\nhi\n" * 10_000,
    "a header of 5 MB": b"Subject: " + b"a" * 5_000_000 + b"\n\nhi",
    "half surrogates": "Subject: \ud800\n\n\udfff".encode("utf-8", "surrogatepass"),
    "utf-7": b"Content-Type: text/plain; charset=utf-7\n\n+ADw-script+AD4-",
    "a charset that is none": b"Content-Type: text/plain; charset=rot13\n\nUryyb",
    "year 99999": b"Date: Mon, 1 Jan 99999 00:00:00 +9999\nReceived: from a by mx.example.net; 1 Jan 0000 0:0:0\n\nhi",
    "angle brackets": b"Content-Type: text/html\n\n" + b"<" * 900_000,
}


@pytest.mark.parametrize("raw", HARD.values(), ids=HARD)
async def test_hard_mail_gets_an_outcome_too(shared_mail: Intake, raw: bytes) -> None:
    answer = await shared_mail.mail(raw)
    assert answer.status_code == 201, answer.text
    assert answer.json()["outcome"] != "pending"


@pytest.fixture(scope="module")
async def shared_mail(migrated_template, postgres, server_keys) -> AsyncIterator[Intake]:  # type: ignore[no-untyped-def]
    name = f"t_{uuid4().hex[:12]}"
    url = postgres.create_database(name, migrated_template)
    async with running(Database(name, url, server_keys), trusted_gateways=["mx.example.net"]) as made:
        yield made
    postgres.drop_database(name)


@pytest.mark.full
@pytest.mark.parametrize("unit", [b"Nobody refunds me.\n", b"\n", b"\x00"], ids=["words", "lines", "NUL"])
async def test_fifty_megabytes_get_an_outcome_too(shared_mail: Intake, unit: bytes) -> None:
    raw = b"From: a@example.com\nMessage-ID: <%s@large>\n\n" % uuid4().hex.encode() + unit * (50_000_000 // len(unit))
    answer = await shared_mail.mail(raw)
    assert answer.status_code in (201, 202), answer.text
    raw_id = answer.json()["raw_id"]
    for _ in range(1200):
        [row] = await shared_mail.rows("SELECT outcome FROM mail WHERE raw_id = :id", id=raw_id)
        if row.outcome:
            return
        await asyncio.sleep(0.1)
    pytest.fail("no outcome")
