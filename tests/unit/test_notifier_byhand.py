"""Letters that an act of a person is owed: agreed on the phone, settled, corrected, withdrawn by staff, asked for."""

from typing import Any
from uuid import uuid4

import pytest

from services.notifier.debts import HELD_T0
from shared.events import intake, routing
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun
from tests.unit.test_notifier_questions import count

SAID = "I will credit £20 to your account by Monday 8 June."
POINTS = {
    "en": ("have the line measured again in the evening", "call you with the result", "leave the router switched on"),
    "zh": ("挑晚上网慢的时候再测一次线路", "打电话告诉您结果", "让路由器夜里开着"),
}


def agreed(language: str = "en", **more: Any) -> routing.ContactMade:
    """A call in which two things were agreed and one was asked for."""
    ours, mine, theirs = POINTS[language]
    by = c.later(days=4).date().isoformat()
    words = routing.CallWords(
        text="They will look at the line.",
        heard="the line is slow after nine" if language == "en" else "晚上九点后网速慢",
        agreed=(routing.Point(what=ours, by=by, who="we"), routing.Point(what=mine, by=by, who="I")),
        asked=(routing.Point(what=theirs, by=by),),
    )  # fmt: skip
    return c.contact(personal={c.CUSTOMER: words}, handler=c.HANDLER, **more)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_was_agreed_on_the_phone_stands_in_writing_and_is_promised(language: str) -> None:
    story = begun(language=language).tell(c.assigned(), agreed(language))
    letter = story.letter("call_summary")
    assert (letter.state, letter.by_person) == ("ready", c.HANDLER.id)
    assert all(what in letter.text for what in POINTS[language])
    assert [p.kind for p in letter.promises] == ["date", "date"]
    assert "They will look at the line." not in letter.text  # the note for the file is not the customer's
    assert count(story, "call_summary") == 1


@pytest.mark.parametrize("outcome", ["no_answer", "voicemail", "wrong_number"])
def test_where_nobody_was_reached_nothing_was_agreed(outcome: str) -> None:
    missed = agreed().model_copy(update={"outcome": outcome})
    assert count(begun().tell(c.assigned(), missed), "call_summary") == 0
    bare = c.contact(personal={c.CUSTOMER: routing.CallWords(text="talked")})
    assert count(begun().tell(c.assigned(), bare), "call_summary") == 0


def settled(days: int = 0, **more: Any) -> routing.ComplaintResolved:
    at = c.later(days=days)
    how = "On 4 June we refunded £12 for the second delivery charge to the card ending 6120"
    words = {c.CUSTOMER: routing.Words(text=how)}
    values: dict[str, Any] = {"at": at, "by": "zhang-min", "summary": True, "accepted_at": at, "handler": c.HANDLER}
    return routing.ComplaintResolved(**{**values, "personal": words, **more})


def test_what_was_settled_at_once_gets_a_short_letter_within_the_packs_days_only() -> None:
    within = c.clocks(summary_resolution=c.later(days=3), final_response=c.later(days=40))
    letter = begun().tell(within, c.assigned(), settled()).letter("summary_resolution")
    assert letter.state == "ready"
    assert "we have closed it" in letter.text
    assert "If you remain dissatisfied" in letter.text
    late = begun().tell(within, c.assigned(), settled(4)).letter("summary_resolution")
    assert late.state == "blocked"
    assert late.reason.startswith("the days in which a summary is enough are over")
    assert count(begun().tell(c.assigned(), settled(summary=None)), "summary_resolution") == 0


def test_a_wrong_sentence_is_quoted_beside_what_is_right() -> None:
    words = routing.CorrectionWords(text="", wrong=SAID, right="the credit is £25, and it reaches you by 15 June")
    written = routing.CorrectionWritten(
        message_id=uuid4(), letter_on="2026-06-05", handler=c.HANDLER, personal={c.CUSTOMER: words}
    )
    story = begun().tell(c.assigned(), written)
    letter = story.letter("correction")
    assert (letter.state, letter.by_person) == ("ready", c.HANDLER.id)
    assert SAID in letter.text
    assert "This is right: the credit is £25" in letter.text


def noted() -> intake.WithdrawalRequested:
    return intake.WithdrawalRequested(
        customer_id=c.CUSTOMER, channel="hotline", received_at=c.later(), by="zhang",
        confirm_url="https://amends.example/track/AM-7K2M9Q4T1C?t=Qx81",
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_withdrawal_that_staff_wrote_down_is_asked_about_and_ends_nothing(language: str) -> None:
    story = begun(language=language).tell(noted())
    letter = story.letter("withdrawal_confirmation")
    assert letter.state == "ready"
    assert "https://amends.example/track/AM-7K2M9Q4T1C?t=Qx81" in letter.text
    assert story.matter.facts
    assert not story.matter.facts.withdrawn
    assert count(story.tell(c.withdrawn()), "withdrawal_confirmation") == 2


def verify(email: str | None) -> routing.VerificationRequested:
    words = {uuid4(): routing.AddressWords(email=email)} if email else {}
    return routing.VerificationRequested(
        request_id=uuid4(), answer_by=c.later(days=14), message_at=c.later(days=-1), handler=c.HANDLER, personal=words
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unknown_address_is_asked_who_it_is_and_told_nothing_of_the_case(language: str) -> None:
    story = begun(language=language).tell(c.assigned(), verify("who@elsewhere.example"))
    letter = story.letter("verification_request")
    assert (letter.state, letter.address, letter.to_name) == ("ready", "who@elsewhere.example", None)
    assert not any(word in letter.text for word in ("Li Na", "李娜", "refund", "退款"))
    assert begun().tell(c.assigned(), verify(None)).letter("verification_request").state == "no_address"


def test_a_handler_can_ask_for_the_word_of_who_is_spoken_for() -> None:
    words = {c.CUSTOMER: routing.BehalfWords(on_behalf_of="Li Guihua")}
    asked = routing.AuthorityRequested(
        request_id=uuid4(), answer_by=c.later(days=14), handler=c.HANDLER, personal=words
    )
    letter = begun().tell(c.assigned(), asked).letter("authority_request")
    assert (letter.state, letter.address, letter.by_person) == ("ready", "lina@example.org", c.HANDLER.id)
    assert "I need a word from Li Guihua" in letter.text


def test_danger_to_life_holds_none_that_a_person_wrote_and_a_withdrawal_ends_them() -> None:
    story = Story().tell(c.received(), c.triaged("T0"), c.clocks(), c.assigned(), agreed())
    assert story.letter("call_summary").state == "ready"
    assert story.tell(noted()).letter("withdrawal_confirmation").reason == HELD_T0
    gone = begun().tell(c.assigned(), c.withdrawn())
    before = len(gone.matter.letters)
    gone.tell(agreed(), settled(), verify("who@elsewhere.example"), noted())
    assert len(gone.matter.letters) == before
