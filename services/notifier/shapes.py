"""What people give and get when they look at letters before they exist: the shapes of preview and lint."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.base.fields import Clean
from shared.events.common import Channel, Decision, Language, Staff

from .context import SANE_YEARS
from .letter import Kind
from .lint import CaseData
from .lint.pii import allow
from .record import case_data

Day = date  # a field called date hides the type


class Body(Clean):
    model_config = ConfigDict(extra="forbid")


def record_of(value: Any) -> Any:
    """A decision as `decide` takes it, or as events carry it: `class` and `for` are no names in Python."""
    if not isinstance(value, dict):
        return value
    value = {k: v for k, v in value.items() if k != "cause"}
    issues = [_renamed(i) for i in value.get("issues") or []]
    remedies = [_renamed(r, f"r{n}") for n, r in enumerate(value.get("remedies") or [], 1)]
    return {**value, "issues": issues, "remedies": remedies}


def _renamed(value: Any, id_: str | None = None) -> Any:
    if not isinstance(value, dict):
        return value
    value = dict(value)
    if "class" in value:
        value["remedy_class"] = value.pop("class")
    if id_:
        value.setdefault("id", id_)
    apology = value.get("apology")
    if isinstance(apology, dict) and "for" in apology:
        value["apology"] = {"kind": apology.get("kind"), "for_": apology["for"]}
    return value


class PreviewCase(Body):
    """The complaint as far as the letter needs it; every field but the reference may be left out."""

    reference: str = Field("AM-0000000000", max_length=40)
    kind: Literal["complaint", "question", "praise", "suggestion"] = "complaint"
    channel: Channel = "email"
    received_at: datetime | None = None
    name: str | None = Field(None, max_length=200)
    family_name: str | None = Field(None, max_length=100)
    given_name: str | None = Field(None, max_length=100)
    salutation: str | None = Field(None, max_length=40)
    email: str | None = Field(None, max_length=254)
    subject: str | None = Field(None, max_length=500)
    wanted: str | None = None
    order_ref: str | None = Field(None, max_length=100)
    tracking_url: str | None = Field(None, max_length=500)
    stage: int = Field(1, ge=1, le=3)
    clocks: dict[str, datetime] = {}

    @field_validator("received_at")
    @classmethod
    def _received(cls, value: datetime | None) -> datetime | None:
        return None if value is None else _moment(value)

    @field_validator("clocks")
    @classmethod
    def _clocks(cls, value: dict[str, datetime]) -> dict[str, datetime]:
        return {kind: _moment(due) for kind, due in value.items()}


class AgreedIn(Body):
    """One thing that was agreed: what, by which day, and who does it (we, I, or a name)."""

    what: str = Field(max_length=1000)
    by: str = Field(max_length=40)
    who: str = Field("we", max_length=100)


class PreviewIn(Body):
    """What a letter is to be written from. `date`: the day of writing, today when left out.

    `inputs`: further data that the kind's template names, as `called_on: "2026-06-09"` or `agreed: [{what, by, who}]`.
    """

    kind: Kind = "resolution"
    language: Language
    case: PreviewCase = PreviewCase()
    handler: Staff | None = None
    decision: Decision | None = None
    words: str | None = Field(None, max_length=20_000, description="For a reply or an information request")
    ask_by: datetime | None = None
    missed: datetime | None = Field(None, description="For a delay apology: the date that was not kept")
    clock: str = "decision"
    inputs: dict[str, Annotated[str, Field(max_length=20_000)] | bool | list[str] | list[AgreedIn]] = Field(
        {}, max_length=40
    )
    date: datetime | None = None

    @field_validator("decision", mode="before")
    @classmethod
    def _decision(cls, value: Any) -> Any:
        return record_of(value)

    @field_validator("date", "missed", "ask_by")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return None if value is None else _moment(value)


def _moment(value: datetime) -> datetime:
    if value.year not in SANE_YEARS:
        raise ValueError(f"the year must be between {SANE_YEARS.start} and {SANE_YEARS.stop - 1}")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class PartOut(BaseModel):
    part: str
    text: str


class FindingOut(BaseModel):
    rule: str
    level: str
    start: int
    end: int
    message: str
    suggestion: str


class PreviewOut(BaseModel):
    """The letter as the customer will see it; when something is needed and absent, `missing` names it instead."""

    subject: str
    text: str
    html: str
    parts: list[PartOut]
    findings: list[FindingOut]
    gate: Literal["pass", "block"]
    reading_seconds: int
    opening_seconds: int = Field(
        0, description="Until the customer knows what the letter is about: greeting and cushion"
    )
    score: dict[str, int] = Field(
        {}, description="Axis → 0 to 100: relevance, completeness, explainability, timeliness, tone"
    )
    short: str = Field("", description="The short form for text message and app")
    segments: int = 0
    missing: str | None = None


class SentenceIn(Body):
    text: str = Field(max_length=4000)
    issue: str | None = None
    decides: bool = False


class LetterIn(Body):
    """A letter in structure; each sentence is a text, or an object that says more about it."""

    date: Day | None = None
    subject: str = ""
    greeting: str = ""
    cushion: list[str | SentenceIn] = []
    apology: list[str | SentenceIn] = []
    facts: list[str | SentenceIn] = []
    decisions: list[str | SentenceIn] = []
    remedy: list[str | SentenceIn] = []
    call_to_action: list[str | SentenceIn] = []
    rights: list[str | SentenceIn] = []
    body: list[str | SentenceIn] = []
    closing: list[str | SentenceIn] = []
    signatory: str = ""
    kind: str | None = None
    language: str | None = None


class LintCase(Body):
    """What the rules compare with; what is left out is not compared."""

    decision: Decision | None = None
    handler: Staff | None = None
    overall: Literal["upheld", "partly", "not_upheld"] | None = None
    amounts: list[Decimal] | None = None
    order_ref: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    recipient: str | None = None
    contacts: list[str] | None = None
    promised: list[Day] | None = None

    @field_validator("decision", mode="before")
    @classmethod
    def _decision(cls, value: Any) -> Any:
        return record_of(value)

    def data(self) -> CaseData:
        """For the linter."""
        held = {"order_ref": self.order_ref, "name": self.name, "email": self.email}
        known = [self.order_ref, self.email, self.phone]
        base = case_data(self.decision, self.handler, known=known, holds=[k for k, v in held.items() if v])
        return CaseData(
            amounts=frozenset(self.amounts) if self.amounts is not None else base.amounts,
            findings=base.findings,
            overall=self.overall,
            holds=base.holds,
            allowed=base.allowed | allow(self.contacts or []),
            recipient=self.recipient,
            contacts=frozenset(self.contacts) if self.contacts is not None else None,
            promised=frozenset(self.promised) if self.promised is not None else None,
        )


class LintIn(Body):
    """A letter by hand (`text`) or in structure (`letter`)."""

    text: str | None = Field(None, max_length=64_000)
    letter: LetterIn | None = None
    language: Language
    kind: Kind = "resolution"
    case: LintCase = LintCase()

    @model_validator(mode="after")
    def _one(self) -> "LintIn":
        if (self.text is None) == (self.letter is None):
            raise ValueError("give either text or letter")
        return self


class LintOut(BaseModel):
    findings: list[FindingOut]
    gate: Literal["pass", "block"]
