"""LMTP as a mail server speaks it: an answer for each recipient, 250 only after the commit, no content refused."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text

from deploy.local.ports import LOOPBACK, Ports
from tests.integration.test_intake import Intake, running
from tests.support.servers import Database

MAIL = b"From: Ada <ada@example.com>\r\nMessage-ID: <l1@example.com>\r\nSubject: Refund\r\n\r\nNobody refunds me.\r\n"
US = "complaints@amends.example"


@pytest.fixture
async def port(server_ports: Ports) -> int:
    return server_ports.get("lmtp")


@pytest.fixture
async def intake(database: Callable[..., Database], port: int) -> AsyncIterator[Intake]:
    async with running(database(), lmtp_port=port) as made:
        await listening(port)
        yield made


async def listening(port: int) -> None:
    for _ in range(100):
        try:
            (await asyncio.open_connection(LOOPBACK, port))[1].close()
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("nothing listens")


async def outcomes(intake: Intake, n: int) -> list[str]:
    """What became of n mails, in the order of their arrival."""
    for _ in range(200):
        rows = await intake.rows("SELECT outcome FROM mail ORDER BY seen_at, raw_id")
        if len(rows) >= n and all(row.outcome for row in rows):
            return [row.outcome for row in rows]
        await asyncio.sleep(0.05)
    pytest.fail("no outcome")


async def hand_over(port: int, raw: bytes, to: list[str], sender: str = "ada@example.com") -> list[str]:
    """As a mail server does it; gives the code that it is told for each recipient. smtplib reads only the first."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)

    async def answer() -> str:
        while (line := await asyncio.wait_for(reader.readline(), 20))[3:4] == b"-":
            pass
        return line[:3].decode()

    assert await answer() == "220"
    for command in ("LHLO mx.example", f"MAIL FROM:<{sender}> SIZE=99999999", *(f"RCPT TO:<{t}>" for t in to), "DATA"):
        writer.write(command.encode() + b"\r\n")
        code = await answer()
        assert code in ("250", "354"), code
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    writer.write((b"." if stuffed.startswith(b".") else b"") + stuffed + b"\r\n.\r\nQUIT\r\n")
    codes = [await answer() for _ in to]
    assert await answer() == "221"
    writer.close()
    return codes


async def test_a_mail_that_was_answered_with_250_is_committed_and_has_its_outcome(intake: Intake, port: int) -> None:
    assert await hand_over(port, MAIL, [US]) == ["250"]
    [row] = await intake.rows("SELECT m.source, r.content FROM mail m JOIN raw_mail r ON r.sha256 = m.sha256")
    assert row.source == "lmtp"
    envelope = f"Return-Path: <ada@example.com>\r\nDelivered-To: {US}\r\n".encode()
    assert bytes(row.content) == envelope + MAIL + b"\r\n"
    assert await outcomes(intake, 1) == ["complaint"]
    assert await intake.types() == ["complaint.received.v1"]


async def test_each_recipient_has_an_answer_and_an_arrival_and_one_complaint_follows(intake: Intake, port: int) -> None:
    assert await hand_over(port, MAIL, [US, "service@amends.example"]) == ["250", "250"]
    assert sorted(await outcomes(intake, 2)) == ["complaint", "duplicate"]


async def test_a_reference_in_the_address_joins_the_senders_complaint(intake: Intake, port: int) -> None:
    await hand_over(port, MAIL, [US])
    await outcomes(intake, 1)
    [row] = await intake.rows("SELECT reference FROM complaint")
    again = MAIL.replace(b"l1@", b"l2@").replace(b"Nobody refunds me.", b"My order was 4711.")
    await hand_over(port, again, [f"complaints+{row.reference}@amends.example"])
    assert await outcomes(intake, 2) == ["complaint", "reply"]


HARD = {
    "nothing": b"",
    "dots": b"\r\n.\r\n..\r\n.a\r\n",
    "a line of 3 MB": b"Subject: " + b"a" * 3_000_000 + b"\r\n\r\nhi",
    "bytes": bytes(range(256)) * 40,
    "a bounce": b"From: MAILER-DAEMON@x\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n550 5.1.1 no such user",
}


@pytest.mark.parametrize("content", HARD.values(), ids=HARD)
async def test_no_content_is_refused_and_none_is_changed(intake: Intake, port: int, content: bytes) -> None:
    assert await hand_over(port, content, [US], sender="") == ["250"]
    [row] = await intake.rows("SELECT content FROM raw_mail")
    assert bytes(row.content).partition(b"\r\nDelivered-To: " + US.encode() + b"\r\n")[2] == content + b"\r\n"
    assert await outcomes(intake, 1)


async def test_what_cannot_be_kept_is_put_off_and_not_refused(database: Callable[..., Database], port: int) -> None:
    async with running(database(), lmtp_port=port, max_mail=2000) as intake:
        await listening(port)
        async with intake.admin.transaction() as tx:
            await tx.execute(text("ALTER TABLE mail ADD CONSTRAINT no CHECK (source <> 'lmtp')"))
        assert await hand_over(port, MAIL, [US, "service@amends.example"]) == ["451", "451"]
        async with intake.admin.transaction() as tx:
            await tx.execute(text("ALTER TABLE mail DROP CONSTRAINT no"))
        assert await hand_over(port, MAIL + b"a" * 3000, [US]) == ["452"]
        assert await hand_over(port, MAIL, [US]) == ["250"]
        assert await outcomes(intake, 1) == ["complaint"]
