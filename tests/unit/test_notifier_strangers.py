"""Who asks about a case from an address that is not on record is asked who they are, without anybody's doing."""

from typing import Any
from uuid import uuid4

import pytest

from services.notifier.debts import HELD_T0, Debts
from services.notifier.handlers import Notifier
from services.notifier.strangers import MOST
from services.notifier.writer import Writer
from shared.events import intake
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import WRITER, Story, begun
from tests.unit.test_notifier_questions import count

WHO = "Who@elsewhere.example"


def written(model: Any, address: str | None = WHO, **more: Any) -> Any:
    """A word in a case's thread from an address that is not on record; with None from one that is."""
    id_ = uuid4()
    values: dict[str, Any] = {
        "customer_id": c.CUSTOMER, "channel": "email", "received_at": c.later(), "asks": True,
        "personal": {c.CUSTOMER: intake.Person(text="How much was refunded, and when?")},
    }  # fmt: skip
    if address:
        values["personal"][id_], values["unknown_sender"] = intake.Person(email=address), id_
    if model is intake.CustomerReplied:
        values["message_id"] = id_
    if model is intake.ComplaintChased:
        values["count_7d"] = 1
    return model(**{**values, **more})


WRITTEN = (intake.CustomerReplied, intake.ComplaintChased, intake.ReopenRequested)


@pytest.mark.parametrize("model", WRITTEN)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_is_not_on_record_and_asks_is_asked_who_they_are_and_told_nothing(model: Any, language: str) -> None:
    story = begun(language=language).tell(c.assigned(), written(model)).after(seconds=90)
    letter = story.letter("verification_request")
    assert (letter.state, letter.address, letter.to_name) == ("ready", WHO.lower(), None)
    assert (letter.recipient, letter.automatic) == ("stranger", True)
    assert not any(word in letter.text for word in ("Li Na", "李娜", "refund", "退款", c.HANDLER.name))
    assert "progress" not in story.states()


@pytest.mark.parametrize("model", WRITTEN)
@pytest.mark.parametrize("more", [{"address": None}, {"asks": None}, {"quiet": True}])
def test_nobody_is_asked_who_is_known_or_asks_for_nothing_or_had_an_answer_today(
    model: Any, more: dict[str, Any]
) -> None:
    assert "verification_request" not in begun().tell(c.assigned(), written(model, **more)).states()


def test_a_known_customer_who_chases_gets_the_progress_letter() -> None:
    assert "progress" in begun().tell(written(intake.ComplaintChased, None)).after(seconds=90).states()


def test_each_address_is_asked_once_and_only_so_many_of_them() -> None:
    story = begun()
    for address in (WHO, WHO.upper(), *(f"{n}@elsewhere.example" for n in range(MOST + 3))):
        count(story.tell(written(intake.CustomerReplied, address)), "verification_request")
    asked = [row.address for row in story.matter.letters if row.kind == "verification_request"]
    assert asked == [WHO.lower(), *(f"{n}@elsewhere.example" for n in range(MOST - 1))]


def test_danger_to_life_holds_it_and_a_withdrawal_ends_it() -> None:
    story = Story().tell(c.received(), c.triaged("T0"), c.clocks(), written(intake.CustomerReplied))
    assert story.letter("verification_request").reason == HELD_T0
    gone = begun().tell(c.withdrawn(), written(intake.CustomerReplied))
    assert "verification_request" not in gone.states()


def test_the_house_can_leave_it_to_its_people() -> None:
    story = begun()
    policy = WRITER.policy.model_copy(update={"verify_unknown": False})
    story.notifier = Notifier(Debts(Writer(WRITER.languages, policy, WRITER.linter)))
    story.tell(written(intake.ComplaintChased)).after(seconds=90)
    assert "verification_request" not in story.states()
    assert "progress" in story.states()
