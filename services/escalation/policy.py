"""Promises as data: packs of clock rules, checked when they are read."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from shared.calendars import BadDuration, Duration
from shared.events.common import Cause, Channel, Language, Severity, Text, TriggerLevel

Kind = Literal[
    "acknowledgement", "first_response", "next_update", "decision", "final_response", "enquiry", "handoff",
    "callback", "remedy", "approval", "reopened", "summary_resolution", "outside_window",
]  # fmt: skip
Start = Literal[
    "receipt", "acknowledged", "assigned", "decided", "told", "agreed", "stage2", "stage2_acknowledged",
]  # fmt: skip
Stop = Literal["acknowledged", "reached", "responded", "written", "told", "resolved", "referred"]
# How days are counted, where the plain way (the time of day of the start, on the last day) is not what is meant.
Convention = Literal["whole_last_day", "first_day_counts", "next_working_day", "from_opening"]
Confidence = Literal["design", "seen", "seen second-hand", "from memory"]
Action = Literal["notify", "raise_priority", "reassign", "holding_letter", "referral_right", "page"]
To = Literal["handler", "lead", "manager"]
Tier = Literal["top", "high", "middle", "low"]

# Clocks that begin with something of their own: one each, not one per complaint.
GIVEN = ("callback", "enquiry", "remedy", "handoff", "approval")
# A legal limit on the left also bounds the house clocks on the right.
BOUNDS: dict[str, tuple[str, ...]] = {"final_response": ("final_response", "decision"), "decision": ("decision",)}


def _listed(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else [value]


def _limit(value: Any) -> Duration:
    try:
        limit = Duration.parse(value)
    except BadDuration as error:
        raise ValueError(str(error)) from None
    if limit.amount <= 0:
        raise ValueError("a limit is longer than nothing")
    return limit


Limit = Annotated[Duration, BeforeValidator(_limit), PlainSerializer(str)]


@dataclass(frozen=True, slots=True)
class Point:
    """Where a rung stands: a share of the limit, or an offset from the deadline (negative: before it)."""

    share: float | None
    offset: Duration | None

    @property
    def after(self) -> bool:
        """Whether it lies at the deadline or after it."""
        return (self.share is not None and self.share >= 1) or (self.offset is not None and self.offset.amount >= 0)

    @classmethod
    def parse(cls, value: Any) -> "Point":
        """`0%` (when the clock begins), `80%`, `120%`, `-2bh`, `+30min`; raises ValueError with what would be right."""
        text = str(value).strip()
        if text.endswith("%") and text[:-1].isdigit() and int(text[:-1]) <= 1000:
            return cls(int(text[:-1]) / 100, None)
        if text[:1] in ("+", "-"):
            try:
                return cls(None, Duration.parse(text))
            except BadDuration as error:
                raise ValueError(str(error)) from None
        raise ValueError("write a share of the limit such as 80%, or an offset from the deadline such as -2bh or +1wd")

    def __str__(self) -> str:
        if self.share is not None:
            return f"{round(self.share * 100)}%"
        return f"{'+' if self.offset and self.offset.amount >= 0 else ''}{self.offset}"


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Word = Annotated[str, Field(max_length=2_000), AfterValidator(_words)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Subject(NamedTuple):
    """What a complaint is, as far as rules ask. Cause and severity are None before triage."""

    tier: str
    channel: str
    language: str
    received_at: datetime
    cause: str | None = None
    severity: str | None = None
    needs: tuple[str, ...] = ()
    vulnerable: bool = False
    stage: int = 1
    product: str | None = None
    triggers: tuple[str, ...] = ()


class When(_Strict):
    """For which complaints a rule holds; what is not named does not matter. A list means any of."""

    tier: Annotated[list[Tier] | None, BeforeValidator(_listed)] = None
    channel: Annotated[list[Channel] | None, BeforeValidator(_listed)] = None
    cause: Annotated[list[Cause] | None, BeforeValidator(_listed)] = None
    severity: Annotated[list[Severity] | None, BeforeValidator(_listed)] = None
    language: Annotated[list[Language] | None, BeforeValidator(_listed)] = None
    needs: Annotated[list[str] | None, BeforeValidator(_listed)] = None
    vulnerable: bool | None = None
    stage: int | None = None
    product: Annotated[list[str] | None, BeforeValidator(_listed)] = None
    trigger: Annotated[list[TriggerLevel] | None, BeforeValidator(_listed)] = None

    def holds(self, subject: Subject) -> bool:
        """Whether the rule applies. What is not known yet (cause, severity before triage) does not match."""
        return (
            (self.tier is None or subject.tier in self.tier)
            and (self.channel is None or subject.channel in self.channel)
            and (self.cause is None or subject.cause in self.cause)
            and (self.severity is None or subject.severity in self.severity)
            and (self.language is None or subject.language in self.language)
            and (self.needs is None or bool(set(self.needs) & set(subject.needs)))
            and (self.vulnerable is None or self.vulnerable == subject.vulnerable)
            and (self.stage is None or self.stage == subject.stage)
            and (self.product is None or subject.product in self.product)
            and (self.trigger is None or bool(set(self.trigger) & set(subject.triggers)))
        )


class Rung(_Strict):
    """One step of the ladder. `hours: working` moves it to the next opening when it would fall outside.

    `skill` and `tier` say to whom `reassign` gives the case; `answer_in` is the new date of a holding letter, counted
    from the deadline, `reason` why it is later.
    """

    at: Annotated[Point, BeforeValidator(Point.parse), PlainSerializer(str)]
    action: Action
    to: To = "lead"
    hours: Literal["any", "working"] = "any"
    skill: Word | None = None
    tier: Tier | None = None
    answer_in: Limit | None = None
    reason: Text | None = None


class Extension(_Strict):
    """A longer limit from the start, for whom a holding letter of this number was sent before the deadline."""

    limit: Limit
    after: Literal["holding_letter"]


class Rule(_Strict):
    """One clock: for whom, how long, counted how, from what, until what, and what happens on the way.

    `lapses`: passing it is no failure but ends something (the days for a summary resolution, the customer's time to
    go to an outside body). `pause_while` can only be the customer: asking a department is our own time.
    """

    clock: Kind
    when: When = When()
    unless: When | None = None
    limit: Limit
    convention: Annotated[tuple[Convention, ...], BeforeValidator(_listed)] = ()
    start: Start = "receipt"
    stop: Annotated[tuple[Stop, ...], BeforeValidator(_listed)] = ()
    calendar: str | None = None
    pausable: bool = False
    pause_while: Literal["customer"] = "customer"
    lapses: bool = False
    warn: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_listed), Field(max_length=5)] = ()
    ladder: Annotated[tuple[Rung, ...], Field(max_length=20)] = ()
    extension: Annotated[tuple[Extension, ...], BeforeValidator(_listed), Field(max_length=3)] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    source: Word | None = None
    as_of: date | None = None
    confidence: Confidence | None = None
    note: Word | None = None

    def holds(self, subject: Subject) -> bool:
        """Whether the rule is for this complaint."""
        return self.when.holds(subject) and not (self.unless is not None and self.unless.holds(subject))


class Duty(_Strict):
    """What the source asks for besides: shown with the pack, timed by nobody here."""

    duty: Word
    source: Word
    as_of: date
    confidence: Confidence
    effective_from: date | None = None
    effective_to: date | None = None


class Pack(_Strict):
    """A set of rules from one source. `calendar` is one id, or one per language of the complaint; `outside` names the
    body to which a customer may go; in `reopen_days` after its end a customer may have a complaint opened again."""

    pack: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Word
    notice: Literal["Example configuration, not legal advice."]
    source: Word
    as_of: date
    confidence: Confidence
    active: bool = True
    legal: bool = False
    calendar: str | dict[Language, str]
    outside: Text | None = None
    reopen_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    effective_from: date | None = None
    effective_to: date | None = None
    clocks: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]
    duties: Annotated[tuple[Duty, ...], Field(max_length=100)] = ()

    def calendar_id(self, rule: Rule, language: str) -> str:
        """The calendar that a rule is counted in for a complaint in this language."""
        return rule.calendar if rule.calendar is not None else self.own_calendar(language)

    def own_calendar(self, language: str) -> str:
        """The pack's calendar for a complaint in this language."""
        if isinstance(self.calendar, str):
            return self.calendar
        return self.calendar.get(language) or next(iter(self.calendar.values()))

    def provenance(self, rule: Rule) -> dict[str, str | None]:
        """Where a rule comes from and for when it holds; what it does not say itself is the pack's."""
        since, until = rule.effective_from or self.effective_from, rule.effective_to or self.effective_to
        return {
            "source": rule.source or self.source,
            "as_of": str(rule.as_of or self.as_of),
            "confidence": rule.confidence or self.confidence,
            "effective_from": str(since) if since else None,
            "effective_to": str(until) if until else None,
            "notice": self.notice,
        }
