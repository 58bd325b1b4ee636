"""What people do on a case between its assignment and its decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from shared.base.errors import Problem
from shared.base.uploads import Upload
from shared.events.routing import (
    CallWords,
    ContactMade,
    EnquiryAnswered,
    EnquiryOpened,
    EnquiryWords,
    Point,
    ReplyWritten,
    Words,
)
from shared.spine.effects import Effect, Emit

from ..model import Case, Enquiry, EnquiryRow, FileRow
from .flow import Actor, call_lead, first_response, move, new_id, own, require, tell, wrong

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
    preliminary: bool = False
    heard: str | None = None
    agreed: tuple[Point, ...] = ()
    asked: tuple[Point, ...] = ()


def _words(case: Case, text: str) -> dict[UUID, Words]:
    return {case.customer_id: Words(text=text)} if text and case.customer_id else {}


def contact(case: Case, said: Contact, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A contact is recorded; a reached one is a first response and answers what the customer asked."""
    require(case, "contact")
    _check_contact(case, said, now)
    contact_id, words = new_id(case, "contact"), _call_words(said)
    case.note(
        said.at, "contact", actor.name, contact_id=str(contact_id), direction=said.direction, channel=said.channel,
        outcome=said.outcome, summary=said.summary, call_id=said.call_id, heard=said.heard,
        confirmed=said.customer_confirmed_resolved or None, preliminary=said.preliminary or None,
        agreed=[p.model_dump(exclude_none=True) for p in said.agreed],
        asked=[p.model_dump(exclude_none=True) for p in said.asked],
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
            handler=actor.staff,
            preliminary=said.preliminary or None,
            personal={case.customer_id: words} if words and case.customer_id else {},
        ),
        said.at,
    )
    if said.outcome != "reached":
        case.tries += said.direction == "out"
        return
    yield from first_response(case, said.at, "contact", actor.name)
    _reached(case, said)


def _check_contact(case: Case, said: Contact, now: datetime) -> None:
    if said.at > now + CLOCK_SLACK:
        raise wrong("/at", "A contact cannot be recorded before it takes place.")
    if case.received_at and said.at < case.received_at:
        raise wrong("/at", "The contact is earlier than the case.")
    if said.outcome == "reached":
        return
    told = {
        "customer_confirmed_resolved": said.customer_confirmed_resolved, "preliminary": said.preliminary,
        "agreed": said.agreed, "asked": said.asked, "heard": said.heard,
    }  # fmt: skip
    if name := next((name for name, value in told.items() if value), None):
        raise wrong(f"/{name}", "Nobody was reached.")


def _call_words(said: Contact) -> CallWords | None:
    if not (said.summary or said.heard or said.agreed or said.asked):
        return None
    return CallWords(text=said.summary, heard=said.heard, agreed=said.agreed or None, asked=said.asked or None)


def _reached(case: Case, said: Contact) -> None:
    case.reached += 1
    case.unanswered_since = None
    case.warnings = [w for w in case.warnings if w != "callback"]
    if said.customer_confirmed_resolved:
        case.confirmed_at = case.confirmed_at or said.at
    if said.preliminary:
        case.preliminary_at = said.at
    if case.decision and said.at >= case.decision.at:
        case.decision.called_at = case.decision.called_at or said.at


def open_enquiry(
    case: Case, to: str, question: str, due: datetime, words: Sequence[str], actor: Actor, now: datetime
) -> Iterator[Effect]:
    """Another department's part, with the customer's own words and a date of its own; the case keeps its owner."""
    own(case, actor, "enquiry")
    if due <= now:
        raise wrong("/due", "The date is in the past.")
    enquiry_id = new_id(case, "enquiry")
    told = EnquiryWords(text=question, customer=tuple(words) or None)
    move(case, "enquiry")
    case.enquiries = {**case.enquiries, enquiry_id: Enquiry(to, due, now, actor.name)}
    case.pending.enquiries.append(EnquiryRow(enquiry_id, case.complaint_id, to, question, list(words), due, now))
    case.note(
        now, "enquiry", actor.name, enquiry_id=str(enquiry_id), to=to, question=question, due=due.isoformat(),
        customer=list(words),
    )  # fmt: skip
    yield from tell(
        case,
        EnquiryOpened(
            enquiry_id=enquiry_id,
            to=to,
            due=due,
            by=actor.name,
            personal={case.customer_id: told} if case.customer_id else {},
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
    case.pending.answers.append((enquiry_id, answer, now))
    case.note(now, "enquiry_answered", actor.name, enquiry_id=str(enquiry_id), to=enquiry.to, answer=answer)
    if case.state == "waiting_enquiry" and not case.open_enquiries:
        move(case, "enquiries-answered")
    yield from tell(case, EnquiryAnswered(enquiry_id=enquiry_id, at=now, by=actor.name, personal=_words(case, answer)))


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


def attach(case: Case, file: Upload, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A file joins the case, once: the same bytes under the same name are the same file."""
    require(case, "attachments")
    attachment_id = uuid5(case.complaint_id, f"routing:file:{file.name}:{file.sha256}")
    if attachment_id in case.files:
        return iter(())
    case.files = [*case.files, attachment_id]
    case.pending.files.append(
        FileRow(
            attachment_id, case.complaint_id, file.name, file.media_type, bytes.fromhex(file.sha256), file.content,
            now, actor.name,
        )
    )  # fmt: skip
    case.note(
        now, "attachment", actor.name, attachment_id=str(attachment_id), name=file.name, media_type=file.media_type,
        size=len(file.content), sha256=file.sha256,
    )  # fmt: skip
    return iter(())


def want_lead(case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """The handler wants the lead to look at it."""
    require(case, "call-lead")
    call_lead(case, "asked_by_handler")
    case.note(now, "lead_called", actor.name, reason=reason)
    return iter(())
