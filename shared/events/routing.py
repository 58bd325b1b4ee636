"""What routing says: who handles a complaint, and the state of the work on it."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from .common import Cause, Decision, Language, Overall, Remedy, Severity, Staff, TriggerLevel
from .envelope import Frozen, Payload


class _Routing(Payload):
    emitter: ClassVar[str] = "routing"


class Trigger(Frozen):
    """A hard trigger that fired, by the id of its rule; the words that fired it are personal."""

    level: TriggerLevel
    rule: str


class SkillNeed(Frozen):
    skill: str
    minimum: int


class Evidence(Frozen):
    """Words of the customer that a judgement rests on."""

    spans: tuple[str, ...] = ()


class Words(Frozen):
    """Free text about the complainant, written by either side."""

    text: str


class DecisionWords(Frozen):
    """The decision record holds the customer's matter in words, so all of it is the complainant's."""

    record: Decision


class ComplaintTriaged(_Routing):
    """Cause, severity and what the case needs were found; `decided_by` names the rules."""

    type: ClassVar[str] = "complaint.triaged.v1"
    cause: Cause
    severity: Severity
    triggers: tuple[Trigger, ...] = ()
    vulnerable: bool = False
    needs: tuple[str, ...] = ()
    skills: tuple[SkillNeed, ...] = ()
    queue: str
    tier: str
    language: Language
    decided_by: tuple[str, ...] = ()
    personal: dict[UUID, Evidence] = {}


class OfferMade(_Routing):
    """A handler was offered the case until `expires_at`."""

    type: ClassVar[str] = "complaint.offer-made.v1"
    offer_id: UUID
    handler_id: str
    expires_at: datetime


class OfferEnded(_Routing):
    """The offer was accepted, declined with a reason, ran out, or was taken back."""

    type: ClassVar[str] = "complaint.offer-ended.v1"
    offer_id: UUID
    handler_id: str
    outcome: Literal["accepted", "declined", "expired", "revoked"]
    reason: str | None = None


class ComplaintAssigned(_Routing):
    """One person owns the case from now on."""

    type: ClassVar[str] = "complaint.assigned.v1"
    handler: Staff
    lead: Staff | None = None
    mode: Literal["offer", "push", "lead"]
    offer_id: UUID | None = None


class ComplaintTransferred(_Routing):
    """The case went to another person or queue, with the reason."""

    type: ClassVar[str] = "complaint.transferred.v1"
    from_handler: str
    handler: Staff | None = None
    queue: str | None = None
    by: str
    reason: str


class ComplaintUnroutable(_Routing):
    """Nobody fits the case, even with everything relaxed that may be relaxed."""

    type: ClassVar[str] = "complaint.unroutable.v1"
    queue: str
    reasons: tuple[str, ...]


class RequirementsRelaxed(_Routing):
    """The case waited so long that requirements were dropped."""

    type: ClassVar[str] = "complaint.requirements-relaxed.v1"
    step: int
    dropped: tuple[str, ...]
    reason: str


class ContactMade(_Routing):
    """Somebody spoke, or tried to speak, with the customer."""

    type: ClassVar[str] = "complaint.contact-made.v1"
    contact_id: UUID
    direction: Literal["in", "out"]
    channel: str
    outcome: Literal["reached", "no_answer", "voicemail", "wrong_number"]
    at: datetime
    by: str
    call_id: str | None = None
    customer_confirmed_resolved: bool = False
    personal: dict[UUID, Words] = {}


class FirstResponseGiven(_Routing):
    """The first response by a person: a reached contact, or a message that a person wrote and that was sent."""

    type: ClassVar[str] = "complaint.first-response-given.v1"
    at: datetime
    how: Literal["contact", "letter"]
    by: str


class InformationRequested(_Routing):
    """The customer is asked for something; pausable clocks pause until `answer_by` or the answer."""

    type: ClassVar[str] = "complaint.information-requested.v1"
    request_id: UUID
    answer_by: datetime
    handler: Staff
    personal: dict[UUID, Words]


class ReplyWritten(_Routing):
    """A handler wrote to the customer in their own words."""

    type: ClassVar[str] = "complaint.reply-written.v1"
    message_id: UUID
    handler: Staff
    personal: dict[UUID, Words]


class EnquiryOpened(_Routing):
    """Another department is asked; the case keeps its owner."""

    type: ClassVar[str] = "complaint.enquiry-opened.v1"
    enquiry_id: UUID
    to: str
    due: datetime
    by: str
    personal: dict[UUID, Words] = {}


class EnquiryAnswered(_Routing):
    """The department answered."""

    type: ClassVar[str] = "complaint.enquiry-answered.v1"
    enquiry_id: UUID
    at: datetime
    by: str
    personal: dict[UUID, Words] = {}


class ComplaintDecided(_Routing):
    """The decision is made; the letter that tells it is owed. `personal` holds the record in words.

    `authority`: currency → the largest sum that its signatory may grant alone, where one is set.
    """

    type: ClassVar[str] = "complaint.decided.v1"
    decision_id: UUID
    stage: int
    overall: Overall
    cause: Cause
    remedies: tuple[Remedy, ...] = ()
    handler: Staff
    lead: Staff | None = None
    authority: dict[str, str] | None = None
    personal: dict[UUID, DecisionWords]


class RemedyCarriedOut(_Routing):
    """A remedy was really carried out; `evidence` says how we know."""

    type: ClassVar[str] = "complaint.remedy-carried-out.v1"
    decision_id: UUID
    remedy_id: str
    at: datetime
    evidence: str
    by: str


class ComplaintResolved(_Routing):
    """Decided, told, and every remedy carried out."""

    type: ClassVar[str] = "complaint.resolved.v1"
    at: datetime
    by: str


class ComplaintReopened(_Routing):
    """Work starts again; `count` is how often, `stage` 2 means another person."""

    type: ClassVar[str] = "complaint.reopened.v1"
    at: datetime
    by: str
    count: int
    stage: int
    reason: str


class ComplaintClosed(_Routing):
    """Nothing is left to do."""

    type: ClassVar[str] = "complaint.closed.v1"
    at: datetime
    by: str
    reason: Literal["accepted", "resolved", "no_answer", "withdrawn", "final"]


class ComplaintReferredOutside(_Routing):
    """An outside body has the complaint now."""

    type: ClassVar[str] = "complaint.referred-outside.v1"
    at: datetime
    body: str
    by: str
