"""One clock: when it is due, what happens on the way there, and why. Pure arithmetic on a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.calendars import Calendar, Duration, Words, explain, moment_words
from shared.events.common import ClockState, ClockView, Text

from .book import Terms
from .policy import Rung

Pause = tuple[datetime, datetime]
"""From when until when we wait for the customer; the end may still lie ahead."""

_NO_TIME = timedelta()


@dataclass(slots=True)
class Clock:
    """A promise that runs.

    `name` is unique in its complaint and begins the names of its timers. `version` rises with every change of the
    deadline and never falls. `given` is a deadline that somebody promised as such; otherwise the rule's limit counts
    from `started_at`. `passed` holds the thresholds that fired, `armed` the one timer that is set.
    """

    id: UUID
    name: str
    kind: str
    pack: str
    pack_version: int
    rule: int
    calendar: str
    legal: bool
    pausable: bool
    started_at: datetime
    due_at: datetime
    given: datetime | None = None
    version: int = 1
    state: ClockState = "running"
    zh: str = ""
    en: str = ""
    stopped_at: datetime | None = None
    noticed_at: datetime | None = None
    warned_at: datetime | None = None
    paused_at: datetime | None = None
    held_until: datetime | None = None
    armed: str | None = None
    passed: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether anything can still happen on it: a breached clock climbs its ladder until the work is done."""
        return self.state in ("running", "paused") or (self.state == "breached" and self.stopped_at is None)

    def visible(self) -> tuple[object, ...]:
        """What others see; an event is due when it changes."""
        return (self.state, self.version, self.due_at, self.started_at, self.stopped_at, self.paused_at)

    def view(self) -> ClockView:
        """The clock as it stands in events."""
        return ClockView(
            id=self.id, kind=self.kind, pack=self.pack, pack_version=self.pack_version, state=self.state,
            started_at=self.started_at, due_at=self.due_at, version=self.version, pausable=self.pausable,
            legal=self.legal, explanation=Text(zh=self.zh, en=self.en), met_at=self.stopped_at,
            paused_at=self.paused_at,
        )  # fmt: skip

    def move(self, due_at: datetime, words: Words, now: datetime, why: str) -> None:
        """Give it another deadline; what was told before stays in its history."""
        told = {"version": self.version, "due_at": self.due_at.isoformat()}
        self.history.append({**told, "changed_at": now.isoformat(), "why": why})
        self.due_at, self.zh, self.en = due_at, words.zh, words.en
        self.version += 1


@dataclass(frozen=True, slots=True)
class Threshold:
    """Something that happens on the way: a warning at a share, the deadline, a rung of the ladder."""

    at: datetime
    order: int
    name: str
    share: float = 1.0
    rung: Rung | None = None


def measure(calendar: Calendar, business: bool, start: datetime, end: datetime) -> timedelta:
    """The time between two moments as the limit counts it: working time, or any time."""
    return calendar.between(start, end) if business else end - start


def advance(calendar: Calendar, business: bool, start: datetime, span: timedelta) -> datetime:
    """The moment that lies so much counted time after another."""
    return calendar.advance(start, span) if business else start + span


def shifted(calendar: Calendar, business: bool, point: datetime, pauses: Sequence[Pause]) -> datetime:
    """A point of the limit, later by the pauses before it: what was left when a pause began is left when it ends."""
    for begin, end in pauses:
        if begin >= point:
            break
        left = measure(calendar, business, begin, point)
        point = max(point, advance(calendar, business, end, left))
    return point


def deadline(terms: Terms, started_at: datetime, pauses: Sequence[Pause] = ()) -> datetime:
    """When a limit that began at `started_at` is used up."""
    end = terms.calendar.add(started_at, terms.rule.limit)
    return shifted(terms.calendar, terms.rule.limit.business, end, pauses)


def thresholds(clock: Clock, terms: Terms | None, pauses: Sequence[Pause]) -> list[Threshold]:
    """Everything that happens on a clock's way, in order. Rungs that would lie before its start are left out."""
    due = Threshold(clock.due_at, 1, "due")
    if terms is None:
        return [due]
    found = [due]
    for n, share in enumerate(terms.rule.warn, 1):
        at = _share(clock, terms, share, pauses)
        if at is not None:
            found.append(Threshold(at, 0, "warn" if n == 1 else f"warn/{n}", share))
    for n, rung in enumerate(terms.rule.ladder, 1):
        at = _rung(clock, terms, rung, pauses)
        if at is not None:
            at = max(at, clock.held_until or at)
            found.append(Threshold(at, 1 + n, f"rung/{n}", rung=rung))
    return sorted(found, key=lambda t: (t.at, t.order))


def _share(clock: Clock, terms: Terms, share: float, pauses: Sequence[Pause]) -> datetime | None:
    calendar, business = terms.calendar, terms.rule.limit.business
    end = clock.given or calendar.add(clock.started_at, terms.rule.limit)
    if shifted(calendar, business, end, pauses) != clock.due_at:  # a tighter limit bounds it: its own way counts
        end, pauses = clock.due_at, ()
    whole = measure(calendar, business, clock.started_at, end)
    if whole <= _NO_TIME:
        return None
    return shifted(calendar, business, advance(calendar, business, clock.started_at, whole * share), pauses)


def _rung(clock: Clock, terms: Terms, rung: Rung, pauses: Sequence[Pause]) -> datetime | None:
    if rung.at.share is not None:
        at = clock.due_at if rung.at.share == 1 else _share(clock, terms, rung.at.share, pauses)
    else:
        at = terms.calendar.add(clock.due_at, rung.at.offset or "0s")
    if at is None or at <= clock.started_at:
        return None
    return terms.calendar.next_open(at) if rung.hours == "working" else at


def words(
    clock_start: datetime, terms: Terms, due_at: datetime, pauses: Sequence[Pause] = (), bound: str | None = None
) -> Words:
    """How the deadline came about: the count, then the pauses, then a legal limit that bounds it."""
    calendar, limit = terms.calendar, terms.rule.limit
    end = calendar.add(clock_start, limit)
    said = explain(calendar, clock_start, limit, end)
    for begin, until in pauses:
        if begin >= end:
            break
        a, b, c = (moment_words(calendar, at) for at in (begin, until, shifted(calendar, limit.business, end, pauses)))
        said = Words(
            zh=f"{said.zh}；{a.zh}至{b.zh}等待客户，暂停计时 → 截止{c.zh}",
            en=f"{said.en}; waiting for the customer {a.en} to {b.en} → due {c.en}",
        )
    if bound is not None:
        last = moment_words(calendar, due_at)
        said = Words(
            zh=f"{said.zh}；不得晚于{bound}的法定期限 → 截止{last.zh}",
            en=f"{said.en}; not later than the limit of {bound} → due {last.en}",
        )
    return said


def promised_words(calendar: Calendar, at: datetime) -> Words:
    """The words for a deadline that was promised as a date."""
    moment = moment_words(calendar, at)
    return Words(
        zh=f"已承诺的时间（{calendar.zone.key}时间）→ 截止{moment.zh}",
        en=f"promised as a time in {calendar.zone.key} → due {moment.en}",
    )


def hold_limit(hours: int) -> Duration:
    """For how long acknowledging a rung holds the next ones: working hours."""
    return Duration.parse(f"{hours}bh")
