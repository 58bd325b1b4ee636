"""What a customer says later, and what intake finds out: each is noted, and some of it moves the case."""

from collections.abc import Iterator
from datetime import datetime

from shared.events.envelope import Event
from shared.events.intake import (
    BounceReceived,
    CallbackRequested,
    ComplaintChased,
    ComplaintsLinked,
    ComplaintsUnlinked,
    ComplaintWithdrawn,
    CustomerReplied,
    ManagerRequested,
    OutcomeAccepted,
    OutcomeDisputed,
    Person,
    ReopenRequested,
)
from shared.spine.effects import Disarm, Effect

from .. import states
from ..model import Case
from ..policy import Closing
from .decisions import reopen_case
from .ending import NO_ANSWER_TIMER, Ending
from .flow import SYSTEM, call_lead, end_offer, move, release, sent_files, warn

Said = (
    CustomerReplied
    | ComplaintChased
    | ComplaintWithdrawn
    | ReopenRequested
    | OutcomeAccepted
    | OutcomeDisputed
    | ManagerRequested
    | CallbackRequested
)


def _said(case: Case, event: Event[Said], what: str) -> None:
    data = event.data
    person = data.personal.get(data.customer_id, Person())
    files = sent_files(data.attachments, person) if isinstance(data, CustomerReplied) else None
    case.note(
        data.received_at, what, "customer", channel=data.channel, subject=person.subject, text=person.text,
        files=files or None,
    )  # fmt: skip
    if isinstance(data, CustomerReplied | ComplaintChased | ReopenRequested) and data.unknown_sender:
        stranger = data.personal.get(data.unknown_sender, Person())
        case.note(data.received_at, "unknown_sender", "customer", address=stranger.email)


def _wants_answer(case: Case, at: datetime) -> None:
    case.unanswered_since = case.unanswered_since or at


def on_customer_replied(case: Case, event: Event[CustomerReplied], now: datetime) -> Iterator[Effect]:
    """The customer wrote: their message wants an answer, and a case that waited for them goes on."""
    if case.known:
        _said(case, event, "customer_replied")
        _wants_answer(case, event.data.received_at)
        if case.asked is not None:
            case.asked = None
            yield Disarm(NO_ANSWER_TIMER)
        if states.possible(case.state, "customer-replied"):
            move(case, "customer-replied")
        if case.state == "closed" and case.close_reason == "no_answer":
            # That it opens again with their word is what the letter of the closing told them.
            yield from reopen_case(case, now, by="customer", reason="answer_after_closing")


def on_chased(case: Case, event: Event[ComplaintChased], now: datetime) -> Iterator[Effect]:
    """The customer asks where the answer stays; the third time in a week concerns the lead."""
    if case.known:
        _said(case, event, "chased")
        case.chases += 1
        _wants_answer(case, event.data.received_at)
        if event.data.count_7d >= 3:
            call_lead(case, "chased_three_times")
    return iter(())


def on_withdrawn(case: Case, event: Event[ComplaintWithdrawn], now: datetime, closing: Closing) -> Iterator[Effect]:
    """Whatever is open ends; an open offer is taken back."""
    if not case.known or not states.possible(case.state, "withdraw"):
        return
    _said(case, event, "withdrawn")
    yield from end_offer(case, "revoked", now, "withdrawn")
    move(case, "withdraw")
    case.unanswered_since, case.lead_wanted, case.needs, case.asked = None, None, [], None
    yield Disarm(NO_ANSWER_TIMER)
    yield Ending.later(now, closing.withdrawn)


def on_reopen_requested(case: Case, event: Event[ReopenRequested], now: datetime) -> Iterator[Effect]:
    """Resolved or closed: reopened with its owner. Otherwise it is a message that wants an answer."""
    if not case.known:
        return
    _said(case, event, "reopen_requested")
    if states.possible(case.state, "reopen"):
        yield from reopen_case(case, now, by="customer", reason="customer_request")
    _wants_answer(case, event.data.received_at)


def on_outcome_accepted(case: Case, event: Event[OutcomeAccepted], now: datetime) -> Iterator[Effect]:
    """The customer is content with the outcome; the case can be closed once everything promised is done."""
    if case.known and states.possible(case.state, "customer-accepts"):
        _said(case, event, "outcome_accepted")
        case.accepted_at = event.data.received_at
        case.confirmed_at = case.confirmed_at or case.accepted_at
    return iter(())


def on_outcome_disputed(case: Case, event: Event[OutcomeDisputed], now: datetime) -> Iterator[Effect]:
    """The second stage: another person looks at it anew. In any other state it is a message."""
    if not case.known:
        return iter(())
    _said(case, event, "outcome_disputed")
    if states.possible(case.state, "dispute") and case.stage == 1:
        move(case, "dispute")
        case.stage, case.accepted_at = 2, None
        if case.decision and case.decision.by not in case.deciders:
            case.deciders = [*case.deciders, case.decision.by]
        if case.handler and case.handler.id not in case.deciders:
            case.deciders = [*case.deciders, case.handler.id]
        release(case, now)
    else:
        _wants_answer(case, event.data.received_at)
    return iter(())


def on_manager_requested(case: Case, event: Event[ManagerRequested], now: datetime) -> Iterator[Effect]:
    """The customer wants a manager: the lead sees it at once."""
    if case.known:
        _said(case, event, "manager_requested")
        call_lead(case, "manager_requested")
        _wants_answer(case, event.data.received_at)
    return iter(())


def on_callback_requested(case: Case, event: Event[CallbackRequested], now: datetime) -> Iterator[Effect]:
    """The customer wants a call; a reached contact answers it."""
    if case.known:
        _said(case, event, "callback_requested")
        _wants_answer(case, event.data.received_at)
        warn(case, "callback")
    return iter(())


def on_linked(case: Case, event: Event[ComplaintsLinked], now: datetime) -> Iterator[Effect]:
    """Two complaints are one matter; each keeps its own life."""
    if case.known and event.data.other_complaint_id not in case.links:
        case.links = [*case.links, event.data.other_complaint_id]
        case.note(now, "linked", event.data.by, other=str(event.data.other_complaint_id))
    return iter(())


def on_unlinked(case: Case, event: Event[ComplaintsUnlinked], now: datetime) -> Iterator[Effect]:
    """The link was wrong."""
    if case.known and event.data.other_complaint_id in case.links:
        case.links = [c for c in case.links if c != event.data.other_complaint_id]
        case.note(now, "unlinked", event.data.by, other=str(event.data.other_complaint_id))
    return iter(())


def on_bounced(case: Case, event: Event[BounceReceived], now: datetime) -> Iterator[Effect]:
    """A letter came back: somebody has to find another way to the customer."""
    if case.known:
        case.note(now, "bounced", SYSTEM, status=event.data.status, permanent=event.data.permanent)
        if event.data.permanent:
            warn(case, "address_fails")
    return iter(())
