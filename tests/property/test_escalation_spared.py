"""What escalation leaves out to save time changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.escalation.machine import Machine
from services.escalation.model import Case
from shared.events.envelope import Event
from shared.spine.effects import Effect
from tests.property.test_escalation_clocks import BOOK, T, steps
from tests.support import lives
from tests.support.lives import COMPLAINT, World, book_of, minutes, pack
from tests.support.scale import examples


class Thorough(Machine):
    """Looks at every clock whatever has happened."""

    def settle(self, case: Case, now: datetime, *, begins_only: bool = False, **more: Any) -> Iterator[Effect]:
        return super().settle(case, now, **more)


def live(world: World, script: Any) -> dict[str, Any]:
    for wait, payload, looked in script:
        (world.until if looked else world.sleep)(world.now + minutes(wait))
        world.tell(payload)
    world.until(world.now + timedelta(days=30))
    return {name: (*clock.visible(), clock.passed, clock.beaten) for name, clock in world.case.clocks.items()}


@examples(150)
@given(steps)
def test_clocks_that_an_event_cannot_stop_need_not_be_looked_at(script: Any) -> None:
    thorough = World(BOOK, T)
    thorough.escalation.machine = Thorough(BOOK)
    assert live(World(BOOK, T), script) == live(thorough, script)


@examples(100)
@given(steps, st.sampled_from(["date", "update", "remedy", "callback"]), st.integers(0, 13))
def test_what_concerns_no_clock_changes_none(script: Any, kind: str, place: int) -> None:
    """An event that is passed over before its complaint is locked would have had no effect."""
    promise = lives.promised(T + minutes(90), "r2" if kind == "remedy" else None, kind)
    world = World(BOOK, T)
    event: Event[Any] = Event(uuid4(), COMPLAINT, promise, T, 1, "test")
    concerned = world.escalation.concerns(event)
    told = [*script[:place], (0, promise, False), *script[place:]]
    if not concerned:
        assert live(world, told) == live(World(BOOK, T), script)
    else:
        begun = World(BOOK, T)
        begun.tell(lives.received(T))
        begun.tell(promise)
        assert any(clock.kind == kind for clock in begun.case.clocks.values())


def test_versions_that_bind_from_within_a_quarter_of_an_hour_are_pinned_to_the_second() -> None:
    """Pins are remembered by the quarter, except where a version was posted within it."""
    book = book_of(pack("  - {clock: decision, limit: 3cd}"))
    at = datetime(2026, 11, 23, 10, 7, 30, tzinfo=UTC)
    posted, edition = book.with_candidate(book.edition("house", 1).pack, "")
    assert edition.version == 2
    later = book_of(pack("  - {clock: decision, limit: 3cd}"))
    later.put(type(edition)(2, edition.pack, 2, at))
    assert later.pins(at - timedelta(seconds=1)) == (("house", 1),)
    assert later.pins(at) == (("house", 2),)
    assert later.pins(at - timedelta(minutes=8)) == (("house", 1),)
    assert later.pins(at + timedelta(minutes=8)) == (("house", 2),)
    assert posted.pins(at) == (("house", 2),)
