"""Handing mails over: TLS, logins, servers that misbehave on purpose, and a real mail server from Debian's packages."""

import asyncio
import email
import email.policy
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.notifier.mime import Mail, build
from shared.deliver.smtp import BadUrl, Pool, server
from tests.support import certificates, naughty_smtp, postfix
from tests.support.certificates import Certificate
from tests.support.spines import eventually

SENDER = "care@amends.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificates.make(tmp_path_factory.mktemp("tls"))


def mail(to: str, subject: str = "我们的答复") -> bytes:
    """A letter as it leaves the house."""
    return build(
        Mail(
            message_id="<6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1@amends.example>", sender=SENDER,
            reply_to="reply+AM-7K2M9Q4T1C@amends.example", address=to, name="李娜", subject=subject,
            text="李娜女士，您好：\n\n.好消息。\n..\n", html_lang="zh-CN", automatic=True, thread=["<1@x.example>"],
        )
    )  # fmt: skip


def pool(url: str, *, timeout: float = 5.0, size: int = 1) -> Pool:
    return Pool(server(url), size=size, timeout=timeout)


OUTCOMES = [
    ("lina", "sent", 250),
    ("slow", "sent", 250),
    ("busy450", "retry", 450),
    ("closing421", "sent", 250),
    ("shutting421", "retry", 421),
    ("space452", "retry", 452),
    ("gone550", "failed", 550),
    ("full552", "failed", 552),
    ("spam554", "failed", 554),
    ("cut", "retry", None),
    ("mute", "retry", None),
    ("drop", "unknown", None),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("local", "state", "code"), OUTCOMES)
async def test_every_misbehaviour_has_its_outcome_and_the_next_letter_goes_through(
    local: str, state: str, code: int | None, pipelining: bool
) -> None:
    async with naughty_smtp.serving() as smtp:
        smtp.pipelining = pipelining
        one = pool(f"smtp://127.0.0.1:{smtp.port}", timeout=1.0)
        to = f"{local}@x.example"
        outcome = await one.deliver(SENDER, to, mail(to))
        assert (outcome.state, outcome.code) == (state, code)
        assert smtp.recipients.count(to) == (1 if state in ("sent", "unknown") else 0)
        after = await one.deliver(SENDER, "next@x.example", mail("next@x.example"))
        assert after.state == "sent"
        await one.close()


async def test_an_answer_that_comes_too_late_is_unknown_and_not_a_reason_to_send_again() -> None:
    async with naughty_smtp.serving() as smtp:
        smtp.slow_seconds = 2.0
        one = pool(f"smtp://127.0.0.1:{smtp.port}", timeout=0.5)
        outcome = await one.deliver(SENDER, "slow@x.example", mail("slow@x.example"))
        assert outcome.state == "unknown"
        await one.close()


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated", "ignore:Requiring AUTH while not")
@pytest.mark.parametrize("implicit", [False, True])
async def test_letters_travel_encrypted_after_a_login(certificate: Certificate, implicit: bool) -> None:
    context = certificate.context()
    async with naughty_smtp.serving(tls=context, implicit=implicit, login=("amends", "p@ss")) as smtp:
        scheme, more = ("smtps", "") if implicit else ("smtp", "starttls=1&")
        at = f"127.0.0.1:{smtp.port}?{more}ca={certificate.ca}"
        good = pool(f"{scheme}://amends:p%40ss@{at}")
        assert (await good.deliver(SENDER, "a@x.example", mail("a@x.example"))).state == "sent"
        wrong = pool(f"{scheme}://amends:other@{at}")
        refused = await wrong.deliver(SENDER, "a@x.example", mail("a@x.example"))
        assert (refused.state, refused.detail) == ("retry", "not reached: login refused with 535")
        assert smtp.logins[-1] == "amends"
        assert smtp.secure == [True]
        await asyncio.gather(good.close(), wrong.close())


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(certificate: Certificate, tmp_path: Path) -> None:
    other = certificates.make(tmp_path, "DNS:elsewhere.example")
    async with (
        naughty_smtp.serving(tls=certificate.context()) as known,
        naughty_smtp.serving(tls=other.context()) as stranger,
    ):
        distrusted = pool(f"smtp://127.0.0.1:{known.port}?starttls=1")
        misnamed = pool(f"smtp://127.0.0.1:{stranger.port}?starttls=1&ca={other.ca}")
        for one in (distrusted, misnamed):
            outcome = await one.deliver(SENDER, "a@x.example", mail("a@x.example"))
            assert outcome.state == "retry"
            await one.close()
        assert known.taken == stranger.taken == []


async def test_a_server_without_tls_gets_nothing_when_tls_is_wanted() -> None:
    async with naughty_smtp.serving() as smtp:
        one = pool(f"smtp://127.0.0.1:{smtp.port}?starttls=1")
        assert (await one.deliver(SENDER, "a@x.example", mail("a@x.example"))).state == "retry"
        assert smtp.taken == []
        await one.close()


def test_certificates_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadUrl, match="no certificates"):
        pool(f"smtps://mail.example?ca={tmp_path / 'none.pem'}")


@pytest.fixture(scope="module")
def mta(certificate: Certificate) -> Iterator[postfix.Postfix]:
    with postfix.running(certificate) as one:
        yield one


async def test_a_real_mail_server_takes_letters_over_tls_and_keeps_them_as_written(
    mta: postfix.Postfix, certificate: Certificate
) -> None:
    one = pool(f"smtp://127.0.0.1:{mta.port}?starttls=1&ca={certificate.ca}", timeout=20, size=2)
    names = [f"客户{n}的答复" for n in range(5)]
    outcomes = await asyncio.gather(
        *(one.deliver(SENDER, "lina@amends.test", mail("lina@amends.test", name)) for name in names)
    )
    assert [o.state for o in outcomes] == ["sent"] * 5
    refused = await one.deliver(SENDER, "nobody@amends.test", mail("nobody@amends.test"))
    assert (refused.state, refused.code) == ("failed", 550)
    relayed = await one.deliver(SENDER, "a@elsewhere.example", mail("a@elsewhere.example"))
    assert (relayed.state, relayed.code) == ("failed", 554)
    too_large = await one.deliver(SENDER, "lina@amends.test", mail("lina@amends.test") + b"x" * 300_000)
    assert (too_large.state, too_large.code) == ("failed", 552)
    await one.close()

    async def delivered() -> list[bytes] | None:
        found = mta.mails()
        return found if len(found) == 5 else None

    kept = [email.message_from_bytes(raw, policy=email.policy.default) for raw in await eventually(delivered)]
    assert sorted(str(m["Subject"]) for m in kept) == sorted(names)
    for message in kept:
        plain = message.get_body(("plain",))  # type: ignore[attr-defined]
        assert plain.get_content().replace("\r\n", "\n") == "李娜女士，您好：\n\n.好消息。\n..\n"
        assert "TLSv1" in str(message["Received"])


async def test_a_server_that_waits_for_the_content_after_a_refusal_gets_none() -> None:
    said: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {
            b"EHLO": b"250-odd\r\n250 PIPELINING\r\n",
            b"RCPT": b"550 5.1.1 Nobody\r\n",
            b"DATA": b"354 Go on\r\n",
        }
        writer.write(b"220 odd\r\n")
        while line := await reader.readline():
            said.append(line)
            writer.write(answers.get(line[:4].upper(), b"250 2.1.0 Fine\r\n"))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    one = pool(f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    outcome = await one.deliver(SENDER, "a@x.example", mail("a@x.example"))
    assert (outcome.state, outcome.code, outcome.detail) == ("failed", 550, "5.1.1")
    assert [line[:4] for line in said] == [b"EHLO", b"MAIL", b"RCPT", b"DATA"]
    await one.close()
    listening.close()


@pytest.mark.parametrize("words", [b"250 2.1.0 Fine\r\n250 2.1.5 Fine\r\n", b"nonsense\r\n", b"2" * 9000])
async def test_a_server_that_speaks_out_of_turn_is_left_before_the_content(words: bytes) -> None:
    contents: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 odd\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250 odd\r\n")
            elif line.startswith(b"MAIL"):
                writer.write(words)
            else:
                contents.append(line)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    one = pool(f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", timeout=1.0)
    assert (await one.deliver(SENDER, "a@x.example", mail("a@x.example"))).state == "retry"
    assert contents == []
    await one.close()
    listening.close()


async def test_a_letter_that_was_taken_is_sent_though_the_server_says_goodbye_in_the_same_breath() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {b"DATA": b"354 Go on\r\n", b".\r\n": b"250 Taken\r\n421 4.4.2 Goodbye\r\n"}
        writer.write(b"220 odd\r\n")
        while line := await reader.readline():
            if line[:4] in (b"EHLO", b"MAIL", b"RCPT", *answers):
                writer.write(answers.get(line[:4], b"250 Fine\r\n"))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    one = pool(f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", timeout=1.0)
    for _ in range(2):
        assert (await one.deliver(SENDER, "a@x.example", mail("a@x.example"))).state == "sent"
    await one.close()
    listening.close()
