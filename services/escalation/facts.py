"""Facts as times: kept sorted and once, so that it does not matter in which order they become known."""

from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

_MOST_TIMES = 100
Times = list[datetime]
By = tuple[datetime, str]
"""When somebody did something, and who (a staff id)."""


def plausible(at: datetime | None) -> bool:
    """Whether a time lies where calendars reckon, with room for any limit."""
    return at is not None and 1972 <= at.year <= 2090


def note(times: Times, at: datetime) -> None:
    """Keep a time once, in order; of very many the middle ones go. A time that cannot be is no fact."""
    if at not in times and plausible(at):
        insort(times, at)
        if len(times) > _MOST_TIMES:
            del times[_MOST_TIMES // 2]


def note_by(found: list[By], at: datetime, who: str) -> None:
    """The same for what somebody did."""
    if (at, who) not in found and plausible(at):
        insort(found, (at, who))
        if len(found) > _MOST_TIMES:
            del found[_MOST_TIMES // 2]


def first(times: Times, since: datetime | None = None) -> datetime | None:
    """The earliest time, or the earliest from `since` on."""
    return next((t for t in times if since is None or t >= since), None)


def earliest(*times: datetime | None) -> datetime | None:
    """The earliest of those that are known."""
    return min((t for t in times if t is not None), default=None)


@dataclass
class Given:
    """What is asked for or promised once: an enquiry, a call-back, a remedy, an approval, perhaps with a deadline."""

    started_at: datetime | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None
    over_at: datetime | None = None

    def begin(self, at: datetime, due_at: datetime | None) -> None:
        """It is asked for or promised; the first time counts. A deadline that cannot be is none."""
        if self.started_at is None and plausible(at):
            self.started_at, self.due_at = at, due_at if plausible(due_at) else None

    def done(self, at: datetime) -> None:
        """It is done; the earliest time counts."""
        if plausible(at):
            self.done_at = earliest(self.done_at, at)

    def over(self, at: datetime) -> None:
        """Nobody needs it any more."""
        if plausible(at):
            self.over_at = earliest(self.over_at, at)


@dataclass
class Question:
    """What the customer was asked. `letter` is the event that its letter is owed for; while that letter may not go
    out (`refused`) the customer knows nothing, and nothing waits for them."""

    asked_at: datetime
    answer_by: datetime
    letter: str = ""
    refused: bool = False
    told_at: datetime | None = None

    @property
    def begin(self) -> datetime | None:
        """From when on we wait for the answer; None while the customer was not asked."""
        return self.asked_at if not self.refused else self.told_at


def handoffs(transfers: Sequence[By], acts: Sequence[By]) -> Iterator[tuple[datetime, datetime | None]]:
    """Hand-offs: from when the case was given away until the first thing that somebody else did with it.

    `transfers` name the giver. Giving it on does not end a hand-off, and what the giver himself does afterwards counts
    only once the case was given back by another.
    """
    begun: datetime | None = None
    for n, (at, _) in enumerate(transfers):
        if begun is None:
            begun = at
        giver = transfers[n][1]
        until = transfers[n + 1][0] if n + 1 < len(transfers) else None
        taken = next((t for t, who in acts if t >= at and who != giver and (until is None or t <= until)), None)
        if taken is not None:
            yield begun, taken
            begun = None
    if begun is not None:
        yield begun, None
