"""A letter as a structure: every sentence knows its part and the case data that it states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, get_args

Part = Literal[
    "cushion", "apology", "facts", "decisions", "remedy", "call_to_action", "rights", "closing", "body", "signatory"
]
PARTS: tuple[Part, ...] = get_args(Part)
Kind = Literal[
    "acknowledgement", "progress", "information_request", "reply", "delay_apology", "resolution", "reopening",
    "withdrawal_confirmation", "thanks", "hand_over", "call_summary", "callback_appointment", "holding",
    "summary_resolution", "out_of_scope", "forwarded", "final", "referral", "remedy_done", "remedy_delayed",
    "correction", "reminder", "closing_no_answer", "authority_request", "verification_request", "regret_and_action",
    "bulk_notice", "survey_invitation",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
ANSWERS: frozenset[Kind] = frozenset({"resolution", "final"})  # what tells a decision


CommitmentKind = Literal["date", "remedy", "update", "callback"]


@dataclass(frozen=True, slots=True)
class Commitment:
    """What a sentence promises: a date by which we act. `due` is the last moment, RFC 3339 UTC or an ISO date."""

    kind: CommitmentKind
    due: str
    what: str
    remedy_id: str | None = None
    amount: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence. `slots` are the case data that it states, by name; `issue` the point of the complaint it is about.

    `decides` marks the sentence that tells the decision of its issue. `verbatim` text comes from a policy pack (rights)
    and is exempt from rules of style.
    """

    part: Part
    text: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    issue: str | None = None
    decides: bool = False
    verbatim: bool = False
    promises: tuple[Commitment, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that stand together; `text` is how they read."""

    sentences: tuple[Sentence, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole letter in one language. `signatory` is the signing line with name, role, contact (if needed) and date."""

    kind: Kind
    language: str
    date: date
    subject: str
    greeting: str
    paragraphs: tuple[Paragraph, ...]
    signatory: str
    template_version: str = ""

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """The body's sentences in reading order."""
        return tuple(s for p in self.paragraphs for s in p.sentences)

    def part(self, *names: Part) -> tuple[Sentence, ...]:
        """The sentences of these parts, in reading order."""
        return tuple(s for s in self.sentences if s.part in names)

    @property
    def promises(self) -> tuple[Commitment, ...]:
        """Everything that the letter commits us to."""
        return tuple(c for s in self.sentences for c in s.promises)

    @property
    def text(self) -> str:
        """The letter as plain text: greeting, paragraphs and signature, with an empty line between them."""
        return "\n\n".join([self.greeting, *(p.text for p in self.paragraphs), self.signatory]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """The structure for programs: parts as lists of sentences, in reading order."""
        parts: dict[str, list[str]] = {name: [s.text for s in self.part(name)] for name in PARTS if self.part(name)}
        return {
            "kind": self.kind,
            "language": self.language,
            "date": self.date.isoformat(),
            "subject": self.subject,
            "greeting": self.greeting,
            **parts,
            "signatory": self.signatory,
        }


class LetterBlocked(Exception):
    """The letter cannot be written or may not go out. `reason` says what a person must do, `findings` are rule ids."""

    def __init__(self, reason: str, findings: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.reason, self.findings = reason, tuple(findings)


class MissingField(LetterBlocked):
    """The letter needs something that the case does not hold; `field` names it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"missing: {name}")
        self.field = name
