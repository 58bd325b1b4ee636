"""What the API takes and gives."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.base.errors import Problem
from shared.base.fields import Said
from shared.base.security import Role

STAFF: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "auditor", "quality", "ops", "service")


class Words(BaseModel):
    zh: str
    en: str


class RungOut(BaseModel):
    """A rung of the ladder that was reached; `id` acknowledges it."""

    id: UUID
    rung: int
    action: str
    to: str
    reached_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    why: str | None = None


class ClockOut(BaseModel):
    """A clock. `version` is the pack's, `deadline_version` rises with every change of the deadline.

    `remaining` is in seconds, counted around the clock, negative when overdue, null when nothing is waited for.
    While a clock is paused, `due_at` is what it will be if the customer does not answer.
    """

    id: UUID
    kind: str
    pack: str
    version: int
    deadline_version: int
    started_at: datetime
    due_at: datetime
    state: str
    pausable: bool
    legal: bool
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    noticed_at: datetime | None = None
    stopped_at: datetime | None = None
    paused_at: datetime | None = None
    held_until: datetime | None = None
    remaining: float | None
    explanation: Words
    history: list[dict[str, Any]]
    rungs: list[RungOut]


class WhyIn(BaseModel):
    """`why` is kept with your name in the history of the clocks."""

    model_config = ConfigDict(extra="forbid")
    why: Said = Field(min_length=3, max_length=500)


class EarlyOut(BaseModel):
    """A stage that lasts long. `lasts` and `usual` (what 80 % of `compared_with` past ones took at most) are seconds of
    working time; `kind` are cause and severity."""

    complaint_id: UUID
    stage: str
    kind: str
    began_at: datetime
    tier: str
    handler: str | None
    lasts: float
    usual: float
    compared_with: int
    in_danger: bool


class DueOut(BaseModel):
    """A deadline that comes up, or passed and still waits for the work. `remaining` in seconds."""

    complaint_id: UUID
    kind: str
    pack: str
    state: str
    due_at: datetime
    tier: str
    handler: str | None
    remaining: float


class PolicyOut(BaseModel):
    """A stored version of a pack. Each row of `clocks` says where it is from; `duties` are timed by nobody here."""

    pack: str
    version: int
    title: str
    notice: str
    source: str
    as_of: str
    confidence: str
    active: bool
    legal: bool
    in_force_from: datetime
    created_at: datetime | None
    created_by: str
    outside: dict[str, str] | None = None
    reopen_days: int | None = None
    clocks: list[dict[str, Any]]
    duties: list[dict[str, Any]] = []


class ApplyIn(BaseModel):
    """`loosen`: also where a customer was told an earlier date; the reason stands in each clock's history."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(None, ge=1)
    loosen: bool = False
    reason: Said = Field(min_length=3, max_length=500)


class MovedOut(BaseModel):
    """A clock that a version changes: tightened, relaxed, opened, ended, or kept because loosening was not asked for.
    `breaches`: the new deadline has passed already."""

    complaint_id: UUID
    kind: str
    how: str
    due_before: datetime | None
    due_after: datetime | None
    breaches: bool


class ChangeOut(BaseModel):
    """What a version changes in the open complaints: clocks by how, and at most a thousand of them by name."""

    pack: str
    version: int
    open: int
    tightened: int
    relaxed: int
    opened: int
    ended: int
    kept: int
    breaching: int
    stalled: int
    clocks: list[MovedOut]


class CalendarOut(BaseModel):
    id: str
    title: str
    zone: str


class AddOut(BaseModel):
    """Where a duration that runs from a moment ends. `due_local` is the same moment in the calendar's zone."""

    calendar: str
    zone: str
    start: datetime = Field(serialization_alias="from")
    duration: str
    due_at: datetime
    due_local: datetime
    explanation: Words


class BetweenOut(BaseModel):
    """The time between two moments: working time, working days after the first day, and time around the clock."""

    calendar: str
    zone: str
    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="to")
    working_seconds: float
    working_days: int
    elapsed_seconds: float


class AcknowledgeIn(BaseModel):
    """`why` is kept with your name; the next rungs wait `hours` working hours."""

    model_config = ConfigDict(extra="forbid")
    why: Said = Field(min_length=3, max_length=500)
    hours: int = Field(4, ge=1, le=4)


def wrong(name: str, why: object) -> Problem:
    """A query value that cannot be used."""
    return Problem(422, "Unprocessable content", str(why), errors=[{"pointer": f"/query/{name}", "detail": str(why)}])
