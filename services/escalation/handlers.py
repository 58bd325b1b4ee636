"""What each event means for the clocks: note the fact, then let the machine settle.

Every handler is total: an unexpected but well-formed event adds a fact that changes nothing.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from shared.events import intake, notifier, routing
from shared.events.envelope import Event
from shared.spine.effects import Effect, Handlers, Timer

from . import ladder
from .book import PolicyBook
from .facts import Given, Question, Times, note, note_by, plausible
from .machine import PAUSE_END, Machine
from .model import Case

Effects = Iterable[Effect]
LONGEST_WAIT = timedelta(days=366)
# A paying system's reference: a word with a number in it, such as `TR-2026-0142` or `payment 8841`.
_REFERENCE = re.compile(r"\d{2,}")


class Escalation:
    """The handlers, under the policies of a book."""

    def __init__(self, book: PolicyBook) -> None:
        self.book, self.machine = book, Machine(book)

    def concerns(self, event: Event[Any]) -> bool:
        """Whether an event means anything to clocks: most promises of letters have none of their own."""
        return not isinstance(event.data, notifier.PromiseMade) or event.data.kind in ("remedy", "callback")

    # What the customer does --------------------------------------------------------------------------------------

    def on_received(self, case: Case, event: Event[intake.ComplaintReceived], now: datetime) -> Effects:
        """The clocks start, at the time when the company had the complaint; its policies are pinned."""
        case.probe = event.data.probe
        if case.probe == "pipeline":
            return ()  # nobody waits for an answer: no clock
        if case.received_at is None:
            data = event.data
            case.received_at = data.received_at if plausible(data.received_at) else event.time
            case.tier, case.channel, case.language = data.customer.tier, data.channel, data.customer.language
            case.product = data.product
            case.pins = self.book.pins(case.received_at, case.language)
        return self.machine.settle(case, now, rematch=True)

    def on_replied(self, case: Case, event: Event[intake.CustomerReplied], now: datetime) -> Effects:
        note(case.replies, event.data.received_at)
        return self.machine.settle(case, now)

    def on_withdrawn(self, case: Case, event: Event[intake.ComplaintWithdrawn], now: datetime) -> Effects:
        note(case.ended, event.data.received_at)
        return self.machine.settle(case, now)

    def on_callback_requested(self, case: Case, event: Event[intake.CallbackRequested], now: datetime) -> Effects:
        given = case.callbacks.setdefault(str(event.data.request_id), Given())
        given.begin(event.data.received_at, event.data.promised_at)
        return self.machine.settle(case, now, rematch=True)

    def on_customer_changed(self, case: Case, event: Event[intake.CustomerChanged], now: datetime) -> Effects:
        """A higher tier or another country's calendar tightens; what was promised is never loosened."""
        if case.received_at is not None:
            case.tier, case.language = event.data.customer.tier, event.data.customer.language
        return self.machine.settle(case, now, rematch=True)

    def on_accepted(self, case: Case, event: Event[intake.OutcomeAccepted], now: datetime) -> Effects:
        note(case.agreed, event.data.received_at)
        return self.machine.settle(case, now, rematch=True)

    def on_disputed(self, case: Case, event: Event[intake.OutcomeDisputed], now: datetime) -> Effects:
        """After the outcome was told this is the second stage, with clocks of its own."""
        note(case.disputed, event.data.received_at)
        return self.machine.settle(case, now, rematch=True)

    def on_bounced(self, case: Case, event: Event[intake.BounceReceived], now: datetime) -> Effects:
        """A letter that came back told the customer nothing: what it had stopped runs on."""
        data = event.data
        if not data.permanent or not data.letter_message_id or data.letter_message_id in case.bounced:
            return ()
        case.bounced = [*case.bounced[-49:], data.letter_message_id]
        if data.letter_message_id not in case.sent:
            return ()
        kind, at = case.sent.pop(data.letter_message_id)
        for times in _told_by(case, kind):
            if at in times:
                times.remove(at)
        return self.machine.settle(case, now, rematch=True, undone=True)

    # What we do --------------------------------------------------------------------------------------------------

    def on_triaged(self, case: Case, event: Event[routing.ComplaintTriaged], now: datetime) -> Effects:
        data, anew = event.data, bool(case.triaged)
        note(case.triaged, event.time)
        case.cause, case.severity, case.needs, case.vulnerable = data.cause, data.severity, data.needs, data.vulnerable
        case.triggers = sorted({t.level for t in data.triggers})
        case.duty = [lead.model_dump() for lead in data.duty] if data.duty else case.duty
        return self.machine.settle(case, now, rematch=True, begins_only=not anew)

    def on_assigned(self, case: Case, event: Event[routing.ComplaintAssigned], now: datetime) -> Effects:
        """Accepting an offer is something that a person did; being given a case is not."""
        case.handler = event.data.handler.model_dump()
        case.lead = event.data.lead.model_dump() if event.data.lead else case.lead
        note(case.assigned, event.time)
        if event.data.mode == "offer":
            note_by(case.acts, event.time, event.data.handler.id)
        return self.machine.settle(case, now, rematch=True, begins_only=not case.transfers)

    def on_transferred(self, case: Case, event: Event[routing.ComplaintTransferred], now: datetime) -> Effects:
        """A hand-off begins: it ends when somebody else does something for the customer."""
        case.handler = event.data.handler.model_dump() if event.data.handler else None
        note_by(case.transfers, event.time, event.data.from_handler)
        return self.machine.settle(case, now, rematch=True)

    def on_contact(self, case: Case, event: Event[routing.ContactMade], now: datetime) -> Effects:
        """Only a contact in which somebody was reached counts. One that the customer made answers our questions."""
        data = event.data
        if data.outcome != "reached":
            return ()
        note(case.reached, data.at)
        note_by(case.acts, data.at, data.by)
        note(case.called if data.direction == "out" else case.replies, data.at)
        return self.machine.settle(case, now, rematch=True)

    def on_first_response(self, case: Case, event: Event[routing.FirstResponseGiven], now: datetime) -> Effects:
        note(case.responded, event.data.at)
        note_by(case.acts, event.data.at, event.data.by)
        return self.machine.settle(case, now)

    def on_information_requested(
        self, case: Case, event: Event[routing.InformationRequested], now: datetime
    ) -> Effects:
        """Pausable clocks wait for the answer, at most until `answer_by`. The third question concerns the lead."""
        key, answer_by = str(event.data.request_id), min(event.data.answer_by, event.time + LONGEST_WAIT)
        if key in case.questions:
            return
        case.questions[key] = Question(event.time, answer_by, str(event.id))
        note_by(case.acts, event.time, event.data.handler.id)
        yield from self.machine.settle(case, now)
        yield from ladder.third_question(case, now)

    def on_enquiry_opened(self, case: Case, event: Event[routing.EnquiryOpened], now: datetime) -> Effects:
        given = case.enquiries.setdefault(str(event.data.enquiry_id), Given())
        given.begin(event.time, event.data.due)
        note_by(case.acts, event.time, event.data.by)
        return self.machine.settle(case, now, rematch=True)

    def on_enquiry_answered(self, case: Case, event: Event[routing.EnquiryAnswered], now: datetime) -> Effects:
        case.enquiries.setdefault(str(event.data.enquiry_id), Given()).done(event.data.at)
        return self.machine.settle(case, now)

    def on_decided(self, case: Case, event: Event[routing.ComplaintDecided], now: datetime) -> Effects:
        """A decision alone stops nothing: it has to be told. It ends the waiting for answers, and letters about
        earlier decisions need no approval any more."""
        decider = event.data.handler.id
        note(case.decided, event.time)
        note_by(case.acts, event.time, decider)
        case.deciders[str(event.data.decision_id)] = decider
        for given in case.approvals.values():
            if given.started_at and given.started_at < event.time:
                given.over(event.time)
        return self.machine.settle(case, now, rematch=True)

    def on_remedy_done(self, case: Case, event: Event[routing.RemedyCarriedOut], now: datetime) -> Effects:
        """Done when the paying system's reference shows it, or somebody else than the decider says so; the decider's
        own word waits for a second person."""
        data = event.data
        if data.by != case.deciders.get(str(data.decision_id)) or _REFERENCE.search(data.evidence):
            case.remedies.setdefault(data.remedy_id, Given()).done(data.at)
        elif plausible(data.at):
            case.claims.setdefault(data.remedy_id, (data.at, data.by))
        return self.machine.settle(case, now)

    def on_resolved(self, case: Case, event: Event[routing.ComplaintResolved], now: datetime) -> Effects:
        note(case.resolved, event.data.at)
        return self.machine.settle(case, now, rematch=True)

    def on_reopened(self, case: Case, event: Event[routing.ComplaintReopened], now: datetime) -> Effects:
        """A reopened complaint has a clock of its own; the first outcome stays."""
        if plausible(event.data.at):
            case.reopened.setdefault(str(event.data.count), event.data.at)
        case.stage = max(case.stage, event.data.stage)
        return self.machine.settle(case, now, rematch=True)

    def on_closed(self, case: Case, event: Event[routing.ComplaintClosed], now: datetime) -> Effects:
        note(case.ended, event.data.at)
        return self.machine.settle(case, now)

    def on_referred(self, case: Case, event: Event[routing.ComplaintReferredOutside], now: datetime) -> Effects:
        note(case.ended, event.data.at)
        note(case.referred, event.data.at)
        return self.machine.settle(case, now)

    # What we write -----------------------------------------------------------------------------------------------

    def on_letter_sent(self, case: Case, event: Event[notifier.LetterSent], now: datetime) -> Effects:
        """Each letter is an update; some stop a clock, unless they came back."""
        data = event.data
        at, trigger, id_ = data.sent_at, str(data.trigger), str(data.letter_id)
        if data.message_id in case.bounced:
            return ()
        if plausible(at):
            case.sent = dict(list(case.sent.items())[-49:]) | {data.message_id: (data.kind, at)}
        for times in _told_by(case, data.kind):
            note(times, at)
        if data.by_person:
            note_by(case.acts, at, data.by_person)
        for question in case.questions.values():
            if question.letter == trigger and question.told_at is None and plausible(at):
                question.told_at = at
        if id_ in case.approvals:
            case.approvals[id_].done(at)
        return self.machine.settle(case, now, rematch=True)

    def on_letter_blocked(self, case: Case, event: Event[notifier.LetterBlocked], now: datetime) -> Effects:
        """A question that may not be asked (for what we hold, for instance) pauses nothing. A letter that is held
        without a finding waits for somebody's approval."""
        self._refused(case, str(event.data.trigger))
        if not event.data.findings and "approv" in event.data.reason:
            case.approvals.setdefault(str(event.data.letter_id), Given()).begin(event.time, None)
        return self.machine.settle(case, now, rematch=True)

    def on_letter_failed(self, case: Case, event: Event[notifier.LetterFailed], now: datetime) -> Effects:
        self._refused(case, str(event.data.trigger))
        if given := case.approvals.get(str(event.data.letter_id)):
            given.over(event.time)
        return self.machine.settle(case, now)

    @staticmethod
    def _refused(case: Case, trigger: str) -> None:
        for question in case.questions.values():
            if question.letter == trigger and question.told_at is None:
                question.refused = True

    def on_promise_made(self, case: Case, event: Event[notifier.PromiseMade], now: datetime) -> Effects:
        """A remedy or a call that a letter promises by a date has a clock."""
        data = event.data
        if data.kind == "remedy" and data.remedy_id is not None:
            case.remedies.setdefault(data.remedy_id, Given()).begin(event.time, data.due_at)
        elif data.kind == "callback":
            case.callbacks.setdefault(str(data.promise_id), Given()).begin(event.time, data.due_at)
        else:
            return ()
        return self.machine.settle(case, now, rematch=True)

    # Timers -----------------------------------------------------------------------------------------

    def on_timer(self, case: Case, timer: Timer, now: datetime) -> Effects:
        """A threshold, or the end of a pause, has come."""
        if timer.name == PAUSE_END:
            case.pause_end = None
            return self.machine.settle(case, now)
        clock = case.clocks.get(timer.name.partition("/")[0])
        return self.machine.settle(case, now, fired=clock) if clock else ()

    def table(self) -> Handlers[Case]:
        """Which event is handled by what."""
        return {
            intake.ComplaintReceived: self.on_received,
            intake.CustomerReplied: self.on_replied,
            intake.ComplaintWithdrawn: self.on_withdrawn,
            intake.CallbackRequested: self.on_callback_requested,
            intake.CustomerChanged: self.on_customer_changed,
            intake.OutcomeAccepted: self.on_accepted,
            intake.OutcomeDisputed: self.on_disputed,
            intake.BounceReceived: self.on_bounced,
            routing.ComplaintTriaged: self.on_triaged,
            routing.ComplaintAssigned: self.on_assigned,
            routing.ComplaintTransferred: self.on_transferred,
            routing.ContactMade: self.on_contact,
            routing.FirstResponseGiven: self.on_first_response,
            routing.InformationRequested: self.on_information_requested,
            routing.EnquiryOpened: self.on_enquiry_opened,
            routing.EnquiryAnswered: self.on_enquiry_answered,
            routing.ComplaintDecided: self.on_decided,
            routing.RemedyCarriedOut: self.on_remedy_done,
            routing.ComplaintResolved: self.on_resolved,
            routing.ComplaintReopened: self.on_reopened,
            routing.ComplaintClosed: self.on_closed,
            routing.ComplaintReferredOutside: self.on_referred,
            notifier.LetterSent: self.on_letter_sent,
            notifier.LetterBlocked: self.on_letter_blocked,
            notifier.LetterFailed: self.on_letter_failed,
            notifier.PromiseMade: self.on_promise_made,
        }


def _told_by(case: Case, kind: str) -> list[Times]:
    """The facts that a letter of a kind is one of: each is an update, some are more."""
    more = {
        "acknowledgement": case.acknowledged, "call_summary": case.summaries, "reopening": case.reopenings,
        "holding": case.holdings, "resolution": case.resolutions, "summary_resolution": case.resolutions,
        "final": case.resolutions,
    }.get(kind)  # fmt: skip
    return [case.letters] if more is None else [case.letters, more]
