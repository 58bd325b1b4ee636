"""Who gets an automatic answer, and how alike two mails are: estimated from a few hashes, against the true number."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.answers import ALIKE, MOST, PAUSE, Answers, alike, sketch
from services.intake.likeness import pieces
from services.intake.mail import Mail
from tests.support.scale import examples

AT = datetime(2026, 6, 9, 8, 0, tzinfo=UTC)
MATTERS = (
    "My kettle came without its cord.", "The invoice names a wrong sum.", "Your courier shouted at my mother.",
    "No signal in our street since Monday!", "您的快递丢失了，我要求赔偿。",
)  # fmt: skip


def letter(text: str, **more: object) -> Mail:
    return Mail(sender="li@example.com", subject="Hello", text=text, **more)  # type: ignore[arg-type]


@examples(200)
@given(st.sets(st.integers(0, 400), min_size=1), st.sets(st.integers(0, 400), min_size=1))
def test_the_estimate_is_near_the_share_of_words_that_two_texts_have_in_common(one: set[int], other: set[int]) -> None:
    texts = [" ".join("w" + "".join(chr(97 + int(d)) for d in str(n)) for n in numbers) for numbers in (one, other)]
    a, b = (set(pieces(text)) for text in texts)
    assert abs(alike(*map(sketch, texts)) - len(a & b) / len(a | b)) < 0.35


def test_numbers_make_no_difference_and_other_words_do() -> None:
    robot = [sketch(f"Ticket {n} was opened at {n}:30, please do not reply to this mail.") for n in range(2)]
    assert alike(*robot) == 1
    assert alike(sketch("您的快递丢失了，我要求赔偿。"), sketch("宽带每天晚上断网，没有人来修。")) < ALIKE
    assert alike(sketch(""), sketch("42")) == 1


def test_a_sender_is_answered_for_each_matter_a_few_times_a_day() -> None:
    answers = Answers({"li@example.com": []}, AT)
    told = [answers.may(letter(matter)) for matter in MATTERS for _ in range(2)]
    assert told == [True, False] * MOST + [False] * (2 * (len(MATTERS) - MOST))
    answers.now += PAUSE
    assert answers.may(letter("My kettle again."))


@pytest.mark.parametrize("subject", ["Re: Kettle", "RE[2]: Kettle", "AW: Kettle", "回复：水壶", " 答复: 水壶"])
def test_an_answer_to_something_gets_no_second_answer(subject: str) -> None:
    answers = Answers({"li@example.com": []}, AT)
    mail = letter("No signal since Monday.")
    mail.subject = subject
    assert answers.may(mail), "the first one does: people answer letters"
    other = letter("The courier shouted.", replies_to=("<x@example.com>",))
    assert not answers.may(other)
    mail.text = "The invoice is wrong."
    assert not answers.may(mail)
    assert not answers.may(letter("The garden is flooded."), chase=True)


def test_machines_and_unknown_senders_get_none_and_time_heals() -> None:
    answers = Answers({"li@example.com": []}, AT)
    assert not answers.may(letter("Job failed.", machine=True))
    assert not answers.may(Mail(sender="", text="x"))
    assert answers.may(letter("x"))
    answers.now += PAUSE - timedelta(seconds=1)
    assert not answers.may(letter("x"))
