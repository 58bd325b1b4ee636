"""What escalation knows of one complaint: facts, and the clocks that follow from them.

Facts are kept as times, sorted and without doubles, so that it does not matter in which order they become known.
"""

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from .book import Pins
from .clocks import Clock, Pause
from .policy import Subject

_MOST_TIMES = 100
Times = list[datetime]


def plausible(at: datetime | None) -> bool:
    """Whether a time lies where calendars reckon, with room for any limit."""
    return at is not None and 1972 <= at.year <= 2090


def note(times: Times, at: datetime) -> None:
    """Keep a time once, in order; of very many the middle ones go. A time that cannot be is no fact."""
    if at not in times and plausible(at):
        insort(times, at)
        if len(times) > _MOST_TIMES:
            del times[_MOST_TIMES // 2]


def first(times: Times, since: datetime | None = None) -> datetime | None:
    """The earliest time, or the earliest from `since` on."""
    return next((t for t in times if since is None or t >= since), None)


def earliest(*times: datetime | None) -> datetime | None:
    """The earliest of those that are known."""
    return min((t for t in times if t is not None), default=None)


@dataclass
class Given:
    """A deadline that stands in an event: an enquiry, a call-back, a promised remedy."""

    started_at: datetime | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None

    def begin(self, at: datetime, due_at: datetime | None) -> None:
        """It is asked for or promised; the first time counts. A deadline that cannot be is none."""
        if self.started_at is None and plausible(at):
            self.started_at, self.due_at = at, due_at if plausible(due_at) else None

    def done(self, at: datetime) -> None:
        """It is done; the earliest time counts."""
        if plausible(at):
            self.done_at = earliest(self.done_at, at)


@dataclass(frozen=True, slots=True)
class RungRow:
    """A rung that was reached, or acknowledged, in this transaction."""

    id: UUID
    clock_id: UUID
    version: int
    rung: int
    action: str
    to: str
    reached_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    why: str | None = None


@dataclass
class Case:
    """One complaint. `outcomes` and `rungs` are what this transaction adds for the store to write; `marks` tells it
    which clocks were changed since they were read."""

    complaint_id: UUID
    version: int = 0
    received_at: datetime | None = None
    tier: str = "low"
    channel: str = ""
    language: str = "en"
    cause: str | None = None
    severity: str | None = None
    needs: tuple[str, ...] = ()
    vulnerable: bool = False
    stage: int = 1
    pins: Pins = ()
    handler: dict[str, Any] | None = None
    lead: dict[str, Any] | None = None
    acknowledged: Times = field(default_factory=list)
    responded: Times = field(default_factory=list)
    reached: Times = field(default_factory=list)
    called: Times = field(default_factory=list)
    letters: Times = field(default_factory=list)
    decided: Times = field(default_factory=list)
    summaries: Times = field(default_factory=list)
    resolutions: Times = field(default_factory=list)
    resolved: Times = field(default_factory=list)
    replies: Times = field(default_factory=list)
    ended: Times = field(default_factory=list)
    reopened: dict[str, datetime] = field(default_factory=dict)
    questions: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    callbacks: dict[str, Given] = field(default_factory=dict)
    enquiries: dict[str, Given] = field(default_factory=dict)
    remedies: dict[str, Given] = field(default_factory=dict)
    pause_end: datetime | None = None
    clocks: dict[str, Clock] = field(default_factory=dict)
    outcomes: list[tuple[str, str, str]] = field(default_factory=list)
    rungs: list[RungRow] = field(default_factory=list)
    marks: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def subject(self) -> Subject | None:
        """What rules ask about; None until the complaint itself has been read."""
        if self.received_at is None:
            return None
        return Subject(
            self.tier, self.channel, self.language, self.received_at, self.cause, self.severity, self.needs,
            self.vulnerable, self.stage,
        )  # fmt: skip

    def communicated(self, since: datetime) -> datetime | None:
        """When the customer was told the decision: its letter, or a reached call after it plus its summary."""
        told = first(self.resolutions, since)
        for decided in self.decided:
            call = first(self.reached, decided)
            summary = first(self.summaries, call) if call else None
            if summary is not None and summary >= since:
                told = earliest(told, summary)
        # Routing resolves a case only after its decision was communicated: a later but certain sign of the same.
        return earliest(told, first(self.resolved, since))

    def stop(self, clock: Clock) -> datetime | None:
        """When what the clock waits for was done, if it was."""
        match clock.kind:
            case "acknowledgement":
                return earliest(first(self.acknowledged), first(self.reached), self.communicated(clock.started_at))
            case "first_response":
                return first(self.responded)
            case "decision" | "final_response" | "reopened" | "next_update":
                return self.communicated(clock.started_at)
            case "callback":
                return first(self.called, clock.started_at)
            case "enquiry" | "remedy":
                given = self.given(clock.kind).get(clock.name.partition(":")[2])
                return given.done_at if given else None
        return None

    def cancelled(self, clock: Clock) -> datetime | None:
        """When the clock lost its object: the complaint ended, or was resolved without what the clock waits for."""
        ended = first(self.ended, clock.started_at)
        if clock.kind in ("remedy", "decision", "final_response", "reopened"):
            return ended
        return earliest(ended, first(self.resolved, clock.started_at))

    def given(self, kind: str) -> dict[str, Given]:
        """Deadlines that stand in events, of one kind."""
        return {"callback": self.callbacks, "enquiry": self.enquiries, "remedy": self.remedies}.get(kind, {})

    def updates_since(self) -> datetime | None:
        """When the customer was last told something: the start of the present wait for an update."""
        if self.received_at is None:
            return None
        begun = max([self.received_at, *self.reopened.values()])
        over = earliest(self.communicated(begun), first(self.ended, begun))
        return max((t for t in self.letters if t >= begun and (over is None or t < over)), default=begun)

    def pauses(self, clock: Clock) -> list[Pause]:
        """Waits for the customer since the clock began: one per question, until the answer or the waiting limit."""
        if not clock.pausable or not self.questions:
            return []
        merged: list[Pause] = []
        for asked, answer_by in sorted(self.questions.values()):
            begin = max(asked, clock.started_at)
            end = earliest(answer_by, first(self.replies, asked)) or answer_by
            if end <= begin:
                continue
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        return merged
