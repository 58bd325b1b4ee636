"""Every event type there is, in the order of a complaint's life, and who consumes it."""

from collections.abc import Iterator

from . import escalation, intake, notifier, routing
from .envelope import Payload

SERVICES = ("intake", "routing", "escalation", "notifier")

# Event → the services that consume it. The emitter stands on the model. docs/events.md is made from this.
CONSUMERS: dict[type[Payload], tuple[str, ...]] = {
    intake.ComplaintReceived: ("routing", "escalation", "notifier"),
    intake.MessageReceived: ("routing", "notifier"),
    intake.CustomerReplied: ("routing", "escalation", "notifier"),
    intake.ComplaintChased: ("routing", "escalation", "notifier"),
    intake.ComplaintWithdrawn: ("routing", "escalation", "notifier"),
    intake.ReopenRequested: ("routing", "escalation", "notifier"),
    intake.OutcomeAccepted: ("routing", "escalation", "notifier"),
    intake.OutcomeDisputed: ("routing", "escalation", "notifier"),
    intake.ManagerRequested: ("routing", "escalation", "notifier"),
    intake.CallbackRequested: ("routing", "escalation", "notifier"),
    intake.ComplaintsLinked: ("routing", "escalation", "notifier"),
    intake.ComplaintsUnlinked: ("routing", "escalation", "notifier"),
    intake.CustomerChanged: ("routing", "escalation", "notifier"),
    intake.BounceReceived: ("notifier", "routing", "escalation"),
    routing.ComplaintTriaged: ("escalation", "notifier", "intake"),
    routing.OfferMade: ("escalation", "notifier", "intake"),
    routing.OfferEnded: ("escalation", "notifier", "intake"),
    routing.ComplaintAssigned: ("escalation", "notifier", "intake"),
    routing.ComplaintTransferred: ("escalation", "notifier", "intake"),
    routing.ComplaintUnroutable: ("escalation", "notifier", "intake"),
    routing.RequirementsRelaxed: ("escalation", "notifier", "intake"),
    routing.ContactMade: ("escalation", "notifier", "intake"),
    routing.FirstResponseGiven: ("escalation", "notifier", "intake"),
    routing.InformationRequested: ("escalation", "notifier", "intake"),
    routing.ReplyWritten: ("escalation", "notifier", "intake"),
    routing.EnquiryOpened: ("escalation", "notifier", "intake"),
    routing.EnquiryAnswered: ("escalation", "notifier", "intake"),
    routing.ComplaintDecided: ("escalation", "notifier", "intake"),
    routing.RemedyCarriedOut: ("escalation", "notifier", "intake"),
    routing.ComplaintResolved: ("escalation", "notifier", "intake"),
    routing.ComplaintReopened: ("escalation", "notifier", "intake"),
    routing.ComplaintClosed: ("escalation", "notifier", "intake"),
    routing.ComplaintReferredOutside: ("escalation", "notifier", "intake"),
    escalation.ClocksChanged: ("routing", "notifier", "intake"),
    escalation.SlaWarning: ("routing", "notifier", "intake"),
    escalation.SlaBreached: ("routing", "notifier", "intake"),
    escalation.SlaBreachRetracted: ("routing", "notifier", "intake"),
    escalation.RungReached: ("routing", "notifier", "intake"),
    notifier.LetterSent: ("routing", "escalation", "intake"),
    notifier.LetterFailed: ("routing", "escalation", "intake"),
    notifier.LetterBlocked: ("routing", "escalation", "intake"),
    notifier.LetterUnknown: ("routing", "escalation", "intake"),
    notifier.PromiseMade: ("routing", "escalation", "intake"),
    notifier.PromiseKept: ("routing", "escalation", "intake"),
    notifier.PromiseBroken: ("routing", "escalation", "intake"),
}

BY_TYPE: dict[str, type[Payload]] = {model.type: model for model in CONSUMERS}


def emitted_by(service: str) -> Iterator[type[Payload]]:
    """The event types that one service emits, in the order of a complaint's life."""
    return (model for model in CONSUMERS if model.emitter == service)
