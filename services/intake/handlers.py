"""What intake does with an event of another service: it keeps the customer's view of the complaint true. Pure.

Nothing is decided here and nothing follows; intake's own events come from commands.py (a known complaint) and
admission.py (a new one). Every handler is total: it takes its event in any state, also for an unknown complaint.
"""

from collections.abc import Iterable
from datetime import datetime

from shared.events import escalation, notifier, routing
from shared.events.envelope import Event
from shared.spine.effects import Effect, Handlers

from .model import Case, Clock, Letter

NOTHING: tuple[Effect, ...] = ()


def on_triaged(case: Case, event: Event[routing.ComplaintTriaged], now: datetime) -> Iterable[Effect]:
    case.cause = event.data.cause
    return NOTHING


def on_assigned(case: Case, event: Event[routing.ComplaintAssigned], now: datetime) -> Iterable[Effect]:
    case.handler, case.lead = event.data.handler, event.data.lead
    if case.stage == "received":
        case.stage = "assigned"
    case.note(event.time, "assigned", role=event.data.handler.role_title, name=event.data.handler.name)
    return NOTHING


def on_transferred(case: Case, event: Event[routing.ComplaintTransferred], now: datetime) -> Iterable[Effect]:
    case.handler = event.data.handler
    if case.handler:
        case.note(event.time, "assigned", role=case.handler.role_title, name=case.handler.name)
    else:
        case.note(event.time, "transferred")
    return NOTHING


def on_contact(case: Case, event: Event[routing.ContactMade], now: datetime) -> Iterable[Effect]:
    if event.data.outcome == "reached":
        case.note(event.data.at, "contact_in" if event.data.direction == "in" else "contact_out")
    elif event.data.direction == "out":
        case.note(event.data.at, "contact_missed")
    return NOTHING


def on_information_requested(case: Case, event: Event[routing.InformationRequested], now: datetime) -> Iterable[Effect]:
    words = next(iter(event.data.personal.values()), None)
    case.asked, case.answer_by = (words.text if words else ""), event.data.answer_by
    if case.open:
        case.stage = "waiting_customer"
    case.note(event.time, "asked", by=event.data.answer_by)
    return NOTHING


def on_enquiry_opened(case: Case, event: Event[routing.EnquiryOpened], now: datetime) -> Iterable[Effect]:
    case.note(event.time, "enquiry")
    return NOTHING


def on_enquiry_answered(case: Case, event: Event[routing.EnquiryAnswered], now: datetime) -> Iterable[Effect]:
    case.note(event.data.at, "enquiry_answered")
    return NOTHING


def on_decided(case: Case, event: Event[routing.ComplaintDecided], now: datetime) -> Iterable[Effect]:
    case.overall, case.handler = event.data.overall, event.data.handler
    case.lead = event.data.lead or case.lead
    case.stage, case.asked, case.answer_by = "decided", None, None
    case.note(event.time, "decided")
    return NOTHING


def on_remedy(case: Case, event: Event[routing.RemedyCarriedOut], now: datetime) -> Iterable[Effect]:
    case.note(event.data.at, "remedy")
    return NOTHING


def on_resolved(case: Case, event: Event[routing.ComplaintResolved], now: datetime) -> Iterable[Effect]:
    case.stage = "resolved"
    case.note(event.data.at, "resolved")
    return NOTHING


def on_reopened(case: Case, event: Event[routing.ComplaintReopened], now: datetime) -> Iterable[Effect]:
    case.stage, case.overall = "assigned" if case.handler else "received", None
    case.note(event.data.at, "reopened")
    return NOTHING


def on_closed(case: Case, event: Event[routing.ComplaintClosed], now: datetime) -> Iterable[Effect]:
    if event.data.reason != "withdrawn" and case.stage != "withdrawn":
        case.stage = "closed"
        case.note(event.data.at, "closed")
    return NOTHING


def on_referred(case: Case, event: Event[routing.ComplaintReferredOutside], now: datetime) -> Iterable[Effect]:
    case.stage = "referred"
    case.note(event.data.at, "referred", body=event.data.body)
    return NOTHING


def on_clocks(case: Case, event: Event[escalation.ClocksChanged], now: datetime) -> Iterable[Effect]:
    case.clocks = [Clock(c.kind, c.state, c.due_at) for c in event.data.clocks]
    return NOTHING


def on_letter(case: Case, event: Event[notifier.LetterSent], now: datetime) -> Iterable[Effect]:
    sent = event.data
    words = next(iter(sent.personal.values()), notifier.LetterText())
    case.new_letters.append(
        Letter(
            sent.letter_id,
            sent.kind,
            sent.language,
            sent.message_id,
            sent.sent_at,
            words.subject,
            words.text,
            sent.decision_id,
        )
    )
    if sent.kind in ("resolution", "final") and case.stage == "decided":
        case.stage = "answered"
    case.note(sent.sent_at, "letter", kind=sent.kind, letter=str(sent.letter_id))
    return NOTHING


def on_promise_kept(case: Case, event: Event[notifier.PromiseKept], now: datetime) -> Iterable[Effect]:
    case.note(event.data.kept_at, "promise_kept")
    return NOTHING


HANDLERS: Handlers[Case] = {
    routing.ComplaintTriaged: on_triaged,
    routing.ComplaintAssigned: on_assigned,
    routing.ComplaintTransferred: on_transferred,
    routing.ContactMade: on_contact,
    routing.InformationRequested: on_information_requested,
    routing.EnquiryOpened: on_enquiry_opened,
    routing.EnquiryAnswered: on_enquiry_answered,
    routing.ComplaintDecided: on_decided,
    routing.RemedyCarriedOut: on_remedy,
    routing.ComplaintResolved: on_resolved,
    routing.ComplaintReopened: on_reopened,
    routing.ComplaintClosed: on_closed,
    routing.ComplaintReferredOutside: on_referred,
    escalation.ClocksChanged: on_clocks,
    notifier.LetterSent: on_letter,
    notifier.PromiseKept: on_promise_kept,
}
