"""Promises as data: packs of clock rules, checked when they are read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from shared.calendars import BadDuration, CalendarError, Calendars, Duration
from shared.events.common import Cause, Channel, Language, Severity

from .document import Document, Fault, Faulty, Path, read

Kind = Literal[
    "acknowledgement", "first_response", "next_update", "decision", "final_response", "enquiry", "handoff",
    "callback", "remedy", "approval", "reopened",
]  # fmt: skip
Action = Literal["notify", "raise_priority", "reassign", "holding_letter", "referral_right", "page"]
To = Literal["handler", "lead", "manager"]
Tier = Literal["top", "high", "middle", "low"]

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

    @classmethod
    def parse(cls, value: Any) -> "Point":
        """`80%`, `120%`, `-2bh`, `+30min`; raises ValueError with what would be right."""
        text = str(value).strip()
        if text.endswith("%") and text[:-1].isdigit() and 0 < int(text[:-1]) <= 1000:
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


@dataclass(frozen=True, slots=True)
class Subject:
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
        )


class Rung(_Strict):
    """One step of the ladder. `hours: working` moves it to the next opening when it would fall outside."""

    at: Annotated[Point, BeforeValidator(Point.parse), PlainSerializer(str)]
    action: Action
    to: To = "lead"
    hours: Literal["any", "working"] = "any"


class Rule(_Strict):
    """One clock: for whom, how long, what happens on the way."""

    clock: Kind
    when: When = When()
    limit: Limit
    calendar: str | None = None
    pausable: bool = False
    warn: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(_listed), Field(max_length=5)] = ()
    ladder: Annotated[tuple[Rung, ...], Field(max_length=20)] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    source: str | None = None
    as_of: date | None = None
    confidence: str | None = None
    note: str | None = None


class Pack(_Strict):
    """A set of rules from one source. `calendar` is one id, or one per language of the complaint."""

    pack: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    title: Word
    notice: Literal["Example configuration, not legal advice."]
    source: Word
    as_of: date
    confidence: Literal["design", "seen", "seen second-hand", "from memory"]
    active: bool = True
    legal: bool = False
    calendar: str | dict[Language, str]
    effective_from: date | None = None
    effective_to: date | None = None
    clocks: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]

    def calendar_id(self, rule: Rule, language: str) -> str:
        """The calendar that a rule is counted in for a complaint in this language."""
        if rule.calendar is not None:
            return rule.calendar
        if isinstance(self.calendar, str):
            return self.calendar
        return self.calendar.get(language) or next(iter(self.calendar.values()))  # type: ignore[call-overload]


def check(text: str, calendars: Calendars) -> Pack:
    """A pack from YAML or JSON. Raises Faulty with line, key and what would be right."""
    document = read(text)
    if not isinstance(document.data, Mapping):
        raise Faulty([Fault(1, (), "a pack is a map that begins with `pack: its-name`")])
    try:
        pack = Pack.model_validate(document.data)
    except ValidationError as error:
        raise Faulty([_fault(document, e) for e in error.errors(include_url=False, include_input=False)]) from None
    faults = list(_contradictions(pack, document, calendars))
    if faults:
        raise Faulty(faults)
    return pack


def _fault(document: Document, error: Any) -> Fault:
    # A union adds the branch's name to the place; only what stands in the document is a place in it.
    place: Path = ()
    data = document.data
    for part in error["loc"]:
        inside = part in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(part, int)
        if inside:
            place, data = (*place, part), data[part]
        elif error["type"] in ("missing", "extra_forbidden") and part == error["loc"][-1]:
            place = (*place, part)
    if error["type"] == "missing":
        return document.fault(place, "this key is needed and is not here")
    if error["type"] == "extra_forbidden":
        return document.fault(place, "no such key; look at its spelling")
    return document.fault(place, error["msg"].removeprefix("Value error, "))


def _contradictions(pack: Pack, document: Document, calendars: Calendars) -> Iterator[Fault]:
    ids = [("calendar", pack.calendar)] if isinstance(pack.calendar, str) else list(pack.calendar.items())
    for key, id_ in ids:
        path: Path = ("calendar",) if key == "calendar" else ("calendar", key)
        yield from _calendar_fault(document, path, id_, calendars)
    if not ids:
        yield document.fault(("calendar",), "name a calendar")
    if pack.effective_from and pack.effective_to and pack.effective_to <= pack.effective_from:
        yield document.fault(("effective_to",), "lies before effective_from")
    for n, rule in enumerate(pack.clocks):
        if rule.calendar is not None:
            yield from _calendar_fault(document, ("clocks", n, "calendar"), rule.calendar, calendars)
        if pack.legal and rule.pausable:
            yield document.fault(("clocks", n, "pausable"), "a legal clock does not pause")
        if rule.effective_from and rule.effective_to and rule.effective_to <= rule.effective_from:
            yield document.fault(("clocks", n, "effective_to"), "lies before effective_from")
        if list(rule.warn) != sorted(set(rule.warn)):
            yield document.fault(("clocks", n, "warn"), "write shares once each and rising, such as [0.5, 0.8]")


def _calendar_fault(document: Document, path: Path, id_: str, calendars: Calendars) -> Iterator[Fault]:
    try:
        calendars.get(id_)
    except CalendarError as error:
        yield document.fault(path, str(error))
