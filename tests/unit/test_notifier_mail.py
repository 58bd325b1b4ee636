"""A letter as a mail: the standard parser reads back exactly what was written."""

import email
import email.policy
from email.message import EmailMessage

import pytest

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.lint import Linter
from services.notifier.mime import Mail, build, html, safe_address, word
from services.notifier.writer import Writer

WRITER = Writer(languages.load_all(), policy.load(None), Linter())


def mail(**more: object) -> Mail:
    values = {
        "message_id": "<6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1@amends.example>", "sender": "care@amends.example",
        "reply_to": "reply+AM-7K2M9Q4T1C@amends.example", "address": "lina@example.org", "name": "Li Na",
        "subject": "Our answer", "text": "Dear Li Na,\n\nGood news.\n", "html_lang": "en", "automatic": True,
        "thread": [],
    }  # fmt: skip
    return Mail(**{**values, **more})  # type: ignore[arg-type]


def parsed(one: Mail) -> EmailMessage:
    message = email.message_from_bytes(build(one), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_letter_survives_the_way(language: str) -> None:
    for specimen in specimens.gallery(WRITER, language):
        letter = specimen.letter
        person = specimens.facts(language).person
        message = parsed(mail(subject=letter.subject, text=letter.text, name=person.name, html_lang=language))
        assert message["Subject"] == letter.subject
        plain, page = message.get_body(("plain",)), message.get_body(("html",))
        assert plain is not None
        assert page is not None
        assert plain.get_content().replace("\r\n", "\n").rstrip("\n") == letter.text.rstrip("\n")
        assert f'<html lang="{language}">' in page.get_content()
        assert message["To"].addresses[0].display_name == person.name
        assert not message.defects
        assert all(len(line) <= 998 for line in build(mail(text=letter.text)).split(b"\r\n"))


def test_an_answer_joins_the_customers_thread() -> None:
    message = parsed(mail(thread=["<a@x.example>", "broken\r\nBcc: everybody@example.org", "<b@x.example>"]))
    assert message["References"] == "<a@x.example> <b@x.example>"
    assert message["In-Reply-To"] == "<b@x.example>"
    assert message["Bcc"] is None


def test_only_automatic_mails_say_so() -> None:
    assert parsed(mail())["Auto-Submitted"] == "auto-generated"
    assert parsed(mail(automatic=False))["Auto-Submitted"] is None


@pytest.mark.parametrize("text", ["x\r\nBcc: all@example.org", "x\nSubject: y", "名\r\n\r\nbody", "a\x00b", "\ud800"])
def test_no_text_becomes_a_header(text: str) -> None:
    message = parsed(mail(name=text, subject=text))
    assert message["Bcc"] is None
    assert len(message.get_all("Subject")) == 1
    assert message["Message-ID"] == "<6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1@amends.example>"


@pytest.mark.parametrize(
    "name", ['Li "Na" Na', "Na, Li", "李娜", "Zoë", "a@b", "x" * 200, "李" * 60, "=?utf-8?b?AA==?="]
)
def test_names_are_shown_as_recorded(name: str) -> None:
    message = parsed(mail(name=name))
    [to] = message["To"].addresses
    assert to.addr_spec == "lina@example.org"
    # The standard library keeps the blank between two encoded words, which RFC 2047 says is none.
    assert to.display_name.replace(" ", "") == name.replace(" ", "")


def test_addresses_that_cannot_be_written_to() -> None:
    assert safe_address("lina@example.org") == "lina@example.org"
    assert safe_address(" a+b@bücher.example ") == "a+b@xn--bcher-kva.example"
    for bad in (
        "",
        "@",
        "a@",
        "@b.example",
        "a b@c.example",
        "a@b",
        "a@b..c",
        "a@b.example>",
        "李@例子.cn",
        "a@b.example\nx",
    ):
        assert safe_address(bad) is None


def test_the_page_shows_text_and_nothing_else() -> None:
    page = html("<script>alert(1)</script>\n\nSee https://amends.example/track/AM-1?a=1&b=2.\n", "<b>", "en")
    assert "<script>" not in page
    assert '<a href="https://amends.example/track/AM-1?a=1&amp;b=2">' in page
    assert "<title>&lt;b&gt;</title>" in page
    assert "src=" not in page


def test_header_words_are_short_enough() -> None:
    for text in ("对您6月3日来信的答复（AM-7K2M9Q4T1C）" * 5, "é" * 300):
        for line in word(text).split("\r\n "):
            assert len(line) <= 75
