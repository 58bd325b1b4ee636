"""Vocabulary that several events share."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from .envelope import Frozen

Channel = Literal["web", "hotline", "email", "counter", "letter", "app", "chat", "social"]
# A language tag of BCP 47: language, and where it matters script and region (`en`, `pt-BR`, `zh-Hant`). Which languages
# an installation has is data (shared/languages); who has none for a tag falls back (docs/adding-a-language.md).
LANGUAGE_TAG = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$"
Language = Annotated[str, StringConstraints(pattern=LANGUAGE_TAG)]
Cause = Literal[
    "C1_product_quality",
    "C2_repair_quality",
    "C3_network_defect",
    "C4_agent_error",
    "C5_staff_service",
    "C6_policy_disagreement",
    "C7_beyond_own_standard",
    "C8_measuring_gap",
    "C9_unmet_excessive",
    "unknown",
]
Severity = Literal["P1", "P2", "P3", "P4"]
TriggerLevel = Literal["T0", "T1", "T2"]
Overall = Literal["upheld", "partly", "not_upheld"]
Finding = Literal["substantiated", "partly", "not_substantiated", "not_established"]
RequestOutcome = Literal["granted", "partly", "refused", "alternative", "none_made"]
RemedyClass = Literal["redress", "goodwill", "refund", "correction"]
ClockState = Literal["running", "paused", "met", "breached", "cancelled"]


class Text(Frozen):
    """The same words in the languages that Amends writes."""

    zh: str
    en: str


class Staff(Frozen):
    """A person who works a case, as customers may know them: business name, role and direct contact."""

    id: str
    name: str
    role_title: str
    contact: str


class Attachment(Frozen):
    """A stored file by reference; its name is personal and stands with its owner."""

    id: UUID
    media_type: str
    size: int
    sha256: str


class Fact(Frozen):
    """A checkable statement with where it comes from and the day it is about (ISO date)."""

    text: str
    source: str
    date: str


class Apology(Frozen):
    """For what we apologise: responsibility for our failure, or regret without admission."""

    kind: Literal["responsibility", "regret"]
    for_: str


class Issue(Frozen):
    """One point of the complaint and what was found about it."""

    id: str
    what: str
    finding: Finding
    request: RequestOutcome
    facts: tuple[Fact, ...] = ()
    reason: str = ""
    apology: Apology | None = None


class Remedy(Frozen):
    """What is done for the customer, by whom and by when. `amount` is a decimal string, `by` an ISO date."""

    id: str
    type: str
    remedy_class: RemedyClass
    by: str
    actor: str
    issue: str
    amount: str | None = None
    currency: str | None = None
    item: str | None = None


class CallToAction(Frozen):
    """What we ask the customer to do, where, until which ISO date, and what to bring if anything."""

    action: str
    channel: str
    contact: str
    by: str
    bring: str | None = None


class Decision(Frozen):
    """The whole decision record: what was examined, each issue's finding, and what follows."""

    examined: tuple[str, ...]
    issues: tuple[Issue, ...]
    remedies: tuple[Remedy, ...] = ()
    calls_to_action: tuple[CallToAction, ...] = ()
    improvement: str | None = None


class ClockView(Frozen):
    """One clock as everybody sees it; `due_at` is the promise, `explanation` says how it was computed."""

    id: UUID
    kind: str
    pack: str
    pack_version: int
    state: ClockState
    started_at: datetime
    due_at: datetime
    version: int
    pausable: bool
    legal: bool
    explanation: Text
    met_at: datetime | None = None
    paused_at: datetime | None = None
