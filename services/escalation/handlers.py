"""What each event means for the clocks: note the fact, then let the machine settle.

Every handler is total: an unexpected but well-formed event adds a fact that changes nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.base.errors import Conflict
from shared.calendars import Calendars
from shared.events import intake, notifier, routing
from shared.events.envelope import Event
from shared.spine.effects import Disarm, Effect, Handlers, Timer

from .book import PolicyBook
from .clocks import Clock, hold_limit
from .machine import PAUSE_END, Machine, rung_id
from .model import Case, Given, RungRow, note, plausible

Effects = Iterable[Effect]
LONGEST_WAIT = timedelta(days=366)


class Escalation:
    """The handlers, under the policies of a book."""

    def __init__(self, book: PolicyBook) -> None:
        self.book, self.machine = book, Machine(book)

    @property
    def calendars(self) -> Calendars:
        return self.book.calendars

    # What the customer does --------------------------------------------------------------------------------------

    def on_received(self, case: Case, event: Event[intake.ComplaintReceived], now: datetime) -> Effects:
        """The clocks start, at the time when the company had the complaint; its policies are pinned."""
        if case.received_at is None:
            data = event.data
            case.received_at = data.received_at if plausible(data.received_at) else event.time
            case.tier, case.channel, case.language = data.customer.tier, data.channel, data.customer.language
            case.pins = self.book.pins(case.received_at)
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
        """A higher tier tightens; a lower one leaves what was promised."""
        if case.received_at is not None:
            case.tier = event.data.customer.tier
        return self.machine.settle(case, now, rematch=True)

    # What we do --------------------------------------------------------------------------------------------------

    def on_triaged(self, case: Case, event: Event[routing.ComplaintTriaged], now: datetime) -> Effects:
        data = event.data
        case.cause, case.severity, case.needs, case.vulnerable = data.cause, data.severity, data.needs, data.vulnerable
        return self.machine.settle(case, now, rematch=True)

    def on_assigned(self, case: Case, event: Event[routing.ComplaintAssigned], now: datetime) -> Effects:
        case.handler = event.data.handler.model_dump()
        case.lead = event.data.lead.model_dump() if event.data.lead else case.lead
        return ()

    def on_transferred(self, case: Case, event: Event[routing.ComplaintTransferred], now: datetime) -> Effects:
        case.handler = event.data.handler.model_dump() if event.data.handler else None
        return ()

    def on_contact(self, case: Case, event: Event[routing.ContactMade], now: datetime) -> Effects:
        """Only a contact in which somebody was reached counts."""
        if event.data.outcome != "reached":
            return ()
        note(case.reached, event.data.at)
        if event.data.direction == "out":
            note(case.called, event.data.at)
        return self.machine.settle(case, now)

    def on_first_response(self, case: Case, event: Event[routing.FirstResponseGiven], now: datetime) -> Effects:
        note(case.responded, event.data.at)
        return self.machine.settle(case, now)

    def on_information_requested(
        self, case: Case, event: Event[routing.InformationRequested], now: datetime
    ) -> Effects:
        """Pausable clocks wait for the answer, at most until `answer_by`."""
        longest = event.time + LONGEST_WAIT
        case.questions.setdefault(str(event.data.request_id), (event.time, min(event.data.answer_by, longest)))
        return self.machine.settle(case, now)

    def on_enquiry_opened(self, case: Case, event: Event[routing.EnquiryOpened], now: datetime) -> Effects:
        given = case.enquiries.setdefault(str(event.data.enquiry_id), Given())
        given.begin(event.time, event.data.due)
        return self.machine.settle(case, now, rematch=True)

    def on_enquiry_answered(self, case: Case, event: Event[routing.EnquiryAnswered], now: datetime) -> Effects:
        case.enquiries.setdefault(str(event.data.enquiry_id), Given()).done(event.data.at)
        return self.machine.settle(case, now)

    def on_decided(self, case: Case, event: Event[routing.ComplaintDecided], now: datetime) -> Effects:
        """A decision alone stops nothing: it has to be told."""
        note(case.decided, event.time)
        return self.machine.settle(case, now)

    def on_remedy_done(self, case: Case, event: Event[routing.RemedyCarriedOut], now: datetime) -> Effects:
        case.remedies.setdefault(event.data.remedy_id, Given()).done(event.data.at)
        return self.machine.settle(case, now)

    def on_resolved(self, case: Case, event: Event[routing.ComplaintResolved], now: datetime) -> Effects:
        note(case.resolved, event.data.at)
        return self.machine.settle(case, now)

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
        return self.machine.settle(case, now)

    # What we write -----------------------------------------------------------------------------------------------

    def on_letter_sent(self, case: Case, event: Event[notifier.LetterSent], now: datetime) -> Effects:
        """Each letter is an update; some stop a clock."""
        at = event.data.sent_at
        note(case.letters, at)
        match event.data.kind:
            case "acknowledgement":
                note(case.acknowledged, at)
            case "resolution":
                note(case.resolutions, at)
            case "call_summary":
                note(case.summaries, at)
        return self.machine.settle(case, now)

    def on_promise_made(self, case: Case, event: Event[notifier.PromiseMade], now: datetime) -> Effects:
        """A remedy that a letter promises by a date has a clock."""
        if event.data.kind != "remedy" or event.data.remedy_id is None:
            return ()
        given = case.remedies.setdefault(event.data.remedy_id, Given())
        given.begin(event.time, event.data.due_at)
        return self.machine.settle(case, now, rematch=True)

    # Timers and commands -----------------------------------------------------------------------------------------

    def on_timer(self, case: Case, timer: Timer, now: datetime) -> Effects:
        """A threshold, or the end of a pause, has come."""
        if timer.name == PAUSE_END:
            case.pause_end = None
            return self.machine.settle(case, now)
        clock = case.clocks.get(timer.name.partition("/")[0])
        return self.machine.settle(case, now, fired=clock) if clock else ()

    def acknowledge(self, case: Case, now: datetime, *, rung: RungRow, who: str, why: str, hours: int) -> Effects:
        """Somebody takes a reached rung on: the next ones wait for up to four working hours, once.

        Raises Conflict for a legal clock, a rung that was acknowledged before, and a clock that is over or has another
        deadline by now.
        """
        clock = next((c for c in case.clocks.values() if c.id == rung.clock_id), None)
        _refuse(clock, rung)
        assert clock is not None
        held = self.calendars.get(clock.calendar).add(now, hold_limit(hours))
        clock.acknowledged.append(str(rung.id))
        clock.held_until = held
        case.rungs.append(replace(rung, acknowledged_at=now, acknowledged_by=who, why=why))
        if clock.armed is not None:  # what comes next is another moment now
            yield Disarm(clock.armed)
            clock.armed = None
        yield from self.machine.settle(case, now)

    def table(self) -> Handlers[Case]:
        """Which event is handled by what."""
        return {
            intake.ComplaintReceived: self.on_received,
            intake.CustomerReplied: self.on_replied,
            intake.ComplaintWithdrawn: self.on_withdrawn,
            intake.CallbackRequested: self.on_callback_requested,
            intake.CustomerChanged: self.on_customer_changed,
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
            notifier.PromiseMade: self.on_promise_made,
        }


def _refuse(clock: Clock | None, rung: RungRow) -> None:
    if clock is None or clock.legal:
        raise Conflict("A rung of a legal clock cannot be acknowledged away.")
    if str(rung.id) in clock.acknowledged:
        raise Conflict("This rung was acknowledged before.")
    if not clock.live:
        raise Conflict(f"This clock is {clock.state}: nothing is left to hold.")
    if rung.id != rung_id(clock, rung.rung):
        raise Conflict("The clock has another deadline by now.")
