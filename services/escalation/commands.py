"""What people decide about clocks: take a rung on, end a pause, confirm what somebody else carried out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.base.errors import Conflict, NotFound
from shared.spine.effects import Disarm, Effect

from . import ladder
from .book import PolicyBook
from .facts import Given, note
from .machine import Machine
from .model import Case, RungRow

Effects = Iterable[Effect]


class Commands:
    """The commands, under the policies of a book."""

    def __init__(self, book: PolicyBook) -> None:
        self.book, self.machine = book, Machine(book)

    def acknowledge(self, case: Case, now: datetime, *, rung: RungRow, who: str, why: str, hours: int) -> Effects:
        """Somebody takes a reached rung on: the next ones wait for up to four working hours, once.

        Raises Conflict for a legal clock, a rung that was acknowledged before, and a clock that is over or has another
        deadline by now.
        """
        clock = next((c for c in case.clocks.values() if c.id == rung.clock_id), None)
        ladder.refuse_acknowledgement(clock, rung)
        assert clock is not None
        held = self.book.calendars.get(clock.calendar).add(now, ladder.hold_limit(hours))
        clock.acknowledged.append(str(rung.id))
        clock.held_until = held
        case.rungs.append(replace(rung, acknowledged_at=now, acknowledged_by=who, why=why))
        if clock.armed is not None:  # what comes next is another moment now
            yield Disarm(clock.armed)
            clock.armed = None
        yield from self.machine.settle(case, now)

    def resume(self, case: Case, now: datetime, *, who: str, why: str) -> Effects:
        """Somebody ends the waiting for the customer by hand. Raises Conflict when nothing waits."""
        paused = [clock for clock in case.clocks.values() if clock.state == "paused"]
        if not paused:
            raise Conflict("No clock of this complaint waits for the customer.")
        note(case.resumed, now)
        for clock in paused:
            clock.note(now, f"waiting ended by {who}: {why}")
        return self.machine.settle(case, now)

    def confirm_remedy(self, case: Case, now: datetime, *, remedy: str, who: str) -> Effects:
        """A second person has seen that a remedy was carried out; it counts from when it was.

        Raises NotFound when nobody said so, Conflict when it is the same person.
        """
        if remedy not in case.claims:
            raise NotFound("remedy that waits for a second person")
        at, by = case.claims[remedy]
        if by == who:
            raise Conflict("Nobody confirms what they carried out themselves.")
        case.remedies.setdefault(remedy, Given()).done(at)
        del case.claims[remedy]
        return self.machine.settle(case, now)
