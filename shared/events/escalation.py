"""What escalation says: promised dates, warnings, breaches and rungs."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from .common import ClockView, Staff, Text
from .envelope import Payload


class _Escalation(Payload):
    emitter: ClassVar[str] = "escalation"


class ClocksChanged(_Escalation):
    """All clocks of the complaint as they are now; the last one seen replaces every earlier one."""

    type: ClassVar[str] = "complaint.clocks-changed.v1"
    clocks: tuple[ClockView, ...]


class _ClockEvent(_Escalation):
    clock_id: UUID
    kind: str
    version: int
    due_at: datetime


class SlaWarning(_ClockEvent):
    """`share` of the limit is used up (0-1)."""

    type: ClassVar[str] = "sla.warning.v1"
    share: float
    tier: str


class SlaBreached(_ClockEvent):
    """The deadline passed; the event's time is the deadline, `noticed_at` when a timer saw it."""

    type: ClassVar[str] = "sla.breached.v1"
    noticed_at: datetime
    tier: str


class SlaBreachRetracted(_ClockEvent):
    """What stops the clock had happened before the deadline and became known after it."""

    type: ClassVar[str] = "sla.breach-retracted.v1"
    met_at: datetime


class RungReached(_ClockEvent):
    """A rung of the ladder: `action` says what is to be done, `to` which role it concerns.

    `skill` and `tier`: to whom a case is reassigned, when not to anybody. A holding letter and the right of referral
    carry `reason`, `new_date` (when we answer instead) and `outside` (whom else the customer may ask). `cause` names
    what happened when no threshold of the clock did. `rung` 0 belongs to no ladder.
    """

    type: ClassVar[str] = "sla.rung-reached.v1"
    rung: int
    action: Literal["notify", "raise_priority", "reassign", "holding_letter", "referral_right", "page"]
    to: str
    person: Staff | None = None
    pack: str | None = None
    legal: bool | None = None
    skill: str | None = None
    tier: str | None = None
    reason: Text | None = None
    new_date: datetime | None = None
    outside: Text | None = None
    cause: Literal["third_question"] | None = None
