"""What routing knows of one complaint, and of the people who work."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from shared.events.common import Cause, Language, Overall, Remedy, Severity, Staff

from .states import BUSY, State

Presence = Literal["available", "on_call", "wrap_up", "break", "away"]
OfferState = Literal["open", "accepted", "declined", "expired", "revoked"]


# The acknowledgement is met by a letter of its own; the other two lapse.
_NO_PERSONS = frozenset({"acknowledgement", "summary_resolution", "outside_window"})


@dataclass
class Flag:
    """A sign that the customer needs care, with the words it rests on, why we may keep it, and until when."""

    rule: str
    span: str
    basis: str
    until: datetime


@dataclass
class Offer:
    """A case held for one handler until `expires_at`."""

    offer_id: UUID
    handler: Staff
    lead: Staff | None
    made_at: datetime
    expires_at: datetime
    version: int


@dataclass
class Enquiry:
    """A question to another department; `answered_at` is empty while it is open."""

    to: str
    due: datetime
    asked_at: datetime
    asked_by: str
    answered_at: datetime | None = None


@dataclass
class Asked:
    """What the customer was asked and has not answered yet, and when they were reminded of it."""

    request_id: UUID
    at: datetime
    answer_by: datetime
    reminded: list[datetime] = field(default_factory=list)


@dataclass
class OutsideDecision:
    """What an outside body decided: `binding` when we are bound by it."""

    decision_id: UUID
    body: str
    outcome: Literal["upheld", "partly", "not_upheld", "settled", "discontinued"]
    decided_at: datetime
    binding: bool
    reference: str | None = None
    remedies: int = 0


@dataclass
class Clock:
    """One running or ended SLA clock, as escalation last told it."""

    kind: str
    state: str
    due_at: datetime
    zh: str = ""
    en: str = ""


@dataclass
class Promised:
    """A promise of a sent letter that is still open."""

    kind: str
    due_at: datetime


@dataclass
class DecisionMade:
    """The decision in force; its words stand in the history. `done` maps a remedy's id to when it was carried out."""

    decision_id: UUID
    overall: Overall
    at: datetime
    by: str
    stage: int
    remedies: tuple[Remedy, ...] = ()
    done: dict[str, datetime] = field(default_factory=dict)
    told_at: datetime | None = None
    called_at: datetime | None = None

    @property
    def open_remedies(self) -> list[Remedy]:
        """What was promised and is not carried out yet."""
        return [r for r in self.remedies if r.id not in self.done]


@dataclass
class Entry:
    """One line of the case's history. `data` may hold the customer's words, so it is personal."""

    n: int
    at: datetime
    kind: str
    actor: str
    data: dict[str, Any]


@dataclass
class OfferRow:
    """A change of an offer that the store has to write."""

    offer_id: UUID
    complaint_id: UUID
    handler_id: str
    state: OfferState
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None


@dataclass
class Mark:
    """What happened to a handler in this change: an accepted, declined, expired offer, or a given case."""

    handler_id: str
    what: Literal["accepted", "declined", "expired"]
    at: datetime


@dataclass
class EnquiryRow:
    """An enquiry as its department sees it: our question and the customer's own words."""

    enquiry_id: UUID
    complaint_id: UUID
    department: str
    question: str
    customer: list[str]
    due: datetime
    asked_at: datetime


@dataclass
class FileRow:
    """A file that somebody of the house added."""

    attachment_id: UUID
    complaint_id: UUID
    name: str
    media_type: str
    sha256: bytes
    content: bytes
    added_at: datetime
    added_by: str


@dataclass
class Met:
    """A handler was given a case of this customer."""

    customer_id: UUID
    handler_id: str
    at: datetime


@dataclass
class Pending:
    """What one change adds besides the case itself; empty again after each save."""

    entries: list[Entry] = field(default_factory=list)
    offers: list[OfferRow] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    enquiries: list[EnquiryRow] = field(default_factory=list)
    answers: list[tuple[UUID, str, datetime]] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    renamed: bool = False  # what the case is found by changed
    met: list[Met] = field(default_factory=list)
    signature: str = ""  # under which it stood in the queue when it was loaded
    held: tuple[str, ...] = ()  # whose place it took then, and what says how many places
    expired_in_row: int | None = None  # of the offer's handler, where his next expired offer is looked at


@dataclass
class Case:
    """A complaint (or a question, praise, suggestion) as work: everything that decides its next move."""

    complaint_id: UUID
    version: int = 0
    kind: Literal["complaint", "question", "praise", "suggestion"] = "complaint"
    state: State = "received"
    stage: Literal[1, 2] = 1
    reference: str = ""
    channel: str = ""
    source: str = ""
    received_at: datetime | None = None
    customer_id: UUID | None = None
    tier: str = "middle"
    language: Language = "en"
    name: str = ""
    phone: str = ""
    email: str = ""
    order_ref: str = ""
    product: str = ""
    wanted: str = ""
    value_at_stake: str | None = None
    complaints_12m: int = 0
    last_handler: str | None = None
    last_matter: str | None = None

    cause: Cause = "unknown"
    severity: Severity = "P3"
    triggers: list[tuple[str, str]] = field(default_factory=list)
    vulnerable: bool = False
    flags: list[Flag] = field(default_factory=list)
    probe: Literal["pipeline", "mystery"] | None = None
    repeat: bool = False
    needs: list[str] = field(default_factory=list)
    skills: list[tuple[str, int]] = field(default_factory=list)
    queue: str = "general"
    decided_by: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    raised: bool = False
    served_as: str | None = None  # the ladder wants somebody who serves this tier

    waiting_since: datetime | None = None
    exclusions: dict[str, datetime] = field(default_factory=dict)
    deciders: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)  # who may not work on it, and why
    unroutable: bool = False
    handler: Staff | None = None
    lead: Staff | None = None
    assigned_at: datetime | None = None
    offer: Offer | None = None
    offers_made: int = 0
    accepted_offer: UUID | None = None

    clocks: list[Clock] = field(default_factory=list)
    first_response_at: datetime | None = None
    enquiries: dict[UUID, Enquiry] = field(default_factory=dict)
    files: list[UUID] = field(default_factory=list)
    asked: Asked | None = None
    preliminary_at: datetime | None = None  # when the customer was told what we have in mind
    tries: int = 0  # contacts since the last decision in which nobody was reached
    outside: list[OutsideDecision] = field(default_factory=list)
    decision: DecisionMade | None = None
    promises: dict[UUID, Promised] = field(default_factory=dict)
    links: list[UUID] = field(default_factory=list)
    chases: int = 0
    unanswered_since: datetime | None = None
    lead_wanted: str | None = None
    warnings: list[str] = field(default_factory=list)
    accepted_at: datetime | None = None
    confirmed_at: datetime | None = None  # when the customer first said that the matter is resolved
    close_reason: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    reopened: int = 0
    reached: int = 0
    bulk_keys: list[str] = field(default_factory=list)  # the last bulk actions that reached it
    entry_count: int = 0

    pending: Pending = field(default_factory=Pending)

    @property
    def known(self) -> bool:
        """Whether routing has seen the complaint itself; what is said about any other id is ignored."""
        return self.received_at is not None

    @property
    def is_complaint(self) -> bool:
        """Other messages have an owner and a reply, but no life that other services follow."""
        return self.kind == "complaint"

    @property
    def due_at(self) -> datetime | None:
        """The earliest deadline that a person has to meet; the acknowledgement is met by a letter of its own."""
        due = [c.due_at for c in self.clocks if c.state == "running" and c.kind not in _NO_PERSONS]
        return min(due, default=None)

    @property
    def held(self) -> tuple[str, ...]:
        """Whose place it takes, and what says how many places; empty when it takes none."""
        holder = self.offer.handler if self.offer else self.handler
        return (holder.id, self.severity, self.cause) if holder and self.state in BUSY else ()

    @property
    def rank(self) -> int:
        """0 danger to life, 1 claim or press, 2 vulnerable or raised by the ladder, 3 everybody else."""
        levels = {level for level, _ in self.triggers}
        if "T0" in levels:
            return 0
        if "T1" in levels:
            return 1
        return 2 if self.vulnerable or self.raised else 3

    @property
    def guarded(self) -> bool:
        """Danger, a claim, or a vulnerable customer: nobody gives it back without the lead."""
        return self.vulnerable or any(level in ("T0", "T1") for level, _ in self.triggers)

    @property
    def open_enquiries(self) -> int:
        return sum(1 for e in self.enquiries.values() if e.answered_at is None)

    def acknowledged(self, at: datetime) -> None:
        """The acknowledgement went out. Escalation says so next, which then changes nothing that would be written."""
        for clock in self.clocks:
            if clock.kind == "acknowledgement" and clock.state == "running" and at <= clock.due_at:
                clock.state = "met"

    def note(self, at: datetime, what: str, actor: str, **data: Any) -> None:
        """Add a line to the history; it is written with the case."""
        self.entry_count += 1
        given = {k: v for k, v in data.items() if v not in (None, "", (), [], {})}
        self.pending.entries.append(Entry(self.entry_count, at, what, actor, given))


@dataclass(frozen=True)
class Shift:
    """Working time on given ISO weekdays (1 Monday - 7 Sunday), HH:MM in the handler's zone; may cross midnight.

    `first` and `last` are the ISO dates between which it is worked, both included; empty: always.
    """

    days: tuple[int, ...]
    start: str
    end: str
    first: str = ""
    last: str = ""

    def begins_on(self, day: date, weekdays: frozenset[int]) -> bool:
        """Whether this shift begins on a day that counts as these ISO weekdays; one on a single date always does."""
        if self.first and self.first == self.last:
            return self.first == day.isoformat() and day.isoweekday() in self.days
        if weekdays.isdisjoint(self.days):
            return False
        return (not self.first or self.first <= day.isoformat()) and (not self.last or day.isoformat() <= self.last)

    def document(self) -> dict[str, Any]:
        """As it is stored and told."""
        between = {"from": self.first, "until": self.last}
        return {"days": self.days, "start": self.start, "end": self.end} | {k: v for k, v in between.items() if v}


@dataclass(frozen=True)
class Handler:
    """A person who works cases. `load` is how many places of `capacity` are taken, `open_offers` how many of these wait
    for an answer; no shifts means always."""

    id: str
    name: str
    role_title: str
    contact: str
    tiers: frozenset[str]
    skills: dict[str, int]
    languages: frozenset[str]
    capacity: int
    authority: dict[str, str] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()
    calendar: str = "always"
    zone: str = "UTC"
    shifts: tuple[Shift, ...] = ()
    presence: Presence = "away"
    presence_since: datetime | None = None
    idle_since: datetime | None = None
    load: int = 0
    open_offers: int = 0

    @property
    def is_lead(self) -> bool:
        return "lead" in self.permissions

    @property
    def staff(self) -> Staff:
        """The person as customers may know them."""
        return Staff(id=self.id, name=self.name, role_title=self.role_title, contact=self.contact)
