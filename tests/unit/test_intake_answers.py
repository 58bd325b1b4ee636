"""Who gets an automatic answer to a mail: a sender one in 24 hours, whatever they write."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.answers import PAUSE, Answers, sender, senders
from services.intake.mail import Mail
from tests.support.scale import examples

AT = datetime(2026, 6, 9, 8, 0, tzinfo=UTC)
LI = "li@example.com"


def letter(text: str, **more: object) -> Mail:
    return Mail(sender=LI, subject="Hello", text=text, **more)  # type: ignore[arg-type]


@examples(200)
@given(st.lists(st.tuples(st.integers(0, 5 * 86400), st.text(max_size=30), st.text(max_size=30)), max_size=40))
def test_no_two_answers_to_one_sender_are_less_than_a_day_apart(mails: list[tuple[int, str, str]]) -> None:
    last: datetime | None = None
    for second, subject, words in sorted(mails):
        answers = Answers({LI: last}, AT + timedelta(seconds=second))
        if answers.may(Mail(sender=LI, subject=subject, text=words)):
            assert last is None or answers.now - last >= PAUSE
            assert answers.answered == {LI}
            last = answers.now
    assert bool(last) is bool(mails), "the first one is answered"


def test_of_many_at_once_one_is_answered() -> None:
    answers = Answers({LI: None}, AT)
    assert [answers.may(letter(words)) for words in ("The kettle is broken.", "No signal.", "您的快递丢失了。")] == [
        True,
        False,
        False,
    ]


def test_time_heals() -> None:
    assert not Answers({LI: AT}, AT + PAUSE - timedelta(seconds=1)).may(letter("x"))
    assert Answers({LI: AT}, AT + PAUSE).may(letter("x"))


def test_machines_and_nobody_get_none() -> None:
    answers = Answers({LI: None}, AT)
    assert not answers.may(letter("Job failed.", machine=True))
    assert not answers.may(Mail(sender="", text="x"))
    assert answers.may(letter("x"))
    assert senders([letter("x"), letter("y", machine=True), Mail()]) == {LI}


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("bot+1@x.example", "bot@x.example"),
        ("bot+2+3@x.example", "bot@x.example"),
        ("+x@x.example", "+x@x.example"),
        ("", ""),
    ],
)
def test_a_tag_makes_no_other_sender(address: str, who: str) -> None:
    assert sender(Mail(sender=address)) == who
