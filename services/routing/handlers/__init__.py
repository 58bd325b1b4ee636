"""THE rooms to read: commands of people, and on_<event>(case, event, now) → effects.

received → offers → commands, asking → decisions → outside, ending follow a case's life; conflicts says who may not work
on it; customer, clocks and letters hold what others say of it.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from shared.events import escalation, intake, notifier
from shared.spine.effects import Effect, Handlers, Timer, TimerHandler

from ..duty import Roster
from ..model import Case
from ..policy import Policy
from ..triage import Triage
from . import care, clocks, customer, letters, probes
from .ending import Ending
from .offers import Offers
from .received import Reception


def event_handlers(policy: Policy, triage: Triage, roster: Roster) -> Handlers[Case]:
    """Every event type that routing consumes, with its handler."""
    reception, ladder, ending = Reception(policy, triage, roster), clocks.Ladder(policy), Ending(policy)
    return {
        intake.ComplaintReceived: reception.on_complaint_received,
        intake.MessageReceived: reception.on_message_received,
        intake.CustomerChanged: reception.on_customer_changed,
        intake.CustomerReplied: customer.on_customer_replied,
        intake.ComplaintChased: customer.on_chased,
        intake.ComplaintWithdrawn: partial(customer.on_withdrawn, closing=policy.closing),
        intake.ReopenRequested: customer.on_reopen_requested,
        intake.OutcomeAccepted: customer.on_outcome_accepted,
        intake.OutcomeDisputed: customer.on_outcome_disputed,
        intake.ManagerRequested: customer.on_manager_requested,
        intake.CallbackRequested: customer.on_callback_requested,
        intake.ComplaintsLinked: customer.on_linked,
        intake.ComplaintsUnlinked: customer.on_unlinked,
        intake.BounceReceived: customer.on_bounced,
        escalation.ClocksChanged: clocks.on_clocks_changed,
        escalation.SlaWarning: clocks.on_warning,
        escalation.SlaBreached: clocks.on_breached,
        escalation.SlaBreachRetracted: clocks.on_retracted,
        escalation.RungReached: ladder.on_rung_reached,
        notifier.LetterSent: partial(letters.on_letter_sent, ending=ending),
        notifier.LetterFailed: letters.on_letter_failed,
        notifier.LetterBlocked: letters.on_letter_blocked,
        notifier.LetterUnknown: letters.on_letter_unknown,
        notifier.PromiseMade: letters.on_promise_made,
        notifier.PromiseKept: letters.on_promise_kept,
        notifier.PromiseBroken: letters.on_promise_broken,
    }


def timer_handler(policy: Policy) -> TimerHandler[Case]:
    """What is done when a timer comes due: an offer runs out, or the days are over after which a case ends."""
    offers, ending = Offers(policy), Ending(policy)

    def on_timer(case: Case, timer: Timer, now: datetime) -> Iterable[Effect]:
        yield from offers.on_timer(case, timer, now)
        yield from ending.on_timer(case, timer, now)
        yield from care.on_timer(case, timer, now)
        yield from probes.on_timer(case, timer, now)

    return on_timer


__all__ = ["Ending", "Offers", "event_handlers", "timer_handler"]
