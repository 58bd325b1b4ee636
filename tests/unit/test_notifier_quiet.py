"""No machine answers where intake says so; letters that people write go out all the same."""

from datetime import UTC, datetime

from services.notifier.debts import HELD_QUIET
from shared.events import intake
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story


def quietly(received: intake.ComplaintReceived) -> intake.ComplaintReceived:
    return received.model_copy(update={"quiet": True})


def test_the_acknowledgement_of_a_quiet_complaint_is_written_and_waits_for_a_person() -> None:
    story = Story().tell(quietly(c.received()), c.triaged(), c.clocks(decision=c.later(days=5))).after(seconds=30)
    (row,) = story.matter.letters
    assert (row.kind, row.state, row.reason) == ("acknowledgement", "blocked", HELD_QUIET)
    list(story.notifier.debts.approve(story.matter, row.id, "li", lead=False, now=datetime.now(UTC)))
    assert row.state == "ready"


def test_a_date_that_comes_late_goes_by_itself_only_where_the_acknowledgement_did() -> None:
    for received, owed in ((c.received(), True), (quietly(c.received()), False)):
        story = Story().tell(received).after(seconds=30).tell(c.triaged(), c.clocks(decision=c.later(days=5)))
        story.after(seconds=90)
        assert ("progress" in story.states()) is owed
    (row,) = story.matter.letters
    list(story.notifier.debts.approve(story.matter, row.id, "li", lead=False, now=datetime.now(UTC)))
    assert row.state == "ready"
    assert f"{c.later(days=5):%Y}" in row.text, "let go later, it names the date"


def test_a_quiet_chase_gets_no_progress_letter() -> None:
    received = c.received()
    customer = received.customer.customer_id
    for quiet, owed in ((None, True), (True, False)):
        story = Story().tell(received, c.triaged(), c.clocks(decision=c.later(days=5)))
        chased = intake.ComplaintChased(
            customer_id=customer, channel="email", received_at=datetime.now(UTC), count_7d=1, quiet=quiet
        )
        story.tell(chased).after(seconds=90)
        assert ("progress" in story.states()) is owed


def test_a_quiet_question_waits_for_a_person() -> None:
    received = c.received()
    for quiet, owed in ((None, {"acknowledgement"}), (True, set())):
        message = intake.MessageReceived(
            kind="question", reference=received.reference, channel="email", received_at=received.received_at,
            customer=received.customer, personal=received.personal, quiet=quiet,
        )  # fmt: skip
        assert set(Story().tell(message).states()) == owed
