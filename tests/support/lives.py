"""A complaint's life as escalation reads it: events made short, and a world that fires timers as the spine would."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from services.escalation.book import Edition, PolicyBook, in_force_from
from services.escalation.checks import check
from services.escalation.commands import Commands
from services.escalation.handlers import Escalation
from services.escalation.metrics import OUTCOME
from services.escalation.model import Case
from shared.calendars import builtin
from shared.events import escalation, intake, notifier, routing
from shared.events.common import Staff
from shared.events.envelope import Event, Payload
from shared.spine.effects import Arm, Count, Disarm, Effect, Emit, Timer

COMPLAINT = UUID("00000000-0000-4000-8000-000000000001")
HANDLER = Staff(id="h1", name="Lin Wei", role_title="Senior handler", contact="lin@example.com")
LEAD = Staff(id="l1", name="Ada Kaye", role_title="Team lead", contact="ada@example.com")


def book_of(*packs: str) -> PolicyBook:
    """A book that holds these packs (YAML), the first one with id 1."""
    book = PolicyBook(builtin())
    for n, body in enumerate(packs, 1):
        pack = check(body, book.calendars)
        book.put(Edition(n, pack, 1, in_force_from(pack, None), body))
    return book


def pack(clocks: str, *, name: str = "house", calendar: str = "always", legal: bool = False, more: str = "") -> str:
    """A pack's YAML from the lines of its clocks."""
    return f"""
pack: {name}
title: Test
notice: Example configuration, not legal advice.
source: test
as_of: 2026-01-01
confidence: design
calendar: {calendar}
legal: {str(legal).lower()}
{more}
clocks:
{clocks}
"""


@dataclass
class World:
    """One complaint, its timers and everything that was said, under one book. Time moves only by `until`."""

    book: PolicyBook
    now: datetime
    case: Case = field(default_factory=lambda: Case(COMPLAINT))
    timers: dict[str, Arm] = field(default_factory=dict)
    said: list[tuple[Payload, datetime]] = field(default_factory=list)
    counted: list[Count] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.escalation = Escalation(self.book)
        self.handlers = self.escalation.table()
        self.commands = Commands(self.book)

    def tell(self, data: Payload, *, time: datetime | None = None, id_: UUID | None = None) -> None:
        """An event arrives now; `time` is when it became true."""
        event: Event[Any] = Event(id_ or uuid4(), COMPLAINT, data, time or self.now, 1, "test")
        self._apply(self.handlers[type(data)](self.case, event, self.now))

    def command(self, effects: Iterable[Effect]) -> None:
        """What a command decided takes effect."""
        self._apply(effects)

    def until(self, moment: datetime) -> None:
        """Let time pass; timers fire in their order, each at its time."""
        while due := self._next(moment):
            self.now = max(self.now, due.at)
            del self.timers[due.name]
            timer = Timer(COMPLAINT, due.name, due.at, due.version)
            self._apply(self.escalation.on_timer(self.case, timer, self.now))
        self.now = max(self.now, moment)

    def sleep(self, moment: datetime) -> None:
        """Time passes, but nothing is looked at: the service is down."""
        self.now = max(self.now, moment)

    def _next(self, moment: datetime) -> Arm | None:
        due = [arm for arm in self.timers.values() if arm.at <= moment]
        return min(due, key=lambda arm: (arm.at, arm.name), default=None)

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            match effect:
                case Emit():
                    self.said.append((effect.data, effect.time or self.now))
                case Arm():
                    self.timers[effect.name] = effect
                case Disarm():
                    self.timers.pop(effect.name, None)
                case Count():
                    self.counted.append(effect)
        self.case.version += 1

    def all(self, kind: type[Payload]) -> list[Any]:
        """What was said of one kind, in order."""
        return [data for data, _ in self.said if isinstance(data, kind)]

    def times(self, kind: type[Payload]) -> list[datetime]:
        """When it became true."""
        return [at for data, at in self.said if isinstance(data, kind)]

    def outcomes(self) -> list[tuple[str, str]]:
        """What was counted: kind and outcome."""
        found = (c.labels for c in self.counted if c.metric == OUTCOME.measure.name)
        return [(kind, outcome) for kind, _, outcome in found]


def received(
    at: datetime, *, tier: str = "low", language: Any = "en", channel: Any = "web", product: str | None = None
) -> intake.ComplaintReceived:
    """A complaint."""
    return intake.ComplaintReceived(
        reference="AM-0000000000", product=product, channel=channel, source="shop", received_at=at,
        customer=intake.Customer(customer_id=uuid4(), tier=tier, language=language), personal={},
    )  # fmt: skip


def triaged(
    *, severity: Any = "P3", vulnerable: bool = False, cause: Any = "unknown", needs: tuple[str, ...] = ()
) -> routing.ComplaintTriaged:
    return routing.ComplaintTriaged(
        cause=cause, severity=severity, vulnerable=vulnerable, needs=needs, queue="general", tier="low", language="en"
    )


def assigned(handler: Staff = HANDLER, mode: Any = "offer") -> routing.ComplaintAssigned:
    return routing.ComplaintAssigned(handler=handler, lead=LEAD, mode=mode)


def transferred(giver: str, to: Staff | None = None) -> routing.ComplaintTransferred:
    return routing.ComplaintTransferred(from_handler=giver, handler=to, by="l1", reason="knows the product")


def letter(
    kind: str, at: datetime, *, decision: UUID | None = None, message: str = "", trigger: UUID | None = None,
    id_: UUID | None = None, by: str | None = None,
) -> notifier.LetterSent:  # fmt: skip
    return notifier.LetterSent(
        letter_id=id_ or uuid4(), kind=kind, language="en", channel="email", sent_at=at, by_person=by,
        message_id=message or f"<{uuid4()}@example.com>", trigger=trigger or uuid4(), decision_id=decision,
        template_version="1",
    )  # fmt: skip


def blocked(
    kind: str, *, trigger: UUID | None = None, id_: UUID | None = None, why: str = "", findings: Any = ()
) -> notifier.LetterBlocked:
    return notifier.LetterBlocked(
        letter_id=id_ or uuid4(), kind=kind, language="en", channel="email", trigger=trigger or uuid4(),
        findings=findings, reason=why,
    )  # fmt: skip


def bounced(message: str, *, permanent: bool = True) -> intake.BounceReceived:
    return intake.BounceReceived(
        customer_id=COMPLAINT, letter_message_id=message, status="5.1.1" if permanent else "4.2.2", permanent=permanent
    )


def accepted(at: datetime) -> intake.OutcomeAccepted:
    return intake.OutcomeAccepted(customer_id=COMPLAINT, channel="web", received_at=at)


def disputed(at: datetime) -> intake.OutcomeDisputed:
    return intake.OutcomeDisputed(customer_id=COMPLAINT, channel="web", received_at=at)


def responded(at: datetime) -> routing.FirstResponseGiven:
    return routing.FirstResponseGiven(at=at, how="letter", by="h1")


def contact(at: datetime, *, outcome: Any = "reached", direction: Any = "out", by: str = "h1") -> routing.ContactMade:
    return routing.ContactMade(contact_id=uuid4(), direction=direction, channel="phone", outcome=outcome, at=at, by=by)


def asked(answer_by: datetime, n: int = 1) -> routing.InformationRequested:
    return routing.InformationRequested(
        request_id=uuid5(COMPLAINT, f"question {n}"), answer_by=answer_by, handler=HANDLER, personal={}
    )


def replied(at: datetime) -> intake.CustomerReplied:
    return intake.CustomerReplied(customer_id=COMPLAINT, channel="email", received_at=at, message_id=uuid4())


def customer_changed(customer: intake.Customer) -> intake.CustomerChanged:
    return intake.CustomerChanged(customer=customer)


def withdrawn(at: datetime) -> intake.ComplaintWithdrawn:
    return intake.ComplaintWithdrawn(customer_id=COMPLAINT, channel="web", received_at=at, by="customer")


def decided(decision: UUID = COMPLAINT) -> routing.ComplaintDecided:
    return routing.ComplaintDecided(
        decision_id=decision, stage=1, overall="upheld", cause="unknown", handler=HANDLER, personal={}
    )


def resolved(at: datetime) -> routing.ComplaintResolved:
    return routing.ComplaintResolved(at=at, by="h1")


def closed(at: datetime) -> routing.ComplaintClosed:
    return routing.ComplaintClosed(at=at, by="h1", reason="resolved")


def reopened(at: datetime, count: int = 1) -> routing.ComplaintReopened:
    return routing.ComplaintReopened(at=at, by="h1", count=count, stage=1, reason="new fact")


def enquiry(due: datetime, n: int = 1) -> routing.EnquiryOpened:
    return routing.EnquiryOpened(enquiry_id=uuid5(COMPLAINT, f"enquiry {n}"), to="billing", due=due, by="h1")


def enquiry_answered(at: datetime, n: int = 1) -> routing.EnquiryAnswered:
    return routing.EnquiryAnswered(enquiry_id=uuid5(COMPLAINT, f"enquiry {n}"), at=at, by="b1")


def call_me(at: datetime, promised: datetime | None = None, n: int = 1) -> intake.CallbackRequested:
    return intake.CallbackRequested(
        customer_id=COMPLAINT, channel="web", received_at=at, request_id=uuid5(COMPLAINT, f"call {n}"),
        promised_at=promised,
    )  # fmt: skip


def promised(due: datetime, remedy: str | None = "r1", kind: Any = "remedy") -> notifier.PromiseMade:
    return notifier.PromiseMade(
        promise_id=uuid5(COMPLAINT, f"{kind} {remedy}"), kind=kind, due_at=due, letter_id=uuid4(), remedy_id=remedy
    )


def remedy_done(
    at: datetime, remedy: str = "r1", *, evidence: str = "payment 77", by: str = "h1"
) -> routing.RemedyCarriedOut:
    return routing.RemedyCarriedOut(decision_id=COMPLAINT, remedy_id=remedy, at=at, evidence=evidence, by=by)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def last_clocks(world: World) -> Sequence[Any]:
    """The clocks of the last ClocksChanged."""
    changed = world.all(escalation.ClocksChanged)
    return changed[-1].clocks if changed else ()
