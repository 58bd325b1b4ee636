"""Timing defects of other programs that a row of golden.yaml cannot say, each named by project and report."""

from datetime import UTC, datetime, timedelta

from shared.events.escalation import ClocksChanged, RungReached, SlaBreached, SlaWarning
from tests.support import lives
from tests.support.lives import World, book_of, minutes, pack

MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUSE = pack("""
  - {clock: first_response, limit: 2h}
  - {clock: next_update, limit: 1h}
  - clock: decision
    limit: 10h
    pausable: true
    warn: 0.5
    ladder:
      - {at: -2h, action: notify, to: handler}
      - {at: 100%, action: notify, to: lead}
      - {at: +1h, action: notify, to: manager}
  - {clock: decision, when: {severity: P1}, limit: 6h, pausable: true}
  - {clock: reopened, limit: 5h}
""")


def begun(*packs: str, at: datetime = MONDAY) -> World:
    world = World(book_of(*(packs or (HOUSE,))), at)
    world.tell(lives.received(at))
    return world


def rungs(world: World) -> list[tuple[int, datetime]]:
    return [(data.rung, at) for data, at in world.said if isinstance(data, RungReached)]


def test_zammad_overdue_cases_are_not_walked_again_and_again() -> None:
    """Zammad walks every overdue ticket at each tick: here nothing is set any more when the ladder is climbed."""
    world = begun()
    world.until(MONDAY + timedelta(hours=12))
    assert [name for name in world.timers if name.startswith("decision/")] == []
    before = len(world.said)
    world.until(MONDAY + timedelta(days=300))
    assert len(world.said) == before


def test_zammad_5177_an_update_does_not_overrule_the_first_response() -> None:
    world = begun()
    world.until(MONDAY + minutes(30))
    world.tell(lives.letter("holding", world.now))
    clocks = {c.kind: c for c in lives.last_clocks(world)}
    assert clocks["next_update"].due_at == MONDAY + minutes(90)
    assert (clocks["first_response"].due_at, clocks["first_response"].state) == (MONDAY + minutes(120), "running")


def test_zammad_3140_our_own_reply_is_no_reply_of_the_customer() -> None:
    world = begun()
    world.until(MONDAY + minutes(30))
    world.tell(lives.asked(world.now + timedelta(days=3)))
    world.until(MONDAY + minutes(60))
    world.tell(lives.letter("holding", world.now))
    assert world.case.clocks["decision"].state == "paused"


def test_zammad_4432_a_rung_for_working_hours_waits_for_the_opening() -> None:
    friday = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    night = pack(
        "  - clock: decision\n    limit: 4h\n    ladder: [{at: 100%, action: notify, to: lead, hours: working}]",
        calendar="uk-england",
    )
    world = begun(night, at=friday)
    world.until(friday + timedelta(days=4))
    assert world.times(SlaBreached) == [friday + timedelta(hours=4)]
    assert rungs(world) == [(1, datetime(2026, 11, 23, 9, 0, tzinfo=UTC))]


def test_glpi_22678_a_step_before_the_deadline_is_counted_in_the_calendar_not_from_midnight() -> None:
    friday = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    house = pack(
        "  - clock: decision\n    limit: 1wd\n    ladder: [{at: -2bh, action: notify, to: handler}]",
        calendar="uk-england",
    )
    world = begun(house, at=friday)
    world.until(friday + timedelta(days=4))
    assert rungs(world) == [(1, datetime(2026, 11, 20, 16, 0, tzinfo=UTC))]
    assert world.times(SlaBreached) == [datetime(2026, 11, 23, 10, 0, tzinfo=UTC)]


def test_glpi_several_levels_that_were_missed_are_reached_at_once_and_in_order() -> None:
    """GLPI takes one level a tick; a service that was down for a day takes all of them, each stamped with its time."""
    world = begun()
    world.sleep(MONDAY + timedelta(days=1))
    world.until(world.now)
    due = MONDAY + timedelta(hours=10)
    assert rungs(world) == [(1, due - timedelta(hours=2)), (2, due), (3, due + timedelta(hours=1))]


def test_glpi_15605_a_pause_outlives_a_change_of_the_limit() -> None:
    world = begun()
    world.until(MONDAY + minutes(60))
    world.tell(lives.asked(world.now + timedelta(days=3)))
    world.until(MONDAY + minutes(180))
    world.tell(lives.replied(world.now))
    world.tell(lives.triaged(severity="P1"))
    assert world.case.clocks["decision"].due_at == MONDAY + timedelta(hours=6) + minutes(120)


def test_frappe_3776_paused_to_resolved_keeps_the_hold_of_42_days() -> None:
    world = begun()
    world.until(MONDAY + minutes(60))
    world.tell(lives.asked(world.now + timedelta(days=60)))
    world.until(MONDAY + timedelta(days=42))
    world.tell(lives.decided())
    world.tell(lives.letter("resolution", world.now))
    assert world.case.clocks["decision"].state == "met"
    assert not [b for b in world.all(SlaBreached) if b.kind == "decision"]


def test_frappe_3465_a_reopened_case_does_not_change_the_first_outcome() -> None:
    world = begun()
    world.until(MONDAY + timedelta(hours=3))
    world.tell(lives.decided())
    world.tell(lives.letter("resolution", world.now))
    world.until(MONDAY + timedelta(days=9))
    world.tell(lives.reopened(world.now))
    assert world.case.clocks["decision"].state == "met"
    assert world.case.clocks["decision"].stopped_at == MONDAY + timedelta(hours=3)
    again = next(c for c in lives.last_clocks(world) if c.kind == "reopened")
    assert (again.state, again.due_at) == ("running", MONDAY + timedelta(days=9, hours=5))


def test_libredesk_a_breach_is_stamped_at_its_deadline_not_when_it_was_noticed() -> None:
    world = begun()
    world.sleep(MONDAY + timedelta(hours=10, minutes=7))
    world.until(world.now)
    breached = next(b for b in world.all(SlaBreached) if b.kind == "decision")
    assert (breached.due_at, breached.noticed_at) == (MONDAY + timedelta(hours=10), MONDAY + timedelta(minutes=607))
    assert MONDAY + timedelta(hours=10) in world.times(SlaBreached)


def test_libredesk_a_policy_of_one_target_is_over_when_that_is_met() -> None:
    """There, both columns had to be settled, so it stayed pending and was selected at each tick."""
    world = begun(pack("  - {clock: first_response, limit: 2h, warn: 0.5}"))
    world.until(MONDAY + minutes(10))
    world.tell(lives.responded(world.now))
    assert [c.state for c in lives.last_clocks(world)] == ["met"]
    assert world.timers == {}


def test_django_helpdesk_notify_only_changes_nothing_else() -> None:
    world = begun()
    world.until(MONDAY + timedelta(hours=12))
    assert {data.action for data in world.all(RungReached) if data.kind == "decision"} == {"notify"}


def test_chatwoot_6889_zammad_2532_frappe_2050_osticket_6405_there_is_more_than_one_alert() -> None:
    world = begun()
    world.until(MONDAY + timedelta(hours=12))
    assert [(data.rung, data.to) for data in world.all(RungReached)] == [(1, "handler"), (2, "lead"), (3, "manager")]


def test_zendesk_two_hours_before_are_two_hours_before() -> None:
    world = begun()
    world.until(MONDAY + timedelta(hours=8))
    assert rungs(world) == [(1, MONDAY + timedelta(hours=8))]
    world = begun()
    world.until(MONDAY + timedelta(hours=8) - timedelta(microseconds=1))
    assert rungs(world) == []


def test_otobo_a_deadline_outside_of_working_hours_is_noticed_then_not_at_the_next_opening() -> None:
    night = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # a Sunday
    world = begun(pack("  - {clock: first_response, limit: 30min, warn: 0.5}", calendar="uk-england"), at=night)
    world.until(night + minutes(30))
    assert world.times(SlaWarning) == [night + minutes(15)]
    assert world.times(SlaBreached) == [night + minutes(30)]
    assert world.now == night + minutes(30)


def test_frappe_and_zammad_a_new_policy_does_not_rewrite_what_open_complaints_were_promised() -> None:
    world = begun()
    promised = world.case.clocks["decision"].due_at
    newer = book_of(HOUSE).edition("house", 1)
    world.book.put(type(newer)(2, newer.pack, 2, MONDAY + minutes(1), newer.text))
    world.until(MONDAY + minutes(30))
    world.tell(lives.triaged())
    assert (world.case.clocks["decision"].due_at, world.case.clocks["decision"].pack_version) == (promised, 1)
    assert len(world.all(ClocksChanged)) == 1
