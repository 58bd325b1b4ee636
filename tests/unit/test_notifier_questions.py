"""A question to the customer: reminded of twice, answered, or closed without a word."""

from typing import Any

import pytest

from shared.events import routing
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun


def count(story: Story, kind: str) -> int:
    return sum(row.kind == kind for row in story.matter.letters)


def sent(story: Story) -> Story:
    """A sender has taken everything that is ready: handlers see it no more."""
    story.matter.letters = [row for row in story.matter.letters if row.state != "ready"]
    return story


def test_a_question_without_an_answer_is_asked_once_more_before_the_day() -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=7))))
    story.after(days=4, hours=23)
    assert count(story, "reminder") == 0
    story.after(hours=2)
    letter = story.letter("reminder")
    assert (letter.state, letter.automatic) == ("ready", True)
    assert "Which model stands on the back of the phone?" in letter.text


ENDS = [c.answered(), c.contact(), c.decided(), c.withdrawn(), c.asked(c.later(days=1))]


@pytest.mark.parametrize("end", ENDS, ids=lambda one: type(one).type)
def test_whoever_answered_or_waits_no_more_is_not_reminded(end: Any) -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=7)))).tell(end).after(days=6)
    assert count(story, "reminder") == 0


def test_a_call_that_reached_nobody_answers_nothing() -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=7)))).tell(c.contact("voicemail")).after(days=6)
    assert count(story, "reminder") == 1


def test_a_short_time_is_reminded_of_when_it_is_over_and_a_question_that_never_left_is_not() -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=3)))).after(days=2)
    assert count(story, "reminder") == 0
    assert count(story.after(days=1, minutes=1), "reminder") == 1
    blocked = begun().tell(c.assigned(), c.asked(c.later(days=7), "You failed to name the model."))
    assert sent(blocked).letter("information_request").state == "blocked"
    assert count(blocked.after(days=6), "reminder") == 0


def reminded_twice(language: str = "en") -> Story:
    """A question of a week, asked once more twice; both reminders have left."""
    story = sent(begun(language=language).tell(c.assigned(), c.asked(c.later(days=7)))).after(days=5, hours=1)
    assert count(story, "reminder") == 1
    return sent(story).after(days=2)


def test_the_second_reminder_says_what_happens_then_and_there_is_no_third() -> None:
    story = reminded_twice()
    letter, asked = story.letter("reminder"), story.matter.facts and story.matter.facts.asked
    assert asked
    assert letter.state == "ready"
    assert "I will close the case for now" in letter.text
    assert f"on {asked.reminded[0]:%-d %B} I reminded you" in letter.text
    assert count(sent(story).after(days=30), "reminder") == 0


def closed(reason: Any = "no_answer") -> routing.ComplaintClosed:
    return routing.ComplaintClosed(at=c.later(), by="zhang-min", reason=reason)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_case_closed_without_an_answer_is_told_with_all_three_days(language: str) -> None:
    story = sent(reminded_twice(language)).after(days=20).tell(closed())
    letter = story.letter("closing_no_answer")
    assert (letter.state, letter.automatic) == ("ready", True)
    assert all(letter.inputs[name] for name in ("asked_on", "reminded_on", "reminded_again_on", "closed_on"))
    assert count(story.after(days=30), "reminder") == 0


def test_a_case_closed_for_no_answer_without_two_reminders_is_held_back_and_says_what_is_missing() -> None:
    letter = sent(begun().tell(c.assigned(), c.asked(c.later(days=7)))).tell(closed()).letter("closing_no_answer")
    assert (letter.state, letter.reason) == ("blocked", "missing: reminded_on")


@pytest.mark.parametrize("reason", ["accepted", "resolved", "withdrawn", "final"])
def test_any_other_end_needs_no_letter_of_its_own(reason: str) -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=7)), closed(reason))).after(days=9)
    assert story.matter.letters == []
