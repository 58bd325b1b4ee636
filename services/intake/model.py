"""What intake knows of one complaint: how it came in (never changed), and where it stands (for its customer).

The state here is a view: routing alone owns the case. It is kept so that tracking answers without asking anybody.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.events.common import Staff

Stage = Literal[
    "received", "assigned", "waiting_customer", "decided", "answered", "disputed", "resolved", "closed", "withdrawn",
    "referred",
]  # fmt: skip
ENDED: frozenset[str] = frozenset({"closed", "withdrawn", "referred"})
TIMELINE_LIMIT = 200


# Clocks of work among colleagues, and of time that is not ours.
_BETWEEN_OURSELVES = frozenset({"handoff", "approval", "enquiry", "summary_resolution", "outside_window"})


@dataclass(slots=True)
class Clock:
    """A promised date as escalation last gave it."""

    kind: str
    state: str
    due_at: datetime


@dataclass(slots=True)
class Entry:
    """One line of the timeline: `what` is a key of timeline.py, `with_` what its sentence needs."""

    at: datetime
    what: str
    with_: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Letter:
    """A letter of ours that the receiving server took."""

    letter_id: UUID
    kind: str
    language: str
    message_id: str
    sent_at: datetime
    subject: str
    text: str
    decision_id: UUID | None = None


@dataclass(slots=True)
class Origin:
    """How the complaint came in: from its own row, never changed by an event."""

    reference: str
    kind: str
    channel: str
    source: str
    customer_id: UUID
    language: str
    received_at: datetime
    email: str | None
    phone: str | None
    represented_by: str | None
    created_at: datetime
    probe: str | None = None

    @property
    def anonymous(self) -> bool:
        """Whether nobody can be reached about it: it is followed with a PIN."""
        return self.email is None and self.phone is None and self.represented_by is None


@dataclass(slots=True)
class Case:
    """One complaint. `origin` is None for an id that intake has never taken in (then only events are noted)."""

    complaint_id: UUID
    version: int = 0
    origin: Origin | None = None
    stage: Stage = "received"
    handler: Staff | None = None
    lead: Staff | None = None
    cause: str | None = None
    clocks: list[Clock] = field(default_factory=list)
    asked: str | None = None
    answer_by: datetime | None = None
    overall: str | None = None
    chased_at: list[datetime] = field(default_factory=list)
    timeline: list[Entry] = field(default_factory=list)
    withdrawal_asked: datetime | None = None  # staff wrote that the customer withdraws; the customer has not said so
    link_edition: int = 0  # raised when the links that were given out are revoked
    told: tuple[str, datetime | None] = ("received", None)  # what the channel knows: statuses.fingerprint
    new_letters: list[Letter] = field(default_factory=list)

    @property
    def probe(self) -> str | None:
        """What kind of probe it is: no part of statistics."""
        return self.origin.probe if self.origin else None

    @property
    def open(self) -> bool:
        """Whether work on it may still go on."""
        return self.stage not in ENDED

    @property
    def ended_at(self) -> datetime | None:
        """When it was settled or closed the last time."""
        return next((e.at for e in reversed(self.timeline) if e.what in ("resolved", "closed")), None)

    def note(self, at: datetime, what: str, **with_: Any) -> None:
        """Add a line to the timeline; the oldest but the first go when it is full."""
        self.timeline.append(Entry(at, what, with_))
        if len(self.timeline) > TIMELINE_LIMIT:
            del self.timeline[1]

    def promised(self) -> list[Clock]:
        """The dates that hold now for the customer: clocks that run, the next first. Between ourselves is not told."""
        told = (c for c in self.clocks if c.state == "running" and c.kind not in _BETWEEN_OURSELVES)
        return sorted(told, key=lambda c: c.due_at)
