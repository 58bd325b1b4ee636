"""Promises that are kept or broken: the apology names them, the next letter mentions what still stands."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.notifier import promises
from services.notifier.model import Promise
from shared.base.errors import NotFound, Problem
from shared.events import escalation, intake, routing
from shared.events.notifier import PromiseBroken, PromiseKept
from shared.spine.effects import Arm
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun

CREDIT = "I will credit £20 to your account by Monday 8 June."
EXCHANGE = "We will exchange the phone by Monday 8 June."


def promised(story: Story, kind: Any, due: datetime, what: str = CREDIT, **more: Any) -> Promise:
    """A promise of an earlier letter, with the timer that breaks it."""
    one = Promise(uuid4(), uuid4(), kind, due, what=what, made_at=story.now - timedelta(days=3), **more)
    story.matter.promises.append(one)
    story.timers[promises.timer(one.id)] = Arm(promises.timer(one.id), at=due)
    return one


def kinds(story: Story) -> list[str]:
    return [row.kind for row in story.matter.letters]


def test_a_broken_promise_is_apologised_for_in_its_own_words() -> None:
    story = begun().tell(c.assigned())
    one = promised(story, "remedy", c.later(days=1), remedy_id="r1")
    story.after(days=1, minutes=1)
    assert one.state == "broken"
    assert [type(e) for e in story.said] == [PromiseBroken]
    assert story.letter("remedy_delayed").state == "owed"
    story.after(minutes=2)
    letter = story.letter("remedy_delayed")
    assert letter.state == "ready"
    assert CREDIT in letter.text
    assert "sorry" in letter.text
    assert letter.promises  # a new day, or the day on which one is named
    assert story.matter.facts is not None


def test_two_promises_that_break_together_are_named_in_one_letter() -> None:
    story = begun().tell(c.assigned())
    promised(story, "remedy", c.later(days=1), remedy_id="r1")
    promised(story, "remedy", c.later(days=1), EXCHANGE, remedy_id="r2")
    story.after(days=1, minutes=1).after(minutes=2)
    assert kinds(story).count("remedy_delayed") == 1
    text = story.letter("remedy_delayed").text
    assert CREDIT in text
    assert EXCHANGE in text


def test_what_is_carried_out_before_the_apology_leaves_needs_none() -> None:
    story = begun().tell(c.assigned())
    one = promised(story, "remedy", c.later(days=1), remedy_id="r1")
    story.after(days=1, seconds=1)
    done = routing.RemedyCarriedOut(decision_id=uuid4(), remedy_id="r1", at=one.due_at, evidence="booked", by="z")
    story.tell(done).after(minutes=5)
    assert story.letter("remedy_delayed").state == "cancelled"
    assert one.state == "kept"


def test_a_late_answer_is_apologised_for_once_whether_clock_or_promise_says_so() -> None:
    due = c.later(days=1)
    for first in ("clock", "promise"):
        story = begun().tell(c.assigned())
        one = promised(story, "date", due)
        late = escalation.SlaBreached(
            clock_id=uuid4(), kind="decision", version=1, due_at=due, noticed_at=due, tier="low"
        )
        if first == "clock":
            story.now = due
            story.tell(late).after(minutes=5)
        else:
            story.after(days=1, minutes=5).after(minutes=5)
            story.tell(late).after(minutes=5)
        assert one.state == "broken"
        assert kinds(story).count("delay_apology") == 1, first


def test_a_day_that_was_moved_in_time_is_not_apologised_for() -> None:
    story = begun().tell(c.assigned())
    promised(story, "date", c.later(days=1))
    promised(story, "date", c.later(days=4))
    story.after(days=1, minutes=5).after(minutes=5)
    assert "delay_apology" not in kinds(story)
    story.after(days=3, minutes=5).after(minutes=5)
    assert kinds(story).count("delay_apology") == 1


def test_a_retracted_breach_takes_the_promises_apology_with_it() -> None:
    story = begun().tell(c.assigned())
    one = promised(story, "date", c.later(days=1))
    story.after(days=1, seconds=1)
    assert story.letter("delay_apology").state == "owed"
    story.tell(
        escalation.SlaBreachRetracted(
            clock_id=uuid4(), kind="decision", version=1, due_at=one.due_at, met_at=one.due_at
        )
    ).after(minutes=5)
    assert story.letter("delay_apology").state == "cancelled"


def test_nothing_is_apologised_for_after_a_withdrawal() -> None:
    story = begun()
    promised(story, "remedy", c.later(days=1), remedy_id="r1")
    story.tell(c.withdrawn()).after(days=2)
    assert "remedy_delayed" not in kinds(story)


def test_the_next_letter_mentions_what_still_stands() -> None:
    chased = intake.ComplaintChased(customer_id=c.CUSTOMER, channel="email", received_at=c.later(), count_7d=2)
    for language, words in (("en", "What we have already promised you still holds"), ("zh", "之前答应您的事照办")):
        story = begun(language=language).tell(c.assigned())
        promised(story, "remedy", c.later(days=3), remedy_id="r1")
        promised(story, "update", c.later(days=1), "We will tell you how far we are.")
        story.tell(chased).after(seconds=61)
        letter = story.letter("progress")
        assert letter.state == "ready", letter.reason
        assert words in letter.text
        assert CREDIT in letter.text
        assert "We will tell you how far we are." not in letter.text  # an update is kept by this very letter


def test_a_person_says_with_evidence_that_a_promise_was_kept_in_time() -> None:
    story = begun().tell(c.assigned())
    one = promised(story, "callback", c.later(days=1), "I will call you by Monday 8 June.")
    pledges = story.notifier.pledges
    for at in (story.now + timedelta(minutes=1), one.due_at + timedelta(hours=1)):
        with pytest.raises(Problem):
            list(pledges.kept(story.matter, one.id, at, "call 4412", "ben", story.now))
    story.after(days=1, seconds=1)
    assert one.state == "broken"
    story.apply(pledges.kept(story.matter, one.id, one.due_at - timedelta(hours=1), "call 4412", "ben", story.now))
    assert (one.state, one.evidence) == ("kept", "ben: call 4412")
    assert story.letter("remedy_delayed").state == "cancelled"
    assert [type(e) for e in story.said] == [PromiseBroken, PromiseKept]
    with pytest.raises(NotFound):
        list(pledges.kept(story.matter, uuid4(), story.now, "x", "ben", story.now))
