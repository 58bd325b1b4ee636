"""What holds for any input: references, calls, mail, contacts, links, bodies."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.intake import calls, classify, entry, identity, mail, mailquotes, mailtext, mailworker, reference
from services.intake.links import Links
from services.intake.requests import CallIn
from shared.base.fields import unclean
from tests.support.scale import examples

NOW = datetime(2026, 6, 9, 8, tzinfo=UTC)
ALPHABET = st.sampled_from(reference.ALPHABET)


@given(st.integers(0, 9), ALPHABET)
def test_one_wrong_character_of_a_reference_is_noticed(place: int, other: str) -> None:
    good = reference.new()
    at = len(reference.PREFIX) + place
    assert (reference.parse(good[:at] + other + good[at + 1 :]) == good) is (good[at] == other)


@given(st.integers(0, 9), st.integers(0, 9))
def test_two_swapped_characters_of_a_reference_are_noticed(one: int, two: int) -> None:
    good = reference.new()
    chars = list(good.removeprefix(reference.PREFIX))
    chars[one], chars[two] = chars[two], chars[one]
    swapped = reference.PREFIX + "".join(chars)
    assert (reference.parse(swapped) is not None) is (swapped == good)


@given(st.text(max_size=40))
def test_any_text_is_a_reference_in_one_form_or_none(text: str) -> None:
    parsed = reference.parse(text)
    assert parsed is None or reference.parse(parsed.lower().replace("-", " ")) == parsed


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda m: m.replace(tzinfo=UTC).isoformat())
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
MESSAGES = st.fixed_dictionaries(
    {"call_id": st.just("c"), "started_at": MOMENTS},
    optional={
        "ended_at": MOMENTS, "answered_at": MOMENTS, "queued_at": MOMENTS, "abandoned": st.booleans(),
        "transfers": st.integers(0, 9), "transcript": WORDS, "notes": WORDS, "reference": WORDS,
        "caller": st.fixed_dictionaries({}, optional={"phone": WORDS, "name": WORDS.filter(bool)}),
    },
)  # fmt: skip


def merged(messages: list[dict[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for message in messages:
        document = calls.merge(document, calls.document(CallIn.model_validate_json(json.dumps(message))))
    return document


@given(st.lists(MESSAGES, min_size=1, max_size=4))
def test_a_call_is_the_same_in_any_order_and_told_twice(messages: list[dict[str, Any]]) -> None:
    first = merged(messages)
    for order in itertools.permutations(messages):
        assert merged([*order, order[0]]) == first
    assert calls.outcome(first, about_open=None) in ("complaint", "question", "abandoned")


MAIL_BYTES = st.one_of(
    st.binary(max_size=2000),
    st.lists(
        st.sampled_from([
            b"From: a@example.com\r\n", b"From: =?utf-8?q?=\r\n", b"Subject: =?gb2312?b?xOO6ww==?=\r\n", b"\r\n",
            b"--b\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: text/html; charset=utf-7\r\n",
            b"Content-Type: message/delivery-status\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\xff\xfe\r\n",
            b"Content-Disposition: attachment; filename*=x'y'%ff\r\n", b"Date: 0\r\n", b"Received: by x; 99\r\n",
            b"On 1 Jan, x wrote:\r\n", b"> q\r\n", b"<blockquote>\r\n", b"Status: 5.1.1\r\n", b"--b--\r\n",
            b"words\r\n",
        ]),
        max_size=30,
    ).map(b"".join),
)  # fmt: skip


@examples(300)
@given(MAIL_BYTES)
def test_any_bytes_are_a_mail_with_an_outcome(raw: bytes) -> None:
    parsed = mail.parse(raw)
    verdict = classify.judge(parsed, {}, {}, known_sender=False)
    assert verdict.outcome in get_args(classify.Outcome)
    assert mailworker.unpack(mailworker.pack(parsed)) == parsed
    for words in (parsed.text, parsed.fresh, parsed.subject, parsed.sender_name, *(file.name for file in parsed.files)):
        assert "\x00" not in words
        words.encode()


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["gb2312", "utf-7", "hex"])))
def test_any_bytes_decode_under_any_label(data: bytes, label: str | None) -> None:
    mailtext.decode(data, label).encode()


@given(st.text(max_size=400))
def test_taking_a_reply_apart_loses_no_word(text: str) -> None:
    parts = mailquotes.split(text)
    together = sorted("".join((parts.fresh, parts.signature, parts.quoted)).split())
    assert sorted("".join(together)) == sorted("".join(text.split()))


@given(st.text(max_size=200))
def test_a_contact_has_one_form(text: str) -> None:
    for normalise in (identity.email, lambda value: identity.phone(value, "CN")):
        if form := normalise(text):
            assert normalise(form) == form


@given(st.text("ABC", min_size=1), st.text("ABC", min_size=1), st.text("ABC", min_size=1), st.text("ABC", min_size=1))
def test_an_id_is_its_source_and_key_and_nothing_else(a: str, b: str, c: str, d: str) -> None:
    assert (identity.keyed_id("i", a, b) == identity.keyed_id("i", c, d)) is ((a, b) == (c, d))


@given(st.text(max_size=300_000 // 50, alphabet=st.characters()))
def test_a_text_fits_into_an_event(text: str) -> None:
    clipped, left_out = entry.clip(text * 50)
    assert len(clipped) <= entry.TEXT_CHARS
    assert len(json.dumps(clipped, ensure_ascii=False).encode("utf-8", "replace")) <= entry.TEXT_BYTES
    assert left_out is (clipped != text * 50)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 400), st.text(max_size=40))
def test_a_link_opens_one_complaint_for_its_time(id: bytes, days: int, other: str) -> None:
    links = Links("k" * 32, "https://example.com/", 180)
    ref = reference.new()
    token = links.url(ref, NOW).partition("?t=")[2]
    assert links.valid(ref, token, NOW + timedelta(days=days)) is (days < 180)
    assert not links.valid(reference.new(), token, NOW)
    assert not links.valid(ref, other, NOW)
    assert len(links.pin(UUID(bytes=id))) == 6


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.just("a\x00"), st.just("\ud800")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab/~", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_every_unclean_text_is_found_where_it_stands(document: Any) -> None:
    for place, _ in unclean(document):
        found = document
        for part in place:
            found = found[part]
        assert "\x00" in str(found) or "\ud800" in str(found) or isinstance(found, dict)
    assert bool(unclean(document)) is ("\\u0000" in json.dumps(document) or "\\ud800" in json.dumps(document))
