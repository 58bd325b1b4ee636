"""A complaint's life as the notifier reads it: events made short."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.events import escalation, intake, routing
from shared.events.common import Apology, CallToAction, ClockView, Decision, Fact, Issue, Remedy, Staff, Text

CUSTOMER = UUID("00000000-0000-4000-8000-0000000000c1")
HANDLER = Staff(id="zhang-min", name="Zhang Min", role_title="complaint handler", contact="010 555 0100")
LATE = Fact(text="We promised an answer by 5 June and took four days longer", source="log", date="2026-06-05")
LEAD = Staff(id="ada", name="Ada Kaye", role_title="complaints lead", contact="010 555 0101")


def later(**duration: float) -> datetime:
    """A moment from now on."""
    return datetime.now(UTC) + timedelta(**duration)


def received(*, email: str | None = "lina@example.org", language: Any = "en", **more: Any) -> intake.ComplaintReceived:
    """A complaint of Li Na, who wants her money back."""
    person = intake.Person(
        name="李娜" if language == "zh" else "Li Na", salutation="女士" if language == "zh" else None, email=email,
        subject="Refund", text="I want my money back.",
    )  # fmt: skip
    values: dict[str, Any] = {
        "reference": "AM-7K2M9Q4T1C", "channel": "email", "source": "mail", "received_at": later(seconds=-1),
        "customer": intake.Customer(customer_id=CUSTOMER, tier="low", language=language), "wanted": "refund",
        "personal": {CUSTOMER: person}, "tracking_url": "https://amends.example/track/AM-7K2M9Q4T1C",
    }  # fmt: skip
    return intake.ComplaintReceived(**{**values, **more})


def triaged(*levels: Any, **more: Any) -> routing.ComplaintTriaged:
    """The triage, with hard triggers if any."""
    values: dict[str, Any] = {
        "cause": "unknown", "severity": "P3", "queue": "general", "tier": "low", "language": "en",
        "triggers": tuple(routing.Trigger(level=level, rule="r") for level in levels),
    }  # fmt: skip
    return routing.ComplaintTriaged(**{**values, **more})


def clock(kind: str, due: datetime, state: Any = "running") -> ClockView:
    """One clock."""
    return ClockView(
        id=uuid4(), kind=kind, pack="house", pack_version=1, state=state, started_at=datetime.now(UTC), due_at=due,
        version=1, pausable=True, legal=False, explanation=Text(zh="", en=""),
    )  # fmt: skip


def clocks(**due: datetime) -> escalation.ClocksChanged:
    """All clocks: kind → due."""
    return escalation.ClocksChanged(clocks=tuple(clock(kind, moment) for kind, moment in due.items()))


def breached(kind: str = "decision", clock_id: UUID | None = None) -> escalation.SlaBreached:
    """A promise that was not kept."""
    return escalation.SlaBreached(
        clock_id=clock_id or uuid4(), kind=kind, version=1, due_at=later(seconds=-2), noticed_at=later(), tier="low"
    )


def assigned(handler: Staff = HANDLER) -> routing.ComplaintAssigned:
    """Somebody has it."""
    return routing.ComplaintAssigned(handler=handler, mode="offer")


def decision(amount: str = "20", **more: Any) -> Decision:
    """The complaint is upheld, and money comes back."""
    values: dict[str, Any] = {
        "examined": ("your order", "the test report of 5 June"),
        "issues": (
            Issue(
                id="wait", what="the wait", finding="substantiated", request="granted",
                facts=(LATE,),
                reason="the date did not reach the person who answers",
                apology=Apology(kind="responsibility", for_="answering four days late"),
            ),
        ),
        "remedies": (
            Remedy(
                id="r1", type="credit", remedy_class="redress", by=later(days=9).date().isoformat(), actor="Zhang Min",
                issue="wait", amount=amount, currency="GBP", item="your account",
            ),
        ),
        "calls_to_action": (
            CallToAction(
                action="call me if it is not there", channel="phone", contact="010 555 0100",
                by=later(days=14).date().isoformat(),
            ),
        ),
    }  # fmt: skip
    return Decision(**{**values, **more})


def decided(record: Decision | None = None, **more: Any) -> routing.ComplaintDecided:
    """A decision as routing says it."""
    record = record or decision()
    values: dict[str, Any] = {
        "decision_id": uuid4(), "stage": 1, "overall": "upheld", "cause": "unknown", "remedies": record.remedies,
        "handler": HANDLER, "personal": {CUSTOMER: routing.DecisionWords(record=record)},
    }  # fmt: skip
    return routing.ComplaintDecided(**{**values, **more})


def withdrawn() -> intake.ComplaintWithdrawn:
    """The customer takes it back."""
    return intake.ComplaintWithdrawn(customer_id=CUSTOMER, channel="web", received_at=later(), by="customer")


def replied(text: str, handler: Staff = HANDLER) -> routing.ReplyWritten:
    """A handler writes in their own words."""
    return routing.ReplyWritten(message_id=uuid4(), handler=handler, personal={CUSTOMER: routing.Words(text=text)})


def asked(
    answer_by: datetime, text: str = "Which model stands on the back of the phone?"
) -> routing.InformationRequested:
    """A handler asks the customer for something."""
    words = {CUSTOMER: routing.Words(text=text)}
    return routing.InformationRequested(request_id=uuid4(), answer_by=answer_by, handler=HANDLER, personal=words)


def answered() -> intake.CustomerReplied:
    """The customer writes."""
    return intake.CustomerReplied(message_id=uuid4(), customer_id=CUSTOMER, channel="email", received_at=later())


def called_for(promised_at: datetime | None) -> intake.CallbackRequested:
    """The customer wants a call; an agent promised a time, or did not."""
    return intake.CallbackRequested(
        request_id=uuid4(), customer_id=CUSTOMER, channel="hotline", received_at=later(), promised_at=promised_at
    )


def contact(outcome: Any = "reached", **more: Any) -> routing.ContactMade:
    """Somebody rang the customer."""
    values: dict[str, Any] = {
        "contact_id": uuid4(), "direction": "out", "channel": "phone", "outcome": outcome, "at": later(),
        "by": HANDLER.id,
    }  # fmt: skip
    return routing.ContactMade(**{**values, **more})
