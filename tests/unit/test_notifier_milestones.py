"""A limit that passed, a final answer, somebody who speaks for the customer, and whose law holds."""

from importlib.resources import files
from typing import Any
from uuid import uuid4

import pytest
import yaml

from services.escalation.policy import Pack
from services.notifier import policy
from shared.events import escalation, intake
from shared.events.common import Text
from tests.support import correspondence as c
from tests.unit.test_notifier_handlers import Story, begun
from tests.unit.test_notifier_questions import count

NIECE = uuid4()
FOS = Text(zh="金融申诉专员服务，电话 0800 023 4567", en="The Financial Ombudsman Service, 0800 023 4567")


def rung(action: Any = "referral_right", **more: Any) -> escalation.RungReached:
    values: dict[str, Any] = {
        "clock_id": uuid4(), "kind": "final_response", "version": 1, "due_at": c.later(seconds=-2), "rung": 3,
        "action": action, "to": "manager", "pack": "uk-fca-disp", "outside": FOS,
    }  # fmt: skip
    return escalation.RungReached(**{**values, **more})


def lawful(pack: str) -> escalation.ClocksChanged:
    """A legal limit of this pack."""
    (view,) = c.clocks(final_response=c.later(days=9)).clocks
    return escalation.ClocksChanged(clocks=(view.model_copy(update={"pack": pack, "legal": True}),))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_when_the_final_limit_passes_the_customer_is_told_where_to_turn_and_apologised_to_once(language: str) -> None:
    reached = rung()
    breach = escalation.SlaBreached(
        clock_id=uuid4(), kind="final_response", version=1, due_at=reached.due_at, noticed_at=c.later(), tier="low"
    )
    for order in ((breach, reached), (reached, breach)):
        told = begun(language=language).tell(c.assigned(), *order).after(seconds=90)
        assert "delay_apology" not in {row.kind for row in told.matter.letters if row.state != "cancelled"}
        letter = told.letter("referral")
        assert (letter.state, letter.automatic) == ("ready", True)
        assert "0800 023 4567" in letter.text


def test_a_rung_without_an_outside_body_still_tells_the_rights() -> None:
    letter = begun().tell(rung(outside=None)).letter("referral")
    assert letter.state == "ready"
    assert "how to reach it is set out below" in letter.text
    assert "If you remain dissatisfied" in letter.text


@pytest.mark.parametrize(
    ("pack", "body"),
    [("uk-housing-2024", "the Housing Ombudsman Service"), ("house", "the Example Ombudsman Service")],
)
def test_rights_are_those_of_the_pack_in_force(pack: str, body: str) -> None:
    story = begun().tell(lawful(pack))
    why = Text(en="The laboratory has the phone until 11 June", zh="手机在检测")
    assert body in story.tell(rung("holding_letter", reason=why)).letter("holding").text
    assert body in story.tell(c.decided(stage=2)).letter("final").text


def test_every_pack_that_names_an_outside_body_has_its_rights_in_every_language() -> None:
    house = policy.load(None)
    found = (f for f in (files("services.escalation") / "packs").iterdir() if f.name.endswith(".yaml"))
    packs = [Pack.model_validate(yaml.safe_load(f.read_text("utf-8"))) for f in found]
    outside = {pack.pack: pack.outside for pack in packs if pack.outside}
    assert set(house.rights_of) == set(outside)
    for pack, body in outside.items():
        for language, named in (("zh", body.zh), ("en", body.en)):
            told = "".join(house.rights_of[pack][language])
            numbers = "".join(ch if ch.isdigit() else " " for ch in named).split()
            assert all(n in told for n in numbers), (pack, language)


def test_the_second_stage_is_answered_for_good_and_a_second_refusal_is_a_deadlock() -> None:
    first = c.decided(overall="not_upheld")
    story = begun().tell(first)
    assert story.states()["resolution"] == "ready"
    letter = story.tell(c.decided(stage=2, handler=c.LEAD, overall="not_upheld")).letter("final")
    assert letter.state == "ready"
    assert "You see it differently" in letter.text
    assert "If you remain dissatisfied" in letter.text
    other = begun().tell(first, c.decided(stage=2, handler=c.LEAD)).letter("final")
    assert "I had no part in the first one" in other.text
    assert story.letter("resolution").state == "cancelled"  # it had not left


def represented(authority: Any, email: str | None = "lina@example.org") -> intake.ComplaintReceived:
    received = c.received(email=email)
    niece = intake.Person(name="Li Mei", email="mei@example.org")
    return received.model_copy(
        update={
            "representation": intake.Representation(subject_id=NIECE, relation="niece", authority=authority),
            "personal": {**received.personal, NIECE: niece},
        }
    )


@pytest.mark.parametrize("authority", ["none", "claimed"])
def test_who_speaks_for_a_customer_is_asked_for_the_customers_word_once_by_whoever_has_the_case(authority: Any) -> None:
    story = Story().tell(represented(authority), c.triaged(), c.clocks(decision=c.later(days=5)))
    assert count(story, "authority_request") == 0
    story.tell(c.assigned(), c.assigned(c.LEAD))
    letter = story.letter("authority_request")
    assert (letter.state, letter.address, letter.recipient) == ("ready", "mei@example.org", "representative")
    assert letter.text.startswith("Dear Li Mei,")
    assert "I need a word from Li Na" in letter.text
    assert count(story, "authority_request") == 1
    assert story.letter("acknowledgement").address == "lina@example.org"


def test_a_verified_word_needs_no_question_and_letters_go_to_who_speaks_when_nobody_else_can_be_reached() -> None:
    events = (c.triaged(), c.clocks(decision=c.later(days=5)), c.assigned())
    story = Story().tell(represented("verified", email=None), *events)
    letter = story.letter("acknowledgement")
    assert (letter.state, letter.address) == ("ready", "mei@example.org")
    assert count(story, "authority_request") == 0
    reachable = Story().tell(represented("verified"), *events).letter("acknowledgement")
    assert (reachable.address, reachable.recipient) == ("lina@example.org", "complainant")
    unknown = Story().tell(represented("claimed", email=None), *events).letter("acknowledgement")
    assert (unknown.state, unknown.address) == ("no_address", None)
