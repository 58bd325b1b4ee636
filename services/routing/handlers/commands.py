"""What people do on a case between its assignment and its decision."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.base.errors import Problem
from shared.events.routing import (
    CallWords,
    ContactMade,
    EnquiryAnswered,
    EnquiryOpened,
    EnquiryWords,
    InformationRequested,
    ReplyWritten,
    Words,
)
from shared.spine.effects import Effect, Emit

from ..model import Case, Enquiry
from .flow import Actor, call_lead, first_response, move, new_id, own, require, tell

CLOCK_SLACK = timedelta(minutes=2)  # how far a caller's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Contact:
    """A call or talk with the customer, as it was recorded."""

    direction: Literal["in", "out"]
    channel: str
    outcome: Literal["reached", "no_answer", "voicemail", "wrong_number"]
    at: datetime
    summary: str
    call_id: str | None = None
    customer_confirmed_resolved: bool = False


def wrong(pointer: str, detail: str) -> Problem:
    """A 422 about one field."""
    return Problem(
        422, "Unprocessable content", "Some fields are wrong.", errors=[{"pointer": pointer, "detail": detail}]
    )


def _words(case: Case, text: str) -> dict[UUID, Words]:
    return {case.customer_id: Words(text=text)} if text and case.customer_id else {}


def contact(case: Case, said: Contact, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A contact is recorded; a reached one is a first response and answers what the customer asked."""
    require(case, "contact")
    if said.at > now + CLOCK_SLACK:
        raise wrong("/at", "A contact cannot be recorded before it takes place.")
    if case.received_at and said.at < case.received_at:
        raise wrong("/at", "The contact is earlier than the case.")
    contact_id = new_id(case, "contact")
    case.note(
        said.at, "contact", actor.name, contact_id=str(contact_id), direction=said.direction, channel=said.channel,
        outcome=said.outcome, summary=said.summary, call_id=said.call_id,
        confirmed=said.customer_confirmed_resolved or None,
    )  # fmt: skip
    yield from tell(
        case,
        ContactMade(
            contact_id=contact_id,
            direction=said.direction,
            channel=said.channel,
            outcome=said.outcome,
            at=said.at,
            by=actor.name,
            call_id=said.call_id,
            customer_confirmed_resolved=said.customer_confirmed_resolved,
            personal={case.customer_id: CallWords(text=said.summary)} if said.summary and case.customer_id else {},
        ),
        said.at,
    )
    if said.outcome != "reached":
        return
    yield from first_response(case, said.at, "contact", actor.name)
    case.reached += 1
    case.unanswered_since = None
    case.warnings = [w for w in case.warnings if w != "callback"]
    if case.decision and said.at >= case.decision.at:
        case.decision.called_at = case.decision.called_at or said.at


def open_enquiry(case: Case, to: str, question: str, due: datetime, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Another department's part, with a date of its own; the case keeps its owner."""
    own(case, actor, "enquiry")
    if due <= now:
        raise wrong("/due", "The date is in the past.")
    enquiry_id = new_id(case, "enquiry")
    move(case, "enquiry")
    case.enquiries = {**case.enquiries, enquiry_id: Enquiry(to, due, now, actor.name)}
    case.note(now, "enquiry", actor.name, enquiry_id=str(enquiry_id), to=to, question=question, due=due.isoformat())
    yield from tell(
        case,
        EnquiryOpened(
            enquiry_id=enquiry_id,
            to=to,
            due=due,
            by=actor.name,
            personal={case.customer_id: EnquiryWords(text=question)} if case.customer_id else {},
        ),
    )


def answer_enquiry(case: Case, enquiry_id: UUID, answer: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """The department's answer; the last one puts the case back on its owner's desk."""
    require(case, "enquiry-answer")
    enquiry = case.enquiries.get(enquiry_id)
    if enquiry is None:
        raise Problem(404, "Not found", "There is no such enquiry.")
    if enquiry.answered_at is not None:
        raise Problem(409, "Conflict", "This enquiry is answered.")
    enquiry.answered_at = now
    case.note(now, "enquiry_answered", actor.name, enquiry_id=str(enquiry_id), to=enquiry.to, answer=answer)
    if case.state == "waiting_enquiry" and not case.open_enquiries:
        move(case, "enquiries-answered")
    yield from tell(case, EnquiryAnswered(enquiry_id=enquiry_id, at=now, by=actor.name, personal=_words(case, answer)))


def ask(case: Case, text: str, answer_by: datetime, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Ask the customer for something; the case waits for them."""
    own(case, actor, "ask")
    if answer_by <= now:
        raise wrong("/answer_by", "The date is in the past.")
    request_id = new_id(case, "ask")
    move(case, "ask")
    case.note(now, "asked", actor.name, request_id=str(request_id), text=text, answer_by=answer_by.isoformat())
    yield from tell(
        case,
        InformationRequested(
            request_id=request_id, answer_by=answer_by, handler=actor.staff, personal=_words(case, text)
        ),
    )


def reply(case: Case, text: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Write to the customer in one's own words. It answers a question, praise or suggestion for good."""
    own(case, actor, "reply")
    message_id = new_id(case, "reply")
    case.note(now, "reply", actor.name, message_id=str(message_id), text=text)
    case.unanswered_since = None
    if not case.is_complaint and case.state == "assigned":
        move(case, "answer-message")
        case.resolved_at = now
    # The writer's words are sent for questions too, so this event alone is told for every kind of case.
    yield Emit(ReplyWritten(message_id=message_id, handler=actor.staff, personal=_words(case, text)))


def note(case: Case, text: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """An internal remark; a lead's one takes the case off the list of those that want a lead."""
    require(case, "note")
    case.note(now, "note", actor.name, text=text)
    if actor.leads:
        case.lead_wanted = None
    return iter(())


@dataclass(frozen=True, slots=True)
class File:
    """A stored file by reference."""

    name: str
    media_type: str
    size: int
    sha256: str


def attach(case: Case, file: File, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A file by reference joins the case."""
    require(case, "attachments")
    case.note(
        now, "attachment", actor.name, name=file.name, media_type=file.media_type, size=file.size, sha256=file.sha256
    )
    return iter(())


def want_lead(case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """The handler wants the lead to look at it."""
    require(case, "call-lead")
    call_lead(case, "asked_by_handler")
    case.note(now, "lead_called", actor.name, reason=reason)
    return iter(())
