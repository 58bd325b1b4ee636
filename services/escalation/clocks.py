"""One clock: when it is due, what happens on the way there, and why. Pure arithmetic on a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from shared.calendars import Calendar, Words, explain, moment_words
from shared.events.common import ClockState, ClockView, Text

from .book import Terms
from .counting import convention_words, last_moment
from .policy import Rung

Pause = tuple[datetime, datetime]
"""From when until when we wait for the customer; the end may still lie ahead."""

_NO_TIME = timedelta()


@dataclass(slots=True)
class Clock:
    """A promise that runs.

    `name` is unique in its complaint and begins the names of its timers. `version` rises with every change of the
    deadline and never falls. `given` is a deadline that somebody promised as such; otherwise the rule's limit counts
    from `started_at`, `extended` times replaced by a longer one. `rule` is its rule's place in the pack, `beaten` the
    marks of looser promises that hold as well. `passed` holds the thresholds that fired, `armed` the one timer that
    is set.
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
    extended: int = 0
    lapses: bool = False
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
    beaten: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether anything can still happen on it: a breached clock climbs its ladder until the work is done."""
        return self.state in ("running", "paused") or (self.state == "breached" and self.stopped_at is None)

    @property
    def mark(self) -> str:
        """Names the promise that counts, as `Terms.mark` does."""
        return f"{self.pack_version}.{self.rule}@{self.calendar}"

    @property
    def lapsed(self) -> bool:
        """Whether it ended by its own time, without having been a failure."""
        return self.lapses and self.state == "cancelled" and self.stopped_at == self.due_at

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

    def note(self, now: datetime, why: str) -> None:
        """Keep in the history what its deadline was until now, and what happened."""
        told = {"version": self.version, "due_at": self.due_at.isoformat()}
        self.history.append({**told, "changed_at": now.isoformat(), "why": why})

    def move(self, due_at: datetime, words: Words, now: datetime, why: str) -> None:
        """Give it another deadline; what was told before stays in its history."""
        self.note(now, why)
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


def counted(terms: Terms, started_at: datetime, extended: int = 0) -> datetime:
    """When a limit that began at `started_at` is used up, without pauses, in the way of its source."""
    return last_moment(terms.calendar, started_at, terms.limit(extended), terms.rule.convention)


def deadline(terms: Terms, started_at: datetime, pauses: Sequence[Pause] = (), extended: int = 0) -> datetime:
    """When a limit that began at `started_at` is used up."""
    end = counted(terms, started_at, extended)
    return shifted(terms.calendar, terms.limit(extended).business, end, pauses)


def thresholds(clock: Clock, terms: Terms | None, pauses: Sequence[Pause]) -> list[Threshold]:
    """Everything that happens on a clock's way, in order. Rungs that would lie before its start are left out."""
    due = Threshold(clock.due_at, 1, "due")
    if terms is None:
        return [due]
    found = [_at(clock, terms, step, pauses) for step in _steps(terms)]
    return sorted([due, *(t for t in found if t is not None)], key=_when)


def upcoming(clock: Clock, terms: Terms | None, pauses: Sequence[Pause]) -> Threshold | None:
    """The first of `thresholds` that has not passed. Few of them are worked out: shares come in rising order, and what
    lies after the deadline is not looked at before it."""
    due = None if "due" in clock.passed else Threshold(clock.due_at, 1, "due")
    if terms is None:
        return due
    best = due
    ahead = [step for step in _steps(terms) if step.name not in clock.passed]
    shares_done = False
    for step in ahead:
        if (shares_done and step.share is not None) or (step.after and due is not None):
            continue
        found = _at(clock, terms, step, pauses)
        if found is None:
            continue
        best = found if best is None or _when(found) < _when(best) else best
        shares_done |= step.share is not None and not step.after and not step.movable(clock)
    return best


@dataclass(frozen=True, slots=True)
class _Step:
    """A warning or a rung before it has a time."""

    order: int
    name: str
    share: float | None
    after: bool = False
    """Whether it lies at the deadline or after it."""
    rung: Rung | None = None

    def movable(self, clock: Clock) -> bool:
        """Whether it may come later than its place: for an opening, or because an earlier rung was taken on."""
        return self.rung is not None and (self.rung.hours == "working" or clock.held_until is not None)


@lru_cache(maxsize=4096)
def _steps(terms: Terms) -> list[_Step]:
    """Warnings and rungs, those with a share first and rising."""
    steps = [_Step(0, "warn" if n == 1 else f"warn/{n}", share) for n, share in enumerate(terms.rule.warn, 1)]
    steps += [
        _Step(1 + n, f"rung/{n}", rung.at.share, rung.at.after, rung) for n, rung in enumerate(terms.rule.ladder, 1)
    ]
    return sorted(steps, key=lambda s: (s.share is None, s.share or 0.0, s.order))


def _when(threshold: Threshold) -> tuple[datetime, int]:
    return threshold.at, threshold.order


def _at(clock: Clock, terms: Terms, step: _Step, pauses: Sequence[Pause]) -> Threshold | None:
    """A step with its time; None when it would lie before the clock's start. A rung at 0 % comes with it."""
    if step.share is not None:
        at = clock.due_at if step.share == 1 else _share(clock, terms, step.share, pauses)
    else:
        assert step.rung is not None
        at = terms.calendar.add(clock.due_at, step.rung.at.offset or "0s")
    if at is None or (at <= clock.started_at and step.share != 0):
        return None
    if step.rung is None:
        return Threshold(at, step.order, step.name, step.share or 1.0)
    if step.rung.hours == "working":
        at = terms.calendar.next_open(at)
    return Threshold(max(at, clock.held_until or at), step.order, step.name, rung=step.rung)


def _share(clock: Clock, terms: Terms, share: float, pauses: Sequence[Pause]) -> datetime | None:
    calendar, business = terms.calendar, terms.limit(clock.extended).business
    end = clock.due_at
    if pauses or share > 1:
        end = clock.given or counted(terms, clock.started_at, clock.extended)
        if shifted(calendar, business, end, pauses) != clock.due_at:  # a tighter limit bounds it: its own way counts
            end, pauses = clock.due_at, ()
    whole = measure(calendar, business, clock.started_at, end)
    if whole <= _NO_TIME:
        return None
    return shifted(calendar, business, advance(calendar, business, clock.started_at, whole * share), pauses)


def words(
    clock_start: datetime, terms: Terms, due_at: datetime, pauses: Sequence[Pause] = (), bound: str | None = None,
    extended: int = 0,
) -> Words:  # fmt: skip
    """How the deadline came about: the count, then the pauses, then a legal limit that bounds it."""
    calendar, limit = terms.calendar, terms.limit(extended)
    end = counted(terms, clock_start, extended) if pauses or bound else due_at
    said = convention_words(explain(calendar, clock_start, limit, end), terms.rule.convention)
    if extended:
        said = Words(zh=f"已寄出暂复函，期限延长：{said.zh}", en=f"longer since a holding letter was sent: {said.en}")
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
