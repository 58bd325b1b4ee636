"""What callers may send, field by field; nothing unknown is accepted."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from shared.base.fields import Day, clean
from shared.calendars import builtin
from shared.events.common import (
    Apology,
    CallToAction,
    Decision,
    Fact,
    Finding,
    Issue,
    Language,
    Remedy,
    RequestOutcome,
)

from ..model import Handler, Presence, Shift
from .fields import Amount, AnyCause, Body, Command, Currency, Id, Short


class ShiftIn(Body):
    """ISO weekdays (1 Monday - 7 Sunday) and HH:MM in the handler's zone; may cross midnight. `from` and `until`: the
    days between which it is worked."""

    days: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)]
    start: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    end: Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
    first: Day | None = Field(None, alias="from")
    last: Day | None = Field(None, alias="until")

    def shift(self) -> Shift:
        """The model."""
        return Shift(tuple(self.days), self.start, self.end, str(self.first or ""), str(self.last or ""))


class HandlerIn(Body):
    """A handler's entry. `authority`: the highest amount per currency that he may grant; empty means no limit."""

    name: Short
    role_title: Short
    contact: Short
    tiers: list[Short] = Field(max_length=20)
    skills: dict[Short, Annotated[int, Field(ge=1, le=5)]] = Field(max_length=50)
    languages: list[Language] = Field(min_length=1)
    capacity: int = Field(ge=0, le=1000)
    authority: dict[Currency, Amount] = {}
    permissions: list[Short] = Field([], max_length=20)
    calendar: Short = Field("always", description="Whose public holidays and worked weekends count for the shifts")
    zone: str = "UTC"
    shifts: list[ShiftIn] = Field([], max_length=50)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not a time zone") from None
        return zone

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, calendar: str) -> str:
        builtin().get(calendar)  # its refusal names the calendars that there are
        return calendar

    def handler(self, handler_id: str) -> Handler:
        """The model; presence is not part of it."""
        return Handler(
            id=handler_id,
            name=self.name,
            role_title=self.role_title,
            contact=self.contact,
            tiers=frozenset(self.tiers),
            skills=dict(self.skills),
            languages=frozenset(self.languages),
            capacity=self.capacity,
            authority={currency: str(amount) for currency, amount in self.authority.items()},
            permissions=frozenset(self.permissions),
            calendar=self.calendar,
            zone=self.zone,
            shifts=tuple(s.shift() for s in self.shifts),
        )


class PresenceIn(Body):
    """`{"presence": "available"}`, or the bare word."""

    presence: Presence

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"presence": value} if isinstance(value, str) else value


class DeclineIn(Body):
    reason: Short = "no reason given"


class FactIn(Body):
    text: Short
    source: Short
    date: Day


class ApologyIn(Body):
    kind: Literal["responsibility", "regret"]
    for_: Short = Field(alias="for")


class IssueIn(Body):
    id: Id
    what: Short
    finding: Finding
    request: RequestOutcome
    facts: list[FactIn] = Field([], max_length=50)
    reason: Annotated[str, StringConstraints(max_length=4000), AfterValidator(clean)] = ""
    apology: ApologyIn | None = None

    def issue(self) -> Issue:
        facts = tuple(Fact(text=f.text, source=f.source, date=str(f.date)) for f in self.facts)
        apology = Apology(kind=self.apology.kind, for_=self.apology.for_) if self.apology else None
        return Issue(
            id=self.id, what=self.what, finding=self.finding, request=self.request, facts=facts, reason=self.reason,
            apology=apology,
        )  # fmt: skip


class RemedyIn(Body):
    """`by`: the ISO date by which `actor` does it."""

    id: Id | None = None
    type: Short
    class_: Literal["redress", "goodwill", "refund", "correction"] = Field(alias="class")
    amount: Amount | None = None
    currency: Currency | None = None
    item: Short | None = None
    by: Day
    actor: Short
    issue: Id

    def remedy(self, n: int) -> Remedy:
        return Remedy(
            id=self.id or f"r{n}",
            type=self.type,
            remedy_class=self.class_,
            amount=None if self.amount is None else f"{self.amount:f}",
            currency=self.currency,
            item=self.item,
            by=str(self.by),
            actor=self.actor,
            issue=self.issue,
        )

    @model_validator(mode="after")
    def _with_currency(self) -> "RemedyIn":
        if self.amount is not None and self.currency is None:
            raise ValueError("an amount needs its currency")
        return self


class CallToActionIn(Body):
    action: Short
    channel: Short
    contact: Short
    by: Day
    bring: Short | None = None


class DecideIn(Command):
    """The decision record; the overall outcome is derived from the issues' findings."""

    examined: list[Short] = Field(max_length=50)
    issues: list[IssueIn] = Field(min_length=1, max_length=50)
    remedies: list[RemedyIn] = Field([], max_length=50)
    calls_to_action: list[CallToActionIn] = Field([], max_length=10)
    cause: AnyCause
    improvement: Short | None = None
    deadlock: bool = Field(False, description="Second stage: both sides keep their view")

    def record(self) -> Decision:
        """The record as events carry it; remedies without an id are numbered r1, r2, …"""
        return Decision(
            examined=tuple(self.examined),
            issues=tuple(i.issue() for i in self.issues),
            remedies=tuple(r.remedy(n) for n, r in enumerate(self.remedies, 1)),
            calls_to_action=tuple(
                CallToAction(action=c.action, channel=c.channel, contact=c.contact, by=str(c.by), bring=c.bring)
                for c in self.calls_to_action
            ),
            improvement=self.improvement,
        )
