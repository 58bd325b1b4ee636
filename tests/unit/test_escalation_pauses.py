"""Waiting for the customer: one pause per question that reached them, its end, what it moves, and late news of it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from shared.base.errors import Conflict
from shared.events.escalation import RungReached, SlaBreached, SlaBreachRetracted, SlaWarning
from shared.events.notifier import LetterFailed
from tests.support import lives
from tests.support.lives import LEAD, World, book_of, minutes, pack

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUSE = pack("""
  - clock: decision
    limit: 10h
    pausable: true
    warn: [0.5, 0.8]
    ladder: [{at: 90%, action: notify, to: handler}, {at: +1h, action: notify, to: lead}]
""")
LAW = pack("  - {clock: final_response, limit: 12h}", name="law", legal=True)


def begun(*packs: str) -> World:
    w = World(book_of(*(packs or (HOUSE,))), T)
    w.tell(lives.received(T))
    w.tell(lives.assigned())
    return w


def test_a_question_whose_letter_may_not_go_out_pauses_nothing() -> None:
    """Asking for what we hold is such a one: the letter's gate holds it back."""
    w, question = begun(), uuid4()
    w.tell(lives.asked(T + minutes(400)), id_=question)
    assert w.case.clocks["decision"].state == "paused"
    w.tell(lives.blocked("information_request", trigger=question, why="the gate", findings=("A9",)))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.due_at) == ("running", T + minutes(600))
    assert w.timers["decision/warn"].at == T + minutes(300)


def test_once_its_letter_has_gone_out_it_pauses_from_then_on() -> None:
    w, question = begun(), uuid4()
    w.tell(lives.asked(T + minutes(400)), id_=question)
    w.tell(lives.blocked("information_request", trigger=question, why="the gate", findings=("A9",)))
    w.until(T + minutes(60))
    w.tell(lives.letter("information_request", T + minutes(60), trigger=question))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.paused_at, clock.due_at) == ("paused", T + minutes(60), T + minutes(600 + 340))


def test_a_question_that_cannot_be_delivered_pauses_nothing() -> None:
    w, question = begun(), uuid4()
    w.tell(lives.asked(T + minutes(400)), id_=question)
    w.tell(
        LetterFailed(
            letter_id=uuid4(), kind="information_request", language="en", channel="email", trigger=question,
            reason="no_address",
        )
    )  # fmt: skip
    assert w.case.clocks["decision"].state == "running"


def test_zammad_3140_nothing_that_we_write_or_call_ends_the_waiting() -> None:
    w = begun()
    w.tell(lives.asked(T + minutes(400)))
    w.until(T + minutes(30))
    for kind in ("information_request", "progress", "reply", "holding"):
        w.tell(lives.letter(kind, T + minutes(30), by="h1"))
    w.tell(lives.contact(T + minutes(31), outcome="no_answer"))
    w.tell(lives.contact(T + minutes(32), direction="out"))
    w.tell(lives.responded(T + minutes(32)))
    assert w.case.clocks["decision"].state == "paused"


def test_what_the_customer_writes_or_tells_us_on_the_phone_ends_it() -> None:
    for answer in (lives.replied(T + minutes(30)), lives.contact(T + minutes(30), direction="in")):
        w = begun()
        w.tell(lives.asked(T + minutes(400)))
        w.until(T + minutes(30))
        w.tell(answer)
        clock = w.case.clocks["decision"]
        assert (clock.state, clock.due_at) == ("running", T + minutes(630))


def test_a_decision_ends_the_waiting_for_what_it_was_asked_for() -> None:
    w = begun()
    w.tell(lives.asked(T + timedelta(days=42)))
    w.until(T + minutes(120))
    w.tell(lives.decided())
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.due_at) == ("running", T + minutes(720)), "the letter is due, not postponed for weeks"


def test_frappe_3776_paused_then_resolved_keeps_the_42_days_of_waiting() -> None:
    w = begun()
    w.tell(lives.asked(T + timedelta(days=42)))
    w.until(T + timedelta(days=41))
    w.tell(lives.resolved(T + timedelta(days=41)))
    assert w.case.clocks["decision"].state == "met"
    assert w.all(SlaBreached) == []


def test_the_waiting_is_ended_by_hand_once_with_who_and_why() -> None:
    w = begun()
    w.tell(lives.asked(T + minutes(400)))
    w.until(T + minutes(50))
    w.command(w.commands.resume(w.case, w.now, who="h1", why="answered in the shop"))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.due_at) == ("running", T + minutes(650))
    assert "waiting ended by h1: answered in the shop" in [h["why"] for h in clock.history]
    with pytest.raises(Conflict):
        w.command(w.commands.resume(w.case, w.now, who="h1", why="again"))


def test_warnings_and_rungs_move_with_the_pause_and_none_fires_while_it_lasts() -> None:
    w = begun()
    w.until(T + minutes(290))
    w.tell(lives.asked(T + minutes(890)))
    w.until(T + minutes(880))
    assert w.all(SlaWarning) == []
    w.until(T + minutes(1300))
    assert [at - T for at in w.times(SlaWarning)] == [minutes(900), minutes(1080)]
    assert [at - T for at in w.times(RungReached)] == [minutes(1140), minutes(1260)]
    assert w.times(SlaBreached) == [T + minutes(1200)]


def test_the_third_question_concerns_the_lead_once_per_question() -> None:
    w = begun()
    for n in (1, 2):
        w.tell(lives.asked(T + minutes(100), n))
    assert w.all(RungReached) == []
    w.tell(lives.asked(T + minutes(100), 3))
    w.tell(lives.asked(T + minutes(100), 3))
    (seen,) = w.all(RungReached)
    assert (seen.rung, seen.action, seen.to, seen.cause, seen.person) == (0, "notify", "lead", "third_question", LEAD)
    w.tell(lives.asked(T + minutes(100), 4))
    assert len(w.all(RungReached)) == 2


def test_a_legal_clock_neither_pauses_nor_is_held_by_a_pause() -> None:
    w = begun(HOUSE, LAW)
    w.tell(lives.asked(T + timedelta(days=9)))
    w.until(T + minutes(721))
    assert w.case.clocks["final_response@law"].state == "breached"
    assert w.case.clocks["decision"].due_at == T + minutes(720)


def test_a_pause_that_becomes_known_after_the_breach_takes_it_back() -> None:
    w = begun()
    w.until(T + minutes(610))
    clock = w.case.clocks["decision"]
    assert clock.state == "breached"
    w.tell(lives.asked(T + minutes(900)), time=T + minutes(590))
    assert (clock.state, clock.due_at, clock.version) == ("paused", T + minutes(910), 2)
    assert [(r.version, r.met_at) for r in w.all(SlaBreachRetracted)] == [(1, T + minutes(590))]
    w.until(T + minutes(911))
    assert [b.version for b in w.all(SlaBreached)] == [1, 2]


def test_a_pause_that_was_too_short_leaves_a_breach_at_its_own_deadline() -> None:
    w = begun()
    w.until(T + minutes(700))
    w.tell(lives.asked(T + minutes(620)), time=T + minutes(590))
    w.until(T + minutes(700))
    assert w.times(SlaBreached) == [T + minutes(600), T + minutes(630)]
    assert w.case.clocks["decision"].state == "breached"


def test_a_question_after_the_deadline_changes_no_breach() -> None:
    w = begun()
    w.until(T + minutes(610))
    w.tell(lives.asked(T + minutes(900)))
    assert w.case.clocks["decision"].state == "breached"
    assert w.all(SlaBreachRetracted) == []
