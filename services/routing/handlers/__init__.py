"""THE rooms to read: commands of people, and on_<event>(case, event, now) → effects.

received → offers → commands → decisions follow a case's life; customer, clocks and letters hold what others say of it.
"""

from shared.events import escalation, intake, notifier
from shared.spine.effects import Handlers

from ..model import Case
from ..policy import Policy
from ..triage import Triage
from . import clocks, customer, letters
from .offers import Offers
from .received import Reception


def event_handlers(policy: Policy, triage: Triage) -> Handlers[Case]:
    """Every event type that routing consumes, with its handler."""
    reception, ladder = Reception(policy, triage), clocks.Ladder(policy)
    return {
        intake.ComplaintReceived: reception.on_complaint_received,
        intake.MessageReceived: reception.on_message_received,
        intake.CustomerChanged: reception.on_customer_changed,
        intake.CustomerReplied: customer.on_customer_replied,
        intake.ComplaintChased: customer.on_chased,
        intake.ComplaintWithdrawn: customer.on_withdrawn,
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
        notifier.LetterSent: letters.on_letter_sent,
        notifier.LetterFailed: letters.on_letter_failed,
        notifier.LetterBlocked: letters.on_letter_blocked,
        notifier.LetterUnknown: letters.on_letter_unknown,
        notifier.PromiseMade: letters.on_promise_made,
        notifier.PromiseKept: letters.on_promise_kept,
        notifier.PromiseBroken: letters.on_promise_broken,
    }


__all__ = ["Offers", "event_handlers"]
