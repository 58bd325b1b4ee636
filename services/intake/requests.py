"""What callers may send, field by field. Strict: nothing is converted, nothing unknown is accepted."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.base.errors import Problem
from shared.base.fields import Moment
from shared.events.common import Channel, Language

MAX_TEXT = 2_000_000
Kind = Literal["complaint", "question", "praise", "suggestion"]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Words = Annotated[str, StringConstraints(max_length=2000)]
LongText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Tier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Money = Annotated[str, StringConstraints(pattern=r"^\d{1,12}(\.\d{1,4})?( [A-Z]{3})?$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CustomerIn(Body):
    """What the channel knows of the customer. `external_id` is the id in the company's own directory."""

    name: Short | None = None
    family_name: Short | None = None
    given_name: Short | None = None
    salutation: Annotated[str, StringConstraints(max_length=40)] | None = None
    email: Annotated[str, StringConstraints(max_length=320)] | None = None
    phone: Annotated[str, StringConstraints(max_length=40)] | None = None
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    language: Language | None = None
    tier: Tier | None = Field(None, description="Counts only from keys with the scope `tier`")


class ComplainantIn(Body):
    """Somebody who speaks for the customer."""

    name: Short
    contact: Short
    relation: Short
    authority: Literal["none", "claimed", "verified"]


class WantedIn(Body):
    kind: Literal["refund", "exchange", "repair", "apology", "explanation", "compensation", "correction", "other"]
    text: Words | None = None


class AttachmentIn(Body):
    """A file, its content in base64. It is kept as what its bytes are, pictures without their place; no programs."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    media_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]{1,100}/[\w.+-]{1,100}$")]
    content: Annotated[str, StringConstraints(max_length=35_000_000)]


class ComplaintIn(Body):
    """One complaint (or question, praise, suggestion) as a channel sends it."""

    kind: Kind = "complaint"
    channel: Channel
    customer: CustomerIn
    complainant: ComplainantIn | None = None
    subject: Line | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
    expected: Words | None = None
    wanted: WantedIn | None = None
    issues: Annotated[tuple[Annotated[str, StringConstraints(max_length=500)], ...], Field(max_length=10)] = ()
    order_ref: Short | None = None
    product: Short | None = None
    site: Short | None = None
    source: Short | None = Field(None, description="Where in the channel it came from, for example a page or shop")
    value_at_stake: Money | None = Field(None, description='Decimal, with a currency if known: "799.00 CNY"')
    occurred_at: Moment | None = None
    received_at: Moment | None = Field(
        None, description="When any part of the company received it; default now; never in the future"
    )
    received_reason: Line | None = Field(None, description="Why received_at is more than two days ago; needed then")
    attachments: Annotated[tuple[AttachmentIn, ...], Field(max_length=10)] = ()
    probe: Literal["pipeline", "mystery"] | None = Field(None, description="Counts only from keys with scope `probe`")


class Accepted(BaseModel):
    """The answer to a complaint that is kept. `pin` stands here only when the customer gave no contact.

    `tracking_url` opens the page in the customer's name: channels and services have it, people who work here do not.
    """

    complaint_id: UUID
    reference: str
    status: Literal["received"] = "received"
    tracking_url: str | None = None
    pin: str | None = None


class CallerIn(Body):
    """Who called. A masked or missing number is no error."""

    phone: Annotated[str, StringConstraints(max_length=40)] | None = None
    name: Short | None = None
    family_name: Short | None = None
    given_name: Short | None = None
    salutation: Annotated[str, StringConstraints(max_length=40)] | None = None
    email: Annotated[str, StringConstraints(max_length=320)] | None = None
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    language: Language | None = None
    tier: Tier | None = None


class CallIn(Body):
    """What the telephone system knows of one call so far; more may follow under the same `call_id`."""

    call_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    caller: CallerIn = CallerIn()
    reference: Annotated[str, StringConstraints(max_length=40)] | None = None
    agent: Short | None = None
    queued_at: Moment | None = None
    answered_at: Moment | None = None
    started_at: Moment
    ended_at: Moment | None = None
    abandoned: bool | None = None
    transfers: Annotated[int, Field(ge=0, le=1000)] | None = None
    queue: Short | None = None
    ivr_path: Line | None = None
    recording_ref: Line | None = None
    recording_consent: bool | None = None
    transcript: LongText | None = None
    notes: LongText | None = None
    callback_promised_at: Moment | None = None


class CallOut(BaseModel):
    outcome: Literal["complaint", "reply", "chase", "question", "abandoned"]
    complaint_id: UUID | None = None
    reference: str | None = None


class MailOut(BaseModel):
    outcome: Literal[
        "complaint", "reply", "chase", "question", "praise", "suggestion", "duplicate", "auto_reply", "bounce", "spam",
        "quarantined", "pending",
    ]  # fmt: skip
    raw_id: UUID | None = None
    complaint_id: UUID | None = None
    reference: str | None = None


class SayIn(Body):
    """A later word of the customer about a complaint: a message, or why they accept, dispute, withdraw or ask."""

    text: LongText | None = None
    channel: Channel = "web"
    promised_at: Moment | None = Field(None, description="call-me: the time that an agent promised, if one did")
    attachments: Annotated[tuple[AttachmentIn, ...], Field(max_length=10)] = ()


class DirectoryIn(Body):
    """One customer of the company's directory. What is not given is removed."""

    name: Short | None = None
    family_name: Short | None = None
    given_name: Short | None = None
    salutation: Annotated[str, StringConstraints(max_length=40)] | None = None
    tier: Tier
    language: Language | None = None
    relation: Short | None = Field(None, description="inactive, prospect, watching, ...; free for the company")
    emails: Annotated[tuple[Annotated[str, StringConstraints(max_length=320)], ...], Field(max_length=20)] = ()
    phones: Annotated[tuple[Annotated[str, StringConstraints(max_length=40)], ...], Field(max_length=20)] = ()
    since: Moment | None = None


class DirectoryLine(DirectoryIn):
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=100)]


def wrong(pointer: str, detail: str) -> Problem:
    """The 422 for one field."""
    return Problem(
        422, "Unprocessable content", "Some fields are wrong.", errors=[{"pointer": pointer, "detail": detail}]
    )
