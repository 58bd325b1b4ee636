"""Every event type there is, in the order of a complaint's life, and who consumes it."""

from collections.abc import Iterator

from . import escalation, intake, notifier, routing
from .envelope import Payload

SERVICES = ("intake", "routing", "escalation", "notifier")

# Event → the services that have a handler for it (a test compares). The emitter stands on the model. What no service
# handles is told for those who read the topic from outside: reports, audit, staffing. docs/events.md is made from this.
CONSUMERS: dict[type[Payload], tuple[str, ...]] = {
    intake.ComplaintReceived: ("routing", "escalation", "notifier"),
    intake.MessageReceived: ("routing", "notifier"),
    intake.CustomerReplied: ("routing", "escalation", "notifier"),
    intake.ComplaintChased: ("routing", "notifier"),
    intake.WithdrawalRequested: ("notifier",),
    intake.ComplaintWithdrawn: ("routing", "escalation", "notifier"),
    intake.ReopenRequested: ("routing", "notifier"),
    intake.OutcomeAccepted: ("routing", "escalation"),
    intake.OutcomeDisputed: ("routing", "escalation", "notifier"),
    intake.ManagerRequested: ("routing",),
    intake.CallbackRequested: ("routing", "escalation", "notifier"),
    intake.ComplaintsLinked: ("routing",),
    intake.ComplaintsUnlinked: ("routing",),
    intake.CustomerChanged: ("routing", "escalation", "notifier"),
    intake.BounceReceived: ("routing", "escalation", "notifier"),
    routing.ComplaintTriaged: ("intake", "escalation", "notifier"),
    routing.OfferMade: (),
    routing.OfferEnded: (),
    routing.HandlerSetAway: (),
    routing.ComplaintAssigned: ("intake", "escalation", "notifier"),
    routing.ComplaintTransferred: ("intake", "escalation", "notifier"),
    routing.ComplaintUnroutable: (),
    routing.RequirementsRelaxed: (),
    routing.ContactMade: ("intake", "escalation", "notifier"),
    routing.FirstResponseGiven: ("escalation",),
    routing.InformationRequested: ("intake", "escalation", "notifier"),
    routing.ReplyWritten: ("notifier",),
    routing.AuthorityRequested: ("notifier",),
    routing.VerificationRequested: ("notifier",),
    routing.CorrectionWritten: ("notifier",),
    routing.EnquiryOpened: ("intake", "escalation"),
    routing.EnquiryAnswered: ("intake", "escalation"),
    routing.ComplaintDecided: ("intake", "escalation", "notifier"),
    routing.RemedyCarriedOut: ("intake", "escalation", "notifier"),
    routing.ComplaintResolved: ("intake", "escalation", "notifier"),
    routing.ComplaintReopened: ("intake", "escalation", "notifier"),
    routing.ComplaintClosed: ("intake", "escalation", "notifier"),
    routing.ComplaintReferredOutside: ("intake", "escalation", "notifier"),
    routing.OutsideDecided: (),
    escalation.ClocksChanged: ("intake", "routing", "notifier"),
    escalation.SlaWarning: ("routing", "notifier"),
    escalation.SlaBreached: ("routing", "notifier"),
    escalation.SlaBreachRetracted: ("routing", "notifier"),
    escalation.RungReached: ("routing", "notifier"),
    notifier.LetterSent: ("intake", "routing", "escalation"),
    notifier.LetterFailed: ("routing", "escalation"),
    notifier.LetterBlocked: ("routing", "escalation"),
    notifier.LetterUnknown: ("routing",),
    notifier.PromiseMade: ("routing", "escalation"),
    notifier.PromiseKept: ("intake", "routing"),
    notifier.PromiseBroken: ("routing",),
}

BY_TYPE: dict[str, type[Payload]] = {model.type: model for model in CONSUMERS}


def emitted_by(service: str) -> Iterator[type[Payload]]:
    """The event types that one service emits, in the order of a complaint's life."""
    return (model for model in CONSUMERS if model.emitter == service)
