"""What the notifier knows of one complaint: what letters need, its open letters and its open promises."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from shared.deliver.ledger import State
from shared.events.common import Channel as Origin
from shared.events.common import Language, Staff, TriggerLevel
from shared.events.envelope import named_id

from .letter import Commitment, Kind

# The stranger is whoever wrote about the case from an address that is not on record.
Channel = Literal["email", "sms", "post", "chat"]
Recipient = Literal["complainant", "representative", "stranger"]


class Contact(BaseModel):
    """The complainant as recorded; nothing is guessed, so what is not known is None.

    `email_dead`: mails to this address came back for good, or it is on the list of those that take none.
    """

    name: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    salutation: str | None = None
    email: str | None = None
    email_dead: bool = False
    phone: str | None = None
    subject: str | None = None


class Said(BaseModel):
    """What the last letter said about a remedy, or without one about our answer's day; `due` as in a commitment."""

    on: date
    remedy_id: str | None = None
    amount: str | None = None
    due: str


class Asked(BaseModel):
    """What the customer was asked last, until they say something, and when they were reminded of it."""

    trigger: UUID
    words: str
    on: datetime
    answer_by: datetime
    handler: Staff
    reminded: list[datetime] = []


class Speaker(BaseModel):
    """Who speaks for the customer, and whether the customer's word for that is on record."""

    contact: Contact
    authority: Literal["none", "claimed", "verified"]
    asked: bool = False  # whether the word was asked for


class Appointment(BaseModel):
    """A call that was promised for a time, until somebody has the case and can confirm it."""

    trigger: UUID
    at: datetime


class Granted(BaseModel):
    """A remedy of the last decision, as far as the letter needs it that tells of its end."""

    id: str
    type: str
    currency: str | None = None
    item: str | None = None


class Wish(BaseModel):
    """How a customer asked to be written to, and who noted it. `call`: letters are read to them on the telephone."""

    channel: Literal["email", "sms", "post", "chat", "call"] | None = None
    large_print: bool = False
    postal_address: str | None = None
    chat: str | None = None
    noted_by: str = ""


class Facts(BaseModel):
    """The complaint as letters need it: stored as one document."""

    reference: str
    kind: Literal["complaint", "question", "praise", "suggestion"] = "complaint"
    probe: Literal["pipeline", "mystery"] | None = None
    channel: Origin
    language: Language
    received_at: datetime
    trigger: UUID
    customer_id: UUID
    person: Contact = Contact()
    last_matter: str | None = None  # the cause of the customer's case before this one
    wanted: str | None = None
    order_ref: str | None = None
    product: str | None = None
    tracking_url: str | None = None
    thread: list[str] = []
    clocks: dict[str, datetime] = {}
    clocks_known: bool = False
    triaged: bool = False
    level: TriggerLevel | None = None
    vulnerable: bool = False
    handler: Staff | None = None
    handed_by: str | None = None  # who had it before it went to a queue
    asked: Asked | None = None
    doubted: list[str] = []  # addresses that were asked who they are, because nobody gave them to us
    callback: Appointment | None = None
    granted: list[Granted] = []
    speaker: Speaker | None = None
    wish: Wish | None = None
    pack: str | None = None  # the policy pack in force: whose law the customer's rights follow
    stage: int = 1
    overall: str | None = None  # of the last decision
    summary_until: datetime | None = None  # until when a summary is enough for what was settled
    decision_id: UUID | None = None
    acknowledged: bool = False
    quiet: bool = False  # the sender had an automatic answer a short while ago, or is a machine
    date_owed: bool = False
    reopening: UUID | None = None
    asked_again: bool = False
    missed: dict[str, datetime] = {}  # clocks that ran out, by kind
    said: list[Said] = []
    withdrawn: bool = False
    apologised: list[str] = []  # moments (RFC 3339) that we missed and apologised for
    owed: bool = False  # whether it was ever owed a letter: until then it has no rows but this one

    @property
    def recipient(self) -> Recipient:
        """To whom letters go: to the customer, or to who may speak for a customer that nobody can reach."""
        mute = not (self.person.email or self.person.phone)
        spoken_for = self.speaker is not None and self.speaker.authority == "verified"
        return "representative" if mute and spoken_for else "complainant"

    def seen_by(self, row: "LetterRow") -> "Facts":
        """The same for this letter's recipient: greeted by their own name, at an address of their own."""
        if row.recipient == "stranger":
            return self.model_copy(update={"person": Contact(email=row.inputs.get("stranger")), "wish": None})
        if row.recipient == "representative" and self.speaker:
            return self.model_copy(update={"person": self.speaker.contact, "wish": None})
        return self


@dataclass(slots=True)
class LetterRow:
    """One row of the ledger. `inputs` are what the letter needs beyond the complaint, kept until it is written."""

    id: UUID
    complaint_id: UUID
    trigger: UUID
    kind: Kind
    state: State
    language: Language
    automatic: bool
    recipient: str = "complainant"
    channel: Channel = "email"
    by_person: str | None = None
    decision_id: UUID | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    address: str | None = None
    to_name: str | None = None
    subject: str = ""
    text: str = ""
    template_version: str = ""
    thread: list[str] = field(default_factory=list)
    promises: list[Commitment] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    reason: str | None = None
    attempts: int = 0
    next_try_at: datetime | None = None
    deadline_at: datetime | None = None
    created_at: datetime | None = None
    stored_as: State | None = None  # the state in the database when it was loaded; None for a new row
    changed: bool = True


@dataclass(slots=True)
class Promise:
    """A promise of a letter that was sent: open, or broken."""

    id: UUID
    letter_id: UUID
    kind: Literal["date", "remedy", "callback", "update"]
    due_at: datetime
    remedy_id: str | None = None
    what: str = ""  # the sentence that made it
    made_at: datetime | None = None
    state: Literal["open", "kept", "broken", "cancelled"] = "open"
    evidence: str | None = None
    settled_at: datetime | None = None
    changed: bool = False


@dataclass(slots=True)
class Matter:
    """The state that handlers change. `facts` is None until the complaint's first event has come."""

    complaint_id: UUID
    version: int = 0
    facts: Facts | None = None
    letters: list[LetterRow] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    suppress: list[tuple[str, str]] = field(default_factory=list)  # addresses that came back, and why

    @property
    def probe(self) -> str | None:
        """What kind of probe the complaint is: no part of statistics."""
        return self.facts.probe if self.facts else None


def letter_id(trigger: UUID, kind: str, recipient: str) -> UUID:
    """The id of the letter owed for an event: the same debt, the same letter, the same Message-ID."""
    return named_id(trigger, f"letter:{kind}:{recipient}")
