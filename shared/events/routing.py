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


class Point(Frozen):
    """One thing that was agreed, or that the customer is asked to do: `who` ("we", "I") does `what` by the ISO date."""

    what: str
    by: str
    who: Literal["we", "I"] | None = None


class CallWords(Words):
    """What was said in a contact: `heard` is the customer's view, `agreed` what we do, `asked` what they do."""

    heard: str | None = None
    agreed: tuple[Point, ...] | None = None
    asked: tuple[Point, ...] | None = None


class EnquiryWords(Words):
    """`text` is our question to the department, `customer` the customer's own words, the latest last."""

    customer: tuple[str, ...] | None = None


class CorrectionWords(Words):
    """What an earlier letter said (`wrong`, a whole sentence of it) and what is right; `text` is the writer's own."""

    wrong: str
    right: str


class ReferralWords(Frozen):
    """Why it lies with others, and what we looked at before we said so."""

    reason: str | None = None
    examined: tuple[str, ...] = ()


class BehalfWords(Frozen):
    """For whom the complainant speaks."""

    on_behalf_of: str


class AddressWords(Frozen):
    """The address from which a message came that the case's record does not know."""

    email: str


class DecisionWords(Frozen):
    """The decision record holds the customer's matter in words, so all of it is the complainant's."""

    record: Decision


class ComplaintTriaged(_Routing):
    """Cause, severity and what the case needs were found; `decided_by` names the rules and features that decided.

    `repeat`: the customer had a complaint with the same cause in the last 30 days. `duty`, for danger to life: the duty
    lead at this moment, and who follows when nobody answers.
    """

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
    repeat: bool | None = None
    duty: tuple[Staff, ...] | None = None
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


class HandlerSetAway(_Routing):
    """So many offers expired at a handler one after the other that he is taken to be away; this was the last one."""

    type: ClassVar[str] = "complaint.handler-set-away.v1"
    handler_id: str
    offer_id: UUID
    expired_in_row: int


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
    """Somebody spoke, or tried to speak, with the customer.

    What was agreed stands in `personal`: then a summary of the call is owed, signed by `handler`. `preliminary`: the
    solution that we have in mind was told to the customer before it was decided.
    """

    type: ClassVar[str] = "complaint.contact-made.v1"
    contact_id: UUID
    direction: Literal["in", "out"]
    channel: str
    outcome: Literal["reached", "no_answer", "voicemail", "wrong_number"]
    at: datetime
    by: str
    call_id: str | None = None
    customer_confirmed_resolved: bool = False
    handler: Staff | None = None
    preliminary: bool | None = None
    personal: dict[UUID, CallWords] = {}


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


class AuthorityRequested(_Routing):
    """Who speaks for somebody else is asked for a word from that person; no clock waits for it."""

    type: ClassVar[str] = "complaint.authority-requested.v1"
    request_id: UUID
    answer_by: datetime
    handler: Staff
    personal: dict[UUID, BehalfWords]


class VerificationRequested(_Routing):
    """A message about the case came from an address that the record does not know: its writer is asked who they are.

    `personal` names the address under the request's id, because it may be a stranger's.
    """

    type: ClassVar[str] = "complaint.verification-requested.v1"
    request_id: UUID
    answer_by: datetime
    message_at: datetime
    handler: Staff
    personal: dict[UUID, AddressWords]


class CorrectionWritten(_Routing):
    """A letter that was sent said something wrong: `letter_id` and `letter_on` (ISO date) say which."""

    type: ClassVar[str] = "complaint.correction-written.v1"
    message_id: UUID
    letter_id: UUID | None = None
    letter_on: str
    handler: Staff
    personal: dict[UUID, CorrectionWords]


class EnquiryOpened(_Routing):
    """Another department is asked, with the customer's own words; the case keeps its owner."""

    type: ClassVar[str] = "complaint.enquiry-opened.v1"
    enquiry_id: UUID
    to: str
    due: datetime
    by: str
    personal: dict[UUID, EnquiryWords] = {}


class EnquiryAnswered(_Routing):
    """The department answered."""

    type: ClassVar[str] = "complaint.enquiry-answered.v1"
    enquiry_id: UUID
    at: datetime
    by: str
    personal: dict[UUID, Words] = {}


class ComplaintDecided(_Routing):
    """The decision is made; the letter that tells it is owed. `personal` holds the record in words.

    `authority`: currency → the largest sum that its signatory may grant alone, where one is set. `stage` 2 is the
    final answer; `deadlock`: both sides keep their view, and the customer need not wait to take it further.
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
    deadlock: bool | None = None
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
    """Decided, told, and every remedy carried out; or settled on the spot.

    `summary`: settled without a written decision, and the customer said so at `accepted_at`; `personal` says how it
    was settled, `handler` signs the letter that is owed for it.
    """

    type: ClassVar[str] = "complaint.resolved.v1"
    at: datetime
    by: str
    summary: bool | None = None
    accepted_at: datetime | None = None
    handler: Staff | None = None
    personal: dict[UUID, Words] | None = None


class ComplaintReopened(_Routing):
    """Work starts again; `count` is how often, `stage` 2 means another person."""

    type: ClassVar[str] = "complaint.reopened.v1"
    at: datetime
    by: str
    count: int
    stage: int
    reason: str


class ComplaintClosed(_Routing):
    """Nothing is left to do. `no_answer`: what was asked at `asked_at` found no answer, in spite of the reminders."""

    type: ClassVar[str] = "complaint.closed.v1"
    at: datetime
    by: str
    asked_at: datetime | None = None
    reminded_at: tuple[datetime, ...] | None = None
    reason: Literal["accepted", "resolved", "no_answer", "withdrawn", "final"]


class ComplaintReferredOutside(_Routing):
    """Somebody outside has the complaint now.

    `how`: `referred` to a body that decides between us and the customer (also when it is missing), `forwarded` to the
    firm whose matter it is, `out_of_scope`: others decide about it, and the customer turns to them. `contact` and
    `reference` are theirs; `answer_by` (ISO date): by when they answer, or the customer has to write there;
    `file_by` (ISO date): by when they have our file.
    """

    type: ClassVar[str] = "complaint.referred-outside.v1"
    at: datetime
    body: str
    by: str
    how: Literal["referred", "forwarded", "out_of_scope"] | None = None
    contact: str | None = None
    reference: str | None = None
    answer_by: str | None = None
    file_by: str | None = None
    handler: Staff | None = None
    personal: dict[UUID, ReferralWords] | None = None


class OutsideDecided(_Routing):
    """An outside body has decided: `binding` when we are bound by it; `remedies` are what it makes us do."""

    type: ClassVar[str] = "complaint.outside-decided.v1"
    decision_id: UUID
    body: str
    outcome: Literal["upheld", "partly", "not_upheld", "settled", "discontinued"]
    decided_at: datetime
    binding: bool
    reference: str | None = None
    remedies: tuple[Remedy, ...] = ()
    by: str
