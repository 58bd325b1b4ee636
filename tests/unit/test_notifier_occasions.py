"""Letters owed for single facts: a hand-over, a call with a time, an open question, a remedy done, a referral."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.notifier.model import Promise, Said
from shared.events import routing
from shared.events.common import Remedy, Staff
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun
from tests.unit.test_notifier_questions import count, sent

EXCHANGE = "We will exchange the phone by Monday 8 June."
BODY = "the Example Ombudsman Service"


def transferred(to: Staff | None) -> routing.ComplaintTransferred:
    queue = None if to else "general"
    return routing.ComplaintTransferred(from_handler=c.HANDLER.id, handler=to, queue=queue, by="ben", reason="leave")


def test_a_hand_over_is_told_by_the_new_person_with_the_date_that_stands() -> None:
    story = begun().tell(c.assigned(), transferred(c.LEAD))
    letter = story.letter("hand_over")
    assert (letter.state, letter.automatic) == ("ready", True)
    assert "Zhang Min has told me where it stands" in letter.text
    assert "Ada Kaye, complaints lead" in letter.text
    assert [p.kind for p in letter.promises] == ["date"]


def test_from_a_queue_whoever_takes_the_case_tells_it_once_and_its_old_owner_does_not() -> None:
    story = begun().tell(c.assigned(), transferred(None))
    assert count(story, "hand_over") == 0
    story.tell(c.assigned(c.LEAD), c.assigned(c.LEAD))
    assert count(story, "hand_over") == 1
    assert "I have the whole file, so" in story.letter("hand_over").text
    again = begun().tell(c.assigned(), transferred(None), c.assigned())
    assert count(again, "hand_over") == 0


def test_a_first_assignment_hands_nothing_over() -> None:
    assert count(begun().tell(c.assigned(), c.assigned(c.LEAD)), "hand_over") == 0
    assert count(begun().tell(transferred(c.LEAD)), "hand_over") == 0


def test_a_call_that_was_promised_for_a_time_is_confirmed_by_whoever_has_the_case() -> None:
    at = c.later(days=2)
    story = begun().tell(c.assigned(), c.called_for(at))
    letter = story.letter("callback_appointment")
    assert letter.state == "ready"
    [promise] = letter.promises
    assert promise.kind == "callback"
    assert datetime.fromisoformat(promise.due) == at
    assert "at the latest" in letter.text
    assert c.HANDLER.contact in letter.text


def test_without_an_owner_the_call_is_confirmed_when_there_is_one_unless_it_was_made() -> None:
    story = begun().tell(c.called_for(c.later(days=2)))
    assert count(story, "callback_appointment") == 0
    assert count(story.tell(c.assigned(), c.assigned()), "callback_appointment") == 1
    made = begun().tell(c.called_for(c.later(days=2)), c.contact(), c.assigned())
    assert count(made, "callback_appointment") == 0


@pytest.mark.parametrize("hours", [None, -1])
def test_a_call_without_a_time_ahead_is_not_confirmed(hours: int | None) -> None:
    at = None if hours is None else c.later(hours=hours)
    assert count(begun().tell(c.assigned(), c.called_for(at)), "callback_appointment") == 0


def promised(story: Story, **more: Any) -> Promise:
    """A remedy of a letter that was sent."""
    values: dict[str, Any] = {"remedy_id": "r1", "what": EXCHANGE, "made_at": story.now - timedelta(days=3)}
    one = Promise(uuid4(), uuid4(), "remedy", c.later(days=2), **{**values, **more})
    story.matter.promises.append(one)
    return one


def carried_out(remedy: str = "r1") -> routing.RemedyCarriedOut:
    return routing.RemedyCarriedOut(decision_id=uuid4(), remedy_id=remedy, at=c.later(), evidence="b-01", by="z")


def test_a_sum_that_was_paid_is_told_as_the_letter_said_it() -> None:
    story = begun().tell(c.assigned(), c.decided(c.decision("20")))
    facts, day = story.matter.facts, story.now.date()
    assert facts is not None
    facts.said = [Said(on=day, remedy_id="r1", amount="15", due=day.isoformat())]  # an approver made it less
    promised(story)
    story.tell(carried_out(), carried_out())
    letter = story.letter("remedy_done")
    assert (letter.state, count(story, "remedy_done")) == ("ready", 1)
    assert "we credited £15 to your account" in letter.text
    assert "b-01" not in letter.text


def test_another_remedy_is_told_in_the_words_of_its_promise() -> None:
    swap = Remedy(
        id="r1", type="exchange", remedy_class="goodwill", by="2026-06-08", actor="we", issue="wait", item="the phone"
    )
    story = begun().tell(c.assigned(), c.decided(c.decision(remedies=(swap,))))
    promised(story)
    assert EXCHANGE in story.tell(carried_out()).letter("remedy_done").text


def test_what_no_letter_promised_brings_none() -> None:
    story = begun().tell(c.assigned(), c.decided(), carried_out())
    promised(story, remedy_id="r2")
    assert count(story.tell(carried_out()), "remedy_done") == 0


def test_a_case_that_went_to_an_outside_body_is_told_so() -> None:
    story = sent(begun().tell(c.assigned(), c.asked(c.later(days=7))))
    story.tell(routing.ComplaintReferredOutside(at=c.later(), body=BODY, by="ada")).after(days=6)
    letter = story.letter("referral")
    assert letter.state == "ready"
    assert f"your case went to {BODY}, who will decide it independently of us" in letter.text
    assert [row.kind for row in story.matter.letters] == ["referral"]
    assert letter.promises == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("how", ["referred", "forwarded", "out_of_scope"])
def test_whoever_decides_instead_of_us_is_named_with_the_way_there(how: Any, language: str) -> None:
    words = {
        "en": routing.ReferralWords(reason="your meter is theirs", examined=("your parking notice of 30 May",)),
        "zh": routing.ReferralWords(reason="您家的电表由他们管", examined=("您5月30日的停车通知单",)),
    }[language]
    theirs = {"body": "Example Energy" if language == "en" else "示例电力公司", "contact": "010 555 0188"}
    event = routing.ComplaintReferredOutside(
        at=c.later(), by="ada", how=how, handler=c.HANDLER, file_by=c.later(days=4).date().isoformat(),
        answer_by=c.later(days=14).date().isoformat(), personal={c.CUSTOMER: words}, **theirs,
    )  # fmt: skip
    story = begun(language=language).tell(c.assigned(), event)
    kind = "referral" if how == "referred" else how
    letter = story.letter(kind)
    assert (letter.state, letter.reason) == ("ready", None)
    assert theirs["body"] in letter.text
    assert theirs["contact"] in letter.text
    assert letter.by_person == (c.HANDLER.id if how == "out_of_scope" else None)
    assert {row.kind for row in story.matter.letters} == {"acknowledgement", kind}


def test_a_route_that_nobody_can_take_is_not_told() -> None:
    event = routing.ComplaintReferredOutside(at=c.later(), by="ada", how="forwarded", body="Example Energy")
    letter = begun().tell(c.assigned(), event).letter("forwarded")
    assert (letter.state, letter.reason) == ("blocked", "missing: route_contact")


def test_danger_to_life_holds_them_and_a_withdrawal_ends_them() -> None:
    story = Story().tell(c.received(), c.triaged("T0"), c.clocks(), c.assigned(), transferred(c.LEAD))
    assert story.letter("hand_over").state == "blocked"
    gone = begun().tell(c.assigned(), c.withdrawn())
    before = len(gone.matter.letters)
    promised(gone)
    gone.tell(
        transferred(c.LEAD), c.called_for(c.later(days=2)), c.asked(c.later(days=9)), carried_out(),
        routing.ComplaintReferredOutside(at=c.later(), body=BODY, by="ada"),
    ).after(days=8)  # fmt: skip
    assert len(gone.matter.letters) == before
