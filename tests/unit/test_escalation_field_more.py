"""More timing defects of other programs, each named by project and report (see test_escalation_field.py)."""

from datetime import UTC, datetime, timedelta

from shared.events.escalation import RungReached, SlaBreached, SlaWarning
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


def test_glpi_several_levels_that_were_missed_are_reached_at_once_and_in_order() -> None:
    """GLPI takes one level a tick; a service that was down for a day takes all of them, each stamped with its time."""
    world = begun()
    world.sleep(MONDAY + timedelta(days=1))
    world.until(world.now)
    due = MONDAY + timedelta(hours=10)
    assert rungs(world) == [(1, due - timedelta(hours=2)), (2, due), (3, due + timedelta(hours=1))]


def test_frappe_3776_paused_to_resolved_keeps_the_hold_of_42_days() -> None:
    world = begun()
    world.until(MONDAY + minutes(60))
    world.tell(lives.asked(world.now + timedelta(days=60)))
    world.until(MONDAY + timedelta(days=42))
    world.tell(lives.decided())
    world.tell(lives.letter("resolution", world.now))
    assert world.case.clocks["decision"].state == "met"
    assert not [b for b in world.all(SlaBreached) if b.kind == "decision"]


def test_django_helpdesk_notify_only_changes_nothing_else() -> None:
    world = begun()
    world.until(MONDAY + timedelta(hours=12))
    assert {data.action for data in world.all(RungReached) if data.kind == "decision"} == {"notify"}


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
