"""Each kind of clock: what really stops it, and what only seems to."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.escalation.facts import handoffs
from shared.base.errors import Conflict, NotFound
from shared.events.common import Staff
from shared.events.escalation import RungReached, SlaBreached, SlaBreachRetracted
from shared.events.notifier import LetterFailed
from tests.support import lives
from tests.support.lives import LEAD, World, book_of, minutes, pack

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OTHER = Staff(id="h2", name="Wang Jun", role_title="Handler", contact="wang@example.com")
HOUSE = pack("""
  - {clock: acknowledgement, limit: 30min}
  - {clock: first_response, limit: 2h}
  - {clock: next_update, limit: 1h}
  - {clock: decision, limit: 10h, pausable: true, warn: [0.5]}
  - {clock: reopened, limit: 5h}
  - {clock: callback, limit: 3h}
  - {clock: enquiry, limit: 3h}
  - {clock: handoff, limit: 1h}
  - {clock: approval, limit: 2h}
  - {clock: remedy, limit: 4h}
  - {clock: final_response, when: {stage: 2}, start: stage2, limit: 8h}
""")


def begun(*packs: str, product: str | None = None) -> World:
    w = World(book_of(*(packs or (HOUSE,))), T)
    w.tell(lives.received(T, product=product))
    return w


def state(w: World, name: str) -> str:
    return w.case.clocks[name].state


def of_kind(w: World, kind: str) -> list[str]:
    return [c.state for c in w.case.clocks.values() if c.kind == kind]


# Acknowledgement -------------------------------------------------------------------------------------------------


def test_an_acknowledgement_that_bounces_is_none_and_the_clock_runs_on() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1), message="<a@x>"))
    assert state(w, "acknowledgement") == "met"
    w.until(T + minutes(10))
    w.tell(lives.bounced("<a@x>"))
    clock = w.case.clocks["acknowledgement"]
    assert (clock.state, clock.due_at, clock.version, clock.stopped_at) == ("running", T + minutes(30), 2, None)
    assert clock.history[-1]["why"] == "the letter came back"
    w.until(T + minutes(31))
    assert [b.version for b in w.all(SlaBreached) if b.kind == "acknowledgement"] == [2]
    assert [o for k, o in w.outcomes() if k == "acknowledgement"] == ["met", "reopened", "breached"]


def test_a_bounce_after_the_deadline_is_a_breach_stamped_at_the_deadline() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1), message="<a@x>"))
    w.until(T + minutes(45))
    w.tell(lives.bounced("<a@x>"))
    w.until(T + minutes(45))
    assert state(w, "acknowledgement") == "breached"
    assert w.case.clocks["acknowledgement"].noticed_at == T + minutes(45)
    assert T + minutes(30) in w.times(SlaBreached)


def test_a_bounce_changes_nothing_when_somebody_was_reached_as_well() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1), message="<a@x>"))
    w.tell(lives.contact(T + minutes(2)))
    w.tell(lives.bounced("<a@x>"))
    assert (state(w, "acknowledgement"), w.case.clocks["acknowledgement"].stopped_at) == ("met", T + minutes(2))


def test_a_bounce_that_is_not_for_good_changes_nothing() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1), message="<a@x>"))
    w.tell(lives.bounced("<a@x>", permanent=False))
    assert state(w, "acknowledgement") == "met"


def test_a_bounce_that_is_read_before_its_letter_counts_all_the_same() -> None:
    w = begun()
    w.tell(lives.bounced("<a@x>"))
    w.tell(lives.letter("acknowledgement", T + minutes(1), message="<a@x>"))
    assert state(w, "acknowledgement") == "running"


def test_a_resolution_that_bounces_did_not_tell_the_decision() -> None:
    w = begun()
    w.tell(lives.decided())
    w.tell(lives.letter("resolution", T + minutes(40), message="<r@x>"))
    assert (state(w, "decision"), state(w, "next_update")) == ("met", "met")
    w.tell(lives.bounced("<r@x>"))
    assert (state(w, "decision"), state(w, "next_update")) == ("running", "running")


def test_an_update_that_bounces_leaves_the_wait_where_it_was() -> None:
    w = begun()
    w.until(T + minutes(50))
    w.tell(lives.letter("progress", T + minutes(50), message="<p@x>"))
    clock = w.case.clocks["next_update"]
    assert clock.due_at == T + minutes(110)
    w.tell(lives.bounced("<p@x>"))
    assert (clock.started_at, clock.due_at) == (T, T + minutes(60))
    w.until(T + minutes(61))
    assert clock.state == "breached"


# First response --------------------------------------------------------------------------------------------------


def test_first_response_is_not_met_by_templates_asks_or_calls_that_reach_nobody() -> None:
    w = begun()
    for kind in ("acknowledgement", "progress", "delay_apology", "information_request", "holding"):
        w.tell(lives.letter(kind, T + minutes(1)))
    w.tell(lives.asked(T + minutes(300)))
    for outcome in ("no_answer", "voicemail", "wrong_number"):
        w.tell(lives.contact(T + minutes(2), outcome=outcome))
    w.tell(lives.assigned())
    assert state(w, "first_response") == "running"
    w.tell(lives.responded(T + minutes(3)))
    assert state(w, "first_response") == "met"


# Decision --------------------------------------------------------------------------------------------------------


def test_a_decision_is_not_met_by_deciding_asking_or_promising() -> None:
    w = begun()
    w.tell(lives.decided())
    w.tell(lives.contact(T + minutes(3), outcome="voicemail"))
    w.tell(lives.letter("progress", T + minutes(4)))
    w.tell(lives.letter("holding", T + minutes(4)))
    w.tell(lives.promised(T + minutes(500)))
    assert state(w, "decision") == "running"


def test_a_second_stage_has_its_own_clock_and_needs_a_letter_of_its_own() -> None:
    w = begun()
    w.tell(lives.disputed(T + minutes(1)))
    assert "final_response:stage2" not in w.case.clocks, "nothing was told yet: this is a message"
    w.tell(lives.decided())
    w.tell(lives.letter("resolution", T + minutes(20)))
    w.tell(lives.disputed(T + minutes(60)))
    clock = w.case.clocks["final_response:stage2"]
    assert (clock.state, clock.started_at, clock.due_at) == ("running", T + minutes(60), T + minutes(540))
    assert state(w, "decision") == "met", "the first outcome stays"
    w.tell(lives.letter("resolution", T + minutes(90)))
    assert clock.state == "met"


# Enquiry, call-back ----------------------------------------------------------------------------------------------


def test_an_enquiry_is_not_met_by_another_enquirys_answer() -> None:
    w = begun()
    w.tell(lives.enquiry(T + minutes(77), 1))
    w.tell(lives.enquiry_answered(T + minutes(5), 2))
    w.tell(lives.contact(T + minutes(6)))
    assert of_kind(w, "enquiry") == ["running"]
    w.tell(lives.enquiry_answered(T + minutes(7), 1))
    assert of_kind(w, "enquiry") == ["met"]


def test_a_call_back_that_a_letter_promises_is_kept_by_a_call_that_reaches_only() -> None:
    w = begun()
    w.tell(lives.promised(T + minutes(90), None, "callback"))
    w.tell(lives.contact(T + minutes(20), outcome="voicemail"))
    w.tell(lives.contact(T + minutes(21), outcome="no_answer"))
    w.tell(lives.letter("reply", T + minutes(22)))
    w.tell(lives.contact(T + minutes(23), direction="in"))
    assert of_kind(w, "callback") == ["running"]
    w.tell(lives.contact(T + minutes(24)))
    assert of_kind(w, "callback") == ["met"]


# Hand-off --------------------------------------------------------------------------------------------------------


def test_a_hand_off_is_not_met_by_giving_the_case_on_nor_by_being_given_it() -> None:
    w = begun()
    w.tell(lives.assigned(), time=T)
    w.until(T + minutes(10))
    w.tell(lives.transferred("h1", OTHER))
    assert of_kind(w, "handoff") == ["running"]
    w.until(T + minutes(20))
    w.tell(lives.transferred("h2"))
    w.tell(lives.assigned(LEAD, "push"))
    assert of_kind(w, "handoff") == ["running"], "given on twice, and nobody did anything"
    w.tell(lives.contact(T + minutes(25), by="h2"))
    assert of_kind(w, "handoff") == ["running"], "h2 has given it away"
    w.tell(lives.contact(T + minutes(30), by="l1", outcome="voicemail"))
    assert of_kind(w, "handoff") == ["running"]
    w.tell(lives.contact(T + minutes(40), by="l1"))
    (clock,) = [c for c in w.case.clocks.values() if c.kind == "handoff"]
    assert (clock.state, clock.started_at, clock.stopped_at) == ("met", T + minutes(10), T + minutes(40))


def test_a_hand_off_is_met_by_accepting_the_offer_and_a_second_one_has_its_own_clock() -> None:
    w = begun()
    w.tell(lives.transferred("h1"))
    w.until(T + minutes(5))
    w.tell(lives.assigned(OTHER, "offer"))
    assert of_kind(w, "handoff") == ["met"]
    w.until(T + minutes(9))
    w.tell(lives.transferred("h2"))
    assert of_kind(w, "handoff") == ["met", "running"]
    w.until(T + minutes(70))
    assert of_kind(w, "handoff") == ["met", "breached"]


def test_hand_offs_are_found_in_whatever_was_done() -> None:
    at = [T + minutes(n) for n in range(9)]
    assert list(handoffs([(at[1], "a")], [(at[2], "a")])) == [(at[1], None)]
    assert list(handoffs([(at[1], "a"), (at[3], "b")], [(at[4], "a")])) == [(at[1], at[4])]
    assert list(handoffs([(at[1], "a"), (at[3], "b")], [(at[2], "b"), (at[5], "c")])) == [
        (at[1], at[2]), (at[3], at[5]),
    ]  # fmt: skip


# Approval --------------------------------------------------------------------------------------------------------


def test_an_approval_is_met_when_the_held_letter_goes_out_not_when_another_does() -> None:
    w, held = begun(), uuid4()
    w.tell(lives.blocked("resolution", id_=held, why="approval: 900 EUR is above the signatory's authority"))
    w.tell(lives.letter("progress", T + minutes(1)))
    assert of_kind(w, "approval") == ["running"]
    w.tell(lives.letter("resolution", T + minutes(50), id_=held))
    assert of_kind(w, "approval") == ["met"]


def test_a_letter_that_breaks_a_rule_waits_for_its_writer_and_not_for_an_approver() -> None:
    w = begun()
    w.tell(lives.blocked("resolution", why="the gate", findings=("A2",)))
    assert of_kind(w, "approval") == []


def test_an_approval_that_nobody_needs_any_more_is_cancelled() -> None:
    for ending in ("failed", "decided anew", "withdrawn"):
        w, held = begun(), uuid4()
        w.tell(lives.blocked("resolution", id_=held, why="approval: too much"), time=T)
        w.until(T + minutes(5))
        if ending == "failed":
            w.tell(
                LetterFailed(
                    letter_id=held, kind="resolution", language="en", channel="email", trigger=uuid4(), reason="x"
                )
            )
        elif ending == "withdrawn":
            w.tell(lives.withdrawn(T + minutes(5)))
        else:
            w.tell(lives.decided(uuid4()))
        assert of_kind(w, "approval") == ["cancelled"], ending


# Remedy ----------------------------------------------------------------------------------------------------------


def decided_with_a_remedy() -> World:
    w = begun()
    w.tell(lives.decided())
    w.tell(lives.letter("resolution", T + minutes(5)))
    w.tell(lives.promised(T + minutes(500)))
    return w


def test_the_deciders_own_word_is_no_evidence_that_a_remedy_was_carried_out() -> None:
    w = decided_with_a_remedy()
    w.tell(lives.remedy_done(T + minutes(60), evidence="done", by="h1"))
    assert state(w, "remedy:r1") == "running"


def test_a_remedy_is_met_by_the_paying_systems_reference_or_a_second_person() -> None:
    for evidence, by in (("transfer TR-20261123-7", "h1"), ("seen in the shop", "h2")):
        w = decided_with_a_remedy()
        w.tell(lives.remedy_done(T + minutes(60), evidence=evidence, by=by))
        assert state(w, "remedy:r1") == "met"


def test_a_second_person_confirms_a_remedy_as_of_when_it_was_carried_out() -> None:
    w = decided_with_a_remedy()
    with pytest.raises(NotFound):
        w.command(w.commands.confirm_remedy(w.case, w.now, remedy="r1", who="l1"))
    w.tell(lives.remedy_done(T + minutes(60), evidence="done", by="h1"))
    with pytest.raises(Conflict, match="Nobody confirms what they carried out"):
        w.command(w.commands.confirm_remedy(w.case, w.now, remedy="r1", who="h1"))
    w.until(T + minutes(510))
    assert state(w, "remedy:r1") == "breached"
    w.command(w.commands.confirm_remedy(w.case, w.now, remedy="r1", who="l1"))
    assert (state(w, "remedy:r1"), w.case.clocks["remedy:r1"].stopped_at) == ("met", T + minutes(60))
    assert [r.kind for r in w.all(SlaBreachRetracted)] == ["remedy"]


# Reopened --------------------------------------------------------------------------------------------------------


def test_a_reopened_case_is_not_met_by_the_first_answer() -> None:
    w = begun()
    w.tell(lives.decided())
    w.tell(lives.letter("resolution", T + minutes(50)))
    w.until(T + minutes(100))
    w.tell(lives.reopened(T + minutes(100)))
    w.tell(lives.letter("reopening", T + minutes(101)))
    assert state(w, "reopened:1") == "running"
    assert w.case.clocks["decision"].stopped_at == T + minutes(50)


# What lapses -----------------------------------------------------------------------------------------------------

FCA = pack(
    """
  - {clock: summary_resolution, limit: 3h, lapses: true}
  - {clock: final_response, limit: 10h}
  - {clock: outside_window, limit: 30h, start: told, lapses: true}
""",
    name="law",
    legal=True,
)


def test_the_days_for_a_summary_resolution_lapse_without_a_breach() -> None:
    w = begun(FCA)
    w.until(T + minutes(200))
    assert state(w, "summary_resolution@law") == "cancelled"
    assert w.all(SlaBreached) == []
    w.tell(lives.letter("resolution", T + minutes(170)))
    assert state(w, "summary_resolution@law") == "met", "the letter was in time and is read late"


def test_the_customers_time_to_go_outside_begins_when_they_are_told_and_ends_by_itself() -> None:
    w = begun(FCA)
    assert "outside_window@law:told" not in w.case.clocks
    w.tell(lives.letter("resolution", T + minutes(60)))
    assert w.case.clocks["outside_window@law:told"].due_at == T + timedelta(hours=31)
    w.tell(lives.closed(T + minutes(70)))
    assert state(w, "outside_window@law:told") == "running", "closing takes no right away"
    w.until(T + timedelta(hours=32))
    assert state(w, "outside_window@law:told") == "cancelled"
    assert w.all(SlaBreached) == []


# Starts ----------------------------------------------------------------------------------------------------------


def test_a_clock_may_begin_with_the_acknowledgement_and_an_earlier_one_moves_it() -> None:
    law = pack("  - {clock: final_response, limit: 10h, start: acknowledged}", name="law", legal=True)
    w = begun(law)
    assert w.case.clocks == {}
    w.tell(lives.letter("acknowledgement", T + minutes(60)))
    clock = w.case.clocks["final_response@law:acknowledged"]
    assert clock.due_at == T + minutes(660)
    w.tell(lives.contact(T + minutes(30)))
    assert (clock.started_at, clock.due_at) == (T + minutes(30), T + minutes(630))
    assert clock.history[0]["why"] == "it began earlier than was known"


def test_what_was_agreed_is_carried_out_within_its_days() -> None:
    law = pack("  - {clock: remedy, limit: 10h, start: agreed, stop: resolved}", name="law", legal=True)
    w = begun(law)
    w.tell(lives.accepted(T + minutes(10)))
    clock = w.case.clocks["remedy@law:agreed"]
    assert clock.due_at == T + minutes(610)
    w.tell(lives.remedy_done(T + minutes(20)))
    assert clock.state == "running", "one remedy of perhaps several"
    w.tell(lives.resolved(T + minutes(30)))
    assert clock.state == "met"


def test_the_product_is_known_at_the_receipt_and_chooses_the_longer_limit() -> None:
    law = pack(
        """
  - {clock: final_response, limit: 30cd, unless: {product: [superannuation]}}
  - {clock: final_response, limit: 45cd, when: {product: [superannuation]}}
""",
        name="law",
        legal=True,
    )
    for product, days in ((None, 30), ("superannuation", 45)):
        w = begun(law, product=product)
        assert w.case.clocks["final_response@law"].due_at == T + timedelta(days=days)


# Longer limits ---------------------------------------------------------------------------------------------------

PAYMENTS = pack(
    """
  - clock: final_response
    limit: 10h
    extension: [{limit: 20h, after: holding_letter}, {limit: 40h, after: holding_letter}]
    ladder: [{at: 80%, action: holding_letter, to: lead}, {at: 100%, action: referral_right, to: manager}]
""",
    name="law",
    legal=True,
    more="outside: {zh: 监管热线, en: the regulator's hotline}",
)


def test_a_holding_letter_before_the_limit_gives_the_longer_limit_and_a_late_one_does_not() -> None:
    w = begun(PAYMENTS)
    clock = w.case.clocks["final_response@law"]
    w.until(T + timedelta(hours=9))
    (rung,) = w.all(RungReached)
    assert (rung.action, rung.new_date, rung.outside.en) == (
        "holding_letter", T + timedelta(hours=20), "the regulator's hotline",
    )  # fmt: skip
    w.tell(lives.letter("holding", T + timedelta(hours=9)))
    assert clock.due_at == T + timedelta(hours=20)
    assert clock.en.startswith("longer since a holding letter was sent: 20 hours")
    assert clock.history[-1]["why"] == "a holding letter was sent"
    w.until(T + timedelta(hours=21))
    w.tell(lives.letter("holding", T + timedelta(hours=21)))
    assert (clock.state, clock.due_at) == ("breached", T + timedelta(hours=20))
    assert w.all(RungReached)[-1].action == "referral_right"


def test_a_holding_letter_in_time_that_is_read_after_the_breach_takes_it_back() -> None:
    w = begun(PAYMENTS)
    w.until(T + timedelta(hours=11))
    clock = w.case.clocks["final_response@law"]
    assert clock.state == "breached"
    w.tell(lives.letter("holding", T + timedelta(hours=9)))
    assert (clock.state, clock.due_at) == ("running", T + timedelta(hours=20))
    assert [r.met_at for r in w.all(SlaBreachRetracted)] == [T + timedelta(hours=9)]


def test_a_holding_letter_that_bounces_gives_nothing() -> None:
    w = begun(PAYMENTS)
    w.tell(lives.letter("holding", T + minutes(5), message="<h@x>"))
    assert w.case.clocks["final_response@law"].due_at == T + timedelta(hours=20)
    w.tell(lives.bounced("<h@x>"))
    assert w.case.clocks["final_response@law"].due_at == T + timedelta(hours=10)
