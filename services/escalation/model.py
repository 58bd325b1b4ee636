"""What escalation knows of one complaint: facts, and the clocks that follow from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from .book import Pins
from .clocks import Clock, Pause
from .facts import By, Given, Question, Times, earliest, first, handoffs
from .policy import Start, Subject


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
    person: str | None = None  # whom it names, for the page that is written in the same transaction


@dataclass
class Case:
    """One complaint. `rungs` are what this transaction adds for the store to write; `marks` tells it which clocks were
    changed since they were read."""

    complaint_id: UUID
    version: int = 0
    received_at: datetime | None = None
    tier: str = "low"
    channel: str = ""
    language: str = "en"
    product: str | None = None
    probe: str | None = None
    cause: str | None = None
    severity: str | None = None
    needs: tuple[str, ...] = ()
    vulnerable: bool = False
    triggers: list[str] = field(default_factory=list)
    stage: int = 1
    pins: Pins = ()
    handler: dict[str, Any] | None = None
    lead: dict[str, Any] | None = None
    duty: list[dict[str, Any]] = field(default_factory=list)  # the duty lead when danger was read, and who follows
    triaged: Times = field(default_factory=list)
    assigned: Times = field(default_factory=list)
    acknowledged: Times = field(default_factory=list)
    responded: Times = field(default_factory=list)
    reached: Times = field(default_factory=list)
    called: Times = field(default_factory=list)
    letters: Times = field(default_factory=list)
    holdings: Times = field(default_factory=list)
    decided: Times = field(default_factory=list)
    summaries: Times = field(default_factory=list)
    resolutions: Times = field(default_factory=list)
    reopenings: Times = field(default_factory=list)
    agreed: Times = field(default_factory=list)
    disputed: Times = field(default_factory=list)
    resolved: Times = field(default_factory=list)
    referred: Times = field(default_factory=list)
    replies: Times = field(default_factory=list)
    resumed: Times = field(default_factory=list)
    ended: Times = field(default_factory=list)
    reopened: dict[str, datetime] = field(default_factory=dict)
    questions: dict[str, Question] = field(default_factory=dict)
    callbacks: dict[str, Given] = field(default_factory=dict)
    enquiries: dict[str, Given] = field(default_factory=dict)
    remedies: dict[str, Given] = field(default_factory=dict)
    approvals: dict[str, Given] = field(default_factory=dict)
    transfers: list[By] = field(default_factory=list)
    acts: list[By] = field(default_factory=list)
    deciders: dict[str, str] = field(default_factory=dict)
    claims: dict[str, By] = field(default_factory=dict)
    sent: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    bounced: list[str] = field(default_factory=list)
    pause_end: datetime | None = None
    staged: str = ""
    clocks: dict[str, Clock] = field(default_factory=dict)
    rungs: list[RungRow] = field(default_factory=list)
    marks: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def subject(self) -> Subject | None:
        """What rules ask about; None until the complaint itself has been read."""
        if self.received_at is None:
            return None
        stage = 2 if self.second_stage() else self.stage
        return Subject(
            self.tier, self.channel, self.language, self.received_at, self.cause, self.severity, self.needs,
            self.vulnerable, stage, self.product, tuple(self.triggers),
        )  # fmt: skip

    def second_stage(self) -> datetime | None:
        """When the customer disputed what they had been told."""
        if self.received_at is None or not self.disputed:
            return None
        told = self.communicated(self.received_at)
        return first(self.disputed, told) if told else None

    def communicated(self, since: datetime) -> datetime | None:
        """When the customer was told the decision: its letter, or a reached call after it plus its summary."""
        if not (self.resolutions or self.decided or self.resolved):
            return None
        told = first(self.resolutions, since)
        for decided in self.decided:
            call = first(self.reached, decided)
            summary = first(self.summaries, call) if call else None
            if summary is not None and summary >= since:
                told = earliest(told, summary)
        # Routing resolves a case only after its decision was communicated: a later but certain sign of the same.
        return earliest(told, first(self.resolved, since))

    def began(self, start: Start) -> datetime | None:
        """When clocks with this start began, if they did."""
        if self.received_at is None:
            return None
        match start:
            case "receipt":
                return self.received_at
            case "acknowledged":
                return earliest(first(self.acknowledged), first(self.reached))
            case "assigned":
                return first(self.assigned)
            case "decided":
                return first(self.decided)
            case "told":
                return self.communicated(self.received_at)
            case "agreed":
                return first(self.agreed)
            case "stage2":
                return self.second_stage()
            case "stage2_acknowledged":
                again = self.second_stage()
                return self._acknowledged(again) if again else None

    def _acknowledged(self, since: datetime | None) -> datetime | None:
        """A letter that acknowledges, or a contact in which somebody was reached."""
        return earliest(first(self.acknowledged, since), first(self.reopenings, since), first(self.reached, since))

    def stop(self, clock: Clock, stops: Sequence[str] = ()) -> datetime | None:
        """When what the clock waits for was done, if it was. `stops`: what its rule says instead of its kind."""
        since = clock.started_at
        if stops:
            return earliest(*(self._fact(name, since) for name in stops))
        match clock.kind:
            case "acknowledgement":
                # From the receipt on nothing can be earlier, whatever another machine's clock says.
                kept = None if clock.started_at == self.received_at else since
                return earliest(self._acknowledged(kept), self.communicated(since))
            case "first_response":
                return first(self.responded, None if clock.started_at == self.received_at else since)
            case "decision" | "final_response" | "reopened" | "next_update" | "summary_resolution":
                return self.communicated(since)
            case "callback":
                return first(self.called, since)
            case "handoff":
                return next((taken for begun, taken in handoffs(self.transfers, self.acts) if begun == since), None)
            case "outside_window":
                return first(self.referred, since)
            case "remedy" if clock.rule >= 0 and clock.given is None and not self._given(clock):
                return first(self.resolved, since)
            case "enquiry" | "remedy" | "approval":
                given = self._given(clock)
                return given.done_at if given else None
        return None

    def _fact(self, name: str, since: datetime) -> datetime | None:
        match name:
            case "acknowledged":
                return self._acknowledged(since)
            case "told":
                return self.communicated(since)
            case "written":
                return next((t for t in self.letters if t > since), None)
        times: Times = getattr(self, name)
        return first(times, since)

    def cancelled(self, clock: Clock) -> datetime | None:
        """When the clock lost its object: the complaint ended, or was resolved without what the clock waits for."""
        if clock.kind == "outside_window":
            return None
        ended = first(self.ended, clock.started_at)
        if clock.kind == "approval" and (given := self._given(clock)):
            ended = earliest(ended, given.over_at)
        if clock.kind in ("remedy", "decision", "final_response", "reopened"):
            return ended
        return earliest(ended, first(self.resolved, clock.started_at))

    def given(self, kind: str) -> dict[str, Given]:
        """What has a start of its own, of one kind."""
        if kind == "handoff":
            found = handoffs(self.transfers, self.acts)
            return {f"{begun.timestamp():.6f}": Given(begun, None, taken) for begun, taken in found}
        return {
            "callback": self.callbacks, "enquiry": self.enquiries, "remedy": self.remedies, "approval": self.approvals,
        }.get(kind, {})  # fmt: skip

    def _given(self, clock: Clock) -> Given | None:
        return self.given(clock.kind).get(clock.name.partition(":")[2])

    def updates_since(self) -> datetime | None:
        """When the customer was last told something: the start of the present wait for an update."""
        if self.received_at is None:
            return None
        again = self.second_stage()
        begun = max([self.received_at, *self.reopened.values(), *([again] if again else [])])
        over = earliest(self.communicated(begun), first(self.ended, begun))
        return max((t for t in self.letters if t >= begun and (over is None or t < over)), default=begun)

    def pauses(self, clock: Clock) -> list[Pause]:
        """Waits for the customer since the clock began: one per question that reached them, until the answer, the
        waiting limit, the decision, or until somebody ends it by hand."""
        return self.waits(clock.started_at) if clock.pausable and self.questions else []

    def waits(self, since: datetime) -> list[Pause]:
        """The same for anything pausable that began at `since`."""
        merged: list[Pause] = []
        waits = [(q.begin, q.answer_by) for q in self.questions.values() if q.begin is not None]
        for asked, answer_by in sorted(waits):
            begin = max(asked, since)
            end = earliest(answer_by, *(first(times, asked) for times in (self.replies, self.resumed, self.decided)))
            assert end is not None
            if end <= begin:
                continue
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        return merged
