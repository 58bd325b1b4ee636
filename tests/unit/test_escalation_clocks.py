"""One complaint's clocks: what starts, stops, pauses, breaches and heals them."""

from datetime import UTC, datetime, timedelta

from services.escalation.machine import PAUSE_END
from shared.events.escalation import ClocksChanged, RungReached, SlaBreached, SlaBreachRetracted, SlaWarning
from shared.events.intake import CustomerChanged
from tests.support import lives
from tests.support.lives import World, book_of, minutes, pack

T = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUSE = pack("""
  - {clock: acknowledgement, limit: 30min}
  - {clock: first_response, limit: 2h, warn: 0.5}
  - {clock: next_update, limit: 1h}
  - clock: decision
    limit: 10h
    pausable: true
    warn: [0.5, 0.8]
    ladder:
      - {at: 90%, action: holding_letter, to: handler}
      - {at: 100%, action: notify, to: lead}
      - {at: +1h, action: reassign, to: manager}
  - {clock: decision, when: {severity: P1}, limit: 4h, pausable: true, warn: 0.5}
  - {clock: decision, when: {tier: top}, limit: 2h, pausable: true}
  - {clock: reopened, limit: 5h}
  - {clock: callback, limit: 3h}
""")
LAW = pack("  - {clock: final_response, limit: 12h}", name="law", legal=True)


def world(*packs: str) -> World:
    return World(book_of(*(packs or (HOUSE,))), T)


def begun(*packs: str, tier: str = "low") -> World:
    w = world(*packs)
    w.tell(lives.received(T, tier=tier))
    return w


def state(w: World, name: str) -> str:
    return w.case.clocks[name].state


def test_the_complaint_alone_starts_every_clock_at_the_time_the_company_had_it() -> None:
    w = world()
    w.sleep(T + minutes(3))
    w.tell(lives.received(T))
    (first,) = w.all(ClocksChanged)
    assert {c.kind: c.due_at - T for c in first.clocks} == {
        "acknowledgement": minutes(30),
        "first_response": minutes(120),
        "next_update": minutes(60),
        "decision": minutes(600),
    }
    assert {c.started_at for c in first.clocks} == {T}


def test_one_timer_is_set_per_clock_named_by_its_next_threshold() -> None:
    w = begun()
    assert sorted(w.timers) == ["acknowledgement/due", "decision/warn", "first_response/warn", "next_update/due"]
    assert w.timers["decision/warn"].at == T + minutes(300)


def test_a_breach_is_stamped_at_its_deadline_however_late_it_is_noticed() -> None:
    w = begun()
    w.sleep(T + minutes(47))
    w.until(T + minutes(47))
    (breach,) = [b for b in w.all(SlaBreached) if b.kind == "acknowledgement"]
    assert breach.due_at == T + minutes(30)
    assert breach.noticed_at == T + minutes(47)
    assert w.times(SlaBreached) == [T + minutes(30)]


def test_warnings_rungs_and_breach_come_once_and_in_order() -> None:
    w = begun()
    w.tell(lives.assigned())
    w.until(T + minutes(720))
    kinds = [(type(d).__name__, (at - T) / minutes(60)) for d, at in w.said if getattr(d, "kind", "") == "decision"]
    assert kinds == [
        ("SlaWarning", 5),
        ("SlaWarning", 8),
        ("RungReached", 9),
        ("SlaBreached", 10),
        ("RungReached", 10),
        ("RungReached", 11),
    ]
    holding, notify, reassign = w.all(RungReached)
    assert (holding.action, holding.person) == ("holding_letter", lives.HANDLER)
    assert (notify.rung, notify.person) == (2, lives.LEAD)
    assert (reassign.to, reassign.person) == ("manager", None)


def test_a_replica_that_wakes_late_fires_all_that_was_missed_at_once() -> None:
    w = begun()
    w.sleep(T + minutes(720))
    w.until(T + minutes(720))
    assert len(w.all(SlaWarning)) == 3
    assert [r.rung for r in w.all(RungReached)] == [1, 2, 3]


def test_acknowledgement_stops_at_its_letter() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1)))
    assert state(w, "acknowledgement") == "met"
    assert "acknowledgement/due" not in w.timers


def test_acknowledgement_stops_at_a_reached_call_and_not_at_one_that_was_not_answered() -> None:
    w = begun()
    w.tell(lives.contact(T + minutes(1), outcome="voicemail"))
    assert state(w, "acknowledgement") == "running"
    w.tell(lives.contact(T + minutes(2)))
    assert state(w, "acknowledgement") == "met"


def test_no_other_letter_acknowledges() -> None:
    w = begun()
    for kind in ("progress", "information_request", "delay_apology"):
        w.tell(lives.letter(kind, T + minutes(1)))
    assert state(w, "acknowledgement") == "running"


def test_first_response_needs_a_person() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1)))
    assert state(w, "first_response") == "running"
    w.tell(lives.responded(T + minutes(9)))
    assert state(w, "first_response") == "met"


def test_deciding_stops_nothing_telling_the_decision_does() -> None:
    w = begun()
    w.tell(lives.decided())
    assert state(w, "decision") == "running"
    w.tell(lives.letter("resolution", T + minutes(61)))
    assert state(w, "decision") == "met"
    assert w.case.clocks["decision"].stopped_at == T + minutes(61)


def test_a_reached_call_and_its_summary_tell_the_decision_but_neither_alone_does() -> None:
    for wrong in (lives.contact(T + minutes(5)), lives.letter("call_summary", T + minutes(6))):
        w = begun()
        w.tell(lives.decided(), time=T + minutes(4))
        w.tell(wrong)
        assert state(w, "decision") == "running"
    w = begun()
    w.tell(lives.letter("call_summary", T + minutes(6)))
    w.tell(lives.contact(T + minutes(5)))
    w.tell(lives.decided(), time=T + minutes(4))
    assert state(w, "decision") == "met"


def test_a_call_before_the_decision_does_not_tell_it() -> None:
    w = begun()
    w.tell(lives.contact(T + minutes(3)))
    w.tell(lives.decided(), time=T + minutes(4))
    w.tell(lives.letter("call_summary", T + minutes(6)))
    assert state(w, "decision") == "running"


def test_an_update_clock_begins_anew_with_each_letter() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1)))
    clock = w.case.clocks["next_update"]
    assert (clock.state, clock.started_at, clock.due_at) == ("running", T + minutes(1), T + minutes(61))
    assert clock.version == 2
    w.until(T + minutes(50))
    w.tell(lives.letter("progress", T + minutes(50)))
    assert (clock.due_at, clock.version) == (T + minutes(110), 3)
    assert w.outcomes().count(("next_update", "met")) == 2
    w.until(T + minutes(110))
    assert clock.state == "breached"
    w.tell(lives.letter("progress", T + minutes(115)))
    assert (clock.state, clock.due_at) == ("running", T + minutes(175))
    assert w.outcomes().count(("next_update", "breached")) == 1
    assert w.all(SlaBreachRetracted) == []


def test_the_update_clock_ends_with_the_decision_and_does_not_touch_first_response() -> None:
    w = begun()
    w.tell(lives.letter("progress", T + minutes(30)))
    assert w.case.clocks["first_response"].due_at == T + minutes(120)
    w.tell(lives.letter("resolution", T + minutes(40)))
    assert state(w, "next_update") == "met"
    w.tell(lives.letter("thanks", T + minutes(45)))
    assert state(w, "next_update") == "met"


def test_a_stop_before_the_deadline_that_arrives_after_the_breach_heals_it() -> None:
    w = begun()
    w.until(T + minutes(121))
    assert state(w, "first_response") == "breached"
    w.tell(lives.responded(T + minutes(119)))
    (retracted,) = w.all(SlaBreachRetracted)
    assert (retracted.kind, retracted.met_at) == ("first_response", T + minutes(119))
    assert state(w, "first_response") == "met"
    assert [o for k, o in w.outcomes() if k == "first_response"] == ["breached", "retracted", "met"]


def test_a_retraction_stops_the_ladder() -> None:
    w = begun()
    w.until(T + minutes(601))
    w.tell(lives.letter("resolution", T + minutes(599)))
    before = len(w.all(RungReached))
    w.until(T + minutes(900))
    assert len(w.all(RungReached)) == before
    assert not any(name.startswith("decision") for name in w.timers)


def test_a_stop_at_the_very_deadline_is_in_time() -> None:
    w = begun()
    w.tell(lives.responded(T + minutes(120)))
    assert state(w, "first_response") == "met"


def test_a_late_stop_that_is_known_before_the_timer_fires_is_a_breach_all_the_same() -> None:
    w = begun()
    w.sleep(T + minutes(130))
    w.tell(lives.responded(T + minutes(125)))
    (breach,) = w.all(SlaBreached)
    assert (breach.kind, w.times(SlaBreached)) == ("first_response", [T + minutes(120)])
    w.until(T + minutes(130))
    assert [b.kind for b in w.all(SlaBreached)].count("first_response") == 1


def test_a_late_stop_leaves_the_breach_and_ends_the_ladder() -> None:
    w = begun()
    w.until(T + minutes(601))
    w.tell(lives.letter("resolution", T + minutes(602)))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.stopped_at) == ("breached", T + minutes(602))
    w.until(T + minutes(900))
    assert [r.rung for r in w.all(RungReached)] == [1, 2]


def test_waiting_for_the_customer_pauses_what_may_pause_and_moves_its_warnings() -> None:
    w = begun()
    w.until(T + minutes(60))
    w.tell(lives.asked(T + minutes(400)))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.paused_at) == ("paused", T + minutes(60))
    assert state(w, "first_response") == "running"
    w.until(T + minutes(180))
    w.tell(lives.replied(T + minutes(180)))
    assert (clock.state, clock.due_at) == ("running", T + minutes(600 + 120))
    assert w.timers["decision/warn"].at == T + minutes(300 + 120)
    assert "waiting for the customer 23 Nov 11:00 to 23 Nov 13:00" in clock.en


def test_a_pause_without_an_answer_ends_by_itself_at_its_limit() -> None:
    w = begun()
    w.until(T + minutes(60))
    w.tell(lives.asked(T + minutes(90)))
    assert w.timers[PAUSE_END].at == T + minutes(90)
    w.until(T + minutes(90))
    clock = w.case.clocks["decision"]
    assert (clock.state, clock.due_at) == ("running", T + minutes(630))
    assert PAUSE_END not in w.timers


def test_paused_to_resolved_keeps_the_hold_time() -> None:
    w = begun()
    w.tell(lives.asked(T + timedelta(days=42)))
    w.until(T + timedelta(days=40))
    w.tell(lives.letter("resolution", T + timedelta(days=40)))
    assert state(w, "decision") == "met"
    assert "decision" not in [b.kind for b in w.all(SlaBreached)]


def test_our_own_message_never_counts_as_the_customers() -> None:
    w = begun()
    w.tell(lives.asked(T + minutes(400)))
    w.tell(lives.letter("information_request", T + minutes(1)))
    assert state(w, "decision") == "paused"


def test_two_questions_at_once_pause_once() -> None:
    w = begun()
    w.tell(lives.asked(T + minutes(60), n=1))
    w.until(T + minutes(30))
    w.tell(lives.asked(T + minutes(90), n=2))
    w.until(T + minutes(120))
    assert w.case.clocks["decision"].due_at == T + minutes(690)


def test_legal_clocks_run_on_while_house_clocks_wait() -> None:
    w = begun(HOUSE, LAW)
    w.tell(lives.asked(T + minutes(500)))
    assert state(w, "decision") == "paused"
    law = w.case.clocks["final_response@law"]
    assert (law.state, law.due_at) == ("running", T + minutes(720))


def test_a_pause_never_carries_a_house_clock_past_the_law() -> None:
    w = begun(HOUSE, LAW)
    w.tell(lives.asked(T + minutes(500)))
    clock = w.case.clocks["decision"]
    assert clock.due_at == T + minutes(720)
    assert "not later than the limit of law" in clock.en


def test_triage_tightens_with_history_and_raises_the_version() -> None:
    w = begun()
    w.until(T + minutes(10))
    w.tell(lives.triaged(severity="P1"))
    clock = w.case.clocks["decision"]
    assert (clock.due_at, clock.version) == (T + minutes(240), 2)
    assert clock.history[0]["version"] == 1
    assert w.timers["decision/warn"] == type(w.timers["decision/warn"])("decision/warn", T + minutes(120), 2)


def test_a_lower_tier_does_not_loosen_what_was_promised() -> None:
    w = begun(tier="top")
    changed = lives.received(T).customer.model_copy(update={"tier": "low"})
    w.tell(CustomerChanged(customer=changed))
    assert w.case.clocks["decision"].due_at == T + minutes(120)


def test_a_higher_tier_tightens() -> None:
    w = begun()
    changed = lives.received(T).customer.model_copy(update={"tier": "top"})
    w.tell(CustomerChanged(customer=changed))
    assert w.case.clocks["decision"].due_at == T + minutes(120)


def test_a_reopened_case_has_its_own_clock_and_the_first_outcome_stays() -> None:
    w = begun()
    w.tell(lives.letter("resolution", T + minutes(50)))
    w.tell(lives.resolved(T + minutes(51)))
    w.tell(lives.closed(T + minutes(52)))
    w.until(T + minutes(1000))
    w.tell(lives.reopened(T + minutes(1000)))
    assert state(w, "decision") == "met"
    again = w.case.clocks["reopened:1"]
    assert (again.state, again.due_at) == ("running", T + minutes(1300))
    assert state(w, "next_update") == "running"
    w.tell(lives.letter("resolution", T + minutes(1100)))
    assert again.state == "met"


def test_withdrawal_cancels_what_still_runs() -> None:
    w = begun()
    w.tell(lives.letter("acknowledgement", T + minutes(1)))
    w.tell(lives.withdrawn(T + minutes(5)))
    assert {c.name: c.state for c in w.case.clocks.values()} == {
        "acknowledgement": "met",
        "first_response": "cancelled",
        "next_update": "cancelled",
        "decision": "cancelled",
    }
    assert w.timers == {}


def test_a_withdrawal_before_the_deadline_that_arrives_late_heals_the_breach() -> None:
    w = begun()
    w.until(T + minutes(31))
    w.tell(lives.withdrawn(T + minutes(20)))
    assert [r.kind for r in w.all(SlaBreachRetracted)] == ["acknowledgement"]
    assert state(w, "acknowledgement") == "cancelled"


def test_an_enquiry_has_the_deadline_it_was_given() -> None:
    w = begun()
    w.tell(lives.enquiry(T + minutes(77)))
    (clock,) = [c for c in w.case.clocks.values() if c.kind == "enquiry"]
    assert clock.due_at == T + minutes(77)
    assert "promised as a time in UTC → due 23 Nov 11:17" in clock.en
    w.tell(lives.enquiry_answered(T + minutes(70)))
    assert clock.state == "met"


def test_a_call_back_is_kept_only_by_a_call_that_reached_the_customer() -> None:
    w = begun()
    w.tell(lives.call_me(T, T + minutes(45)))
    (clock,) = [c for c in w.case.clocks.values() if c.kind == "callback"]
    assert clock.due_at == T + minutes(45)
    w.tell(lives.contact(T + minutes(5), outcome="no_answer"))
    w.tell(lives.contact(T + minutes(6), direction="in"))
    assert state(w, clock.name) == "running"
    w.tell(lives.contact(T + minutes(7)))
    assert state(w, clock.name) == "met"


def test_a_call_back_without_a_promised_time_has_the_policys_limit() -> None:
    w = begun()
    w.tell(lives.call_me(T + minutes(1)))
    (clock,) = [c for c in w.case.clocks.values() if c.kind == "callback"]
    assert clock.due_at == T + minutes(181)


def test_a_promised_remedy_is_met_by_its_evidence_and_outlives_the_case() -> None:
    w = begun()
    w.tell(lives.letter("resolution", T + minutes(50)))
    w.tell(lives.promised(T + minutes(500)))
    w.tell(lives.resolved(T + minutes(60)))
    assert state(w, "remedy:r1") == "running"
    w.until(T + minutes(501))
    assert state(w, "remedy:r1") == "breached"
    w.tell(lives.remedy_done(T + minutes(400)))
    assert state(w, "remedy:r1") == "met"
    assert [r.kind for r in w.all(SlaBreachRetracted)] == ["remedy"]


def test_nothing_is_said_when_nothing_visible_changed() -> None:
    w = begun()
    w.tell(lives.triaged())
    w.tell(lives.assigned())
    w.tell(lives.contact(T + minutes(1), outcome="no_answer"))
    assert len(w.all(ClocksChanged)) == 1


def test_the_version_is_never_reset() -> None:
    w = begun()
    versions = [w.case.clocks["decision"].version]
    w.tell(lives.triaged(severity="P1"))
    versions.append(w.case.clocks["decision"].version)
    w.tell(lives.asked(T + minutes(30)))
    versions.append(w.case.clocks["decision"].version)
    w.until(T + minutes(10))
    w.tell(lives.replied(T + minutes(10)))
    versions.append(w.case.clocks["decision"].version)
    assert versions == sorted(set(versions))


def test_rungs_outside_working_hours_wait_for_the_opening() -> None:
    friday = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    house = pack(
        """
  - clock: decision
    limit: 4h
    ladder:
      - {at: 50%, action: notify, to: lead, hours: working}
      - {at: 50%, action: page, to: lead}
""",
        calendar="uk-england",
    )
    w = World(book_of(house), friday)
    w.tell(lives.received(friday))
    w.until(friday + timedelta(days=4))
    assert dict(zip([r.action for r in w.all(RungReached)], w.times(RungReached), strict=True)) == {
        "page": datetime(2026, 11, 20, 18, 0, tzinfo=UTC),
        "notify": datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    }


def test_a_rung_that_would_lie_before_the_start_is_left_out() -> None:
    w = begun(pack("  - {clock: decision, limit: 15min, ladder: [{at: -1h, action: notify, to: lead}]}"))
    w.until(T + minutes(60))
    assert w.all(RungReached) == []
