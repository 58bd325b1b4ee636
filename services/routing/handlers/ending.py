"""How a case ends: resolved, settled on the spot, closed by a person, or by itself after the policy's days."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from shared.events.routing import ComplaintClosed, ComplaintResolved, Words
from shared.spine.effects import Arm, Disarm, Effect, Timer

from .. import states
from ..metrics import RESOLVED
from ..model import Case
from ..policy import Policy
from . import care
from .flow import SYSTEM, Actor, call_lead, move, own, tell, warn, wrong

CLOSE_TIMER, NO_ANSWER_TIMER = "close", "no-answer"
AGAIN = timedelta(days=1)  # how long until a case that something keeps open is looked at again
# What a customer still waits for. Promised dates of answers are met by the answer, so they keep no case open.
OWED = ("remedy", "callback")
Reason = Literal["accepted", "resolved", "no_answer", "withdrawn", "final"]


class Ending:
    """The ends, with the house's days."""

    def __init__(self, policy: Policy) -> None:
        self.after = policy.closing

    def resolve(self, case: Case, actor: Actor, now: datetime) -> Iterator[Effect]:
        """Everything the decision promised is done and told."""
        own(case, actor, "resolve")
        if case.decision and case.decision.open_remedies:
            names = ", ".join(r.id for r in case.decision.open_remedies)
            raise states.refusal(case.state, "resolve", f"These remedies are not carried out: {names}.")
        if case.state == "final" and case.resolved_at and case.decision and case.resolved_at >= case.decision.at:
            raise states.refusal(case.state, "resolve", "The case is resolved.")
        move(case, "resolve")
        yield from self._resolved(case, actor, now)
        yield from tell(case, ComplaintResolved(at=now, by=actor.name))

    def settle(
        self, case: Case, how: str, accepted_at: datetime | None, actor: Actor, now: datetime
    ) -> Iterator[Effect]:
        """Settled without a written decision, because the customer said so: in a contact, or by accepting."""
        own(case, actor, "settle")
        said = case.confirmed_at or case.accepted_at
        if said is None:
            raise states.refusal(
                case.state, "settle",
                "The customer has not said that it is resolved: record the contact in which they do, or decide.",
            )  # fmt: skip
        if accepted_at is not None and accepted_at > now:
            raise wrong("/accepted_at", "The time is in the future.")
        move(case, "settle")
        yield Disarm(NO_ANSWER_TIMER)
        case.asked = None
        yield from self._resolved(case, actor, now)
        words = {case.customer_id: Words(text=how)} if case.customer_id else None
        yield from tell(
            case,
            ComplaintResolved(
                at=now, by=actor.name, summary=True, accepted_at=accepted_at or said, handler=actor.staff,
                personal=words,
            ),
        )  # fmt: skip

    def _resolved(self, case: Case, actor: Actor, now: datetime) -> Iterator[Effect]:
        if case.resolved_at is None and not case.reopened:
            yield RESOLVED.add("yes" if case.reached <= 1 else "no")
        case.resolved_at = now
        case.note(now, "resolved", actor.name)
        yield self.later(now, self.after.resolved)

    @staticmethod
    def later(now: datetime, days: float) -> Effect:
        """Closes by itself after so many days; 0 stands for never."""
        return Arm(CLOSE_TIMER, at=now + timedelta(days=days)) if days else Disarm(CLOSE_TIMER)

    def close(self, case: Case, actor: Actor, now: datetime) -> Iterator[Effect]:
        """The end, refused while something is owed: a promise, an enquiry, an answer to the customer."""
        own(case, actor, "close")
        if owed := still_owed(case):
            raise states.refusal(case.state, "close", "Still open: " + ", ".join(owed) + ".")
        yield Disarm(CLOSE_TIMER)
        yield from _closed(case, "close", close_reason(case), actor.name, now)

    def on_timer(self, case: Case, timer: Timer, now: datetime) -> Iterator[Effect]:
        """The policy's days are over."""
        if timer.name == NO_ANSWER_TIMER:
            yield from self._no_answer(case, now)
        elif timer.name == CLOSE_TIMER and states.possible(case.state, "close"):
            if still_owed(case):
                warn(case, "closing_waits")
                yield Arm(CLOSE_TIMER, at=now + AGAIN)
            else:
                yield from _closed(case, "close", close_reason(case), SYSTEM, now)

    def reminded(self, case: Case, at: datetime) -> Iterator[Effect]:
        """A reminder of our question went out; after the last one the days count until the case is closed."""
        if case.asked is None:
            return
        case.asked.reminded = [*case.asked.reminded, at]
        if self.after.no_answer and len(case.asked.reminded) >= self.after.reminders:
            begins = max(at, case.asked.answer_by)
            yield Arm(NO_ANSWER_TIMER, at=begins + timedelta(days=self.after.no_answer))

    def _no_answer(self, case: Case, now: datetime) -> Iterator[Effect]:
        asked = case.asked
        if asked is None or not states.possible(case.state, "no-answer"):
            return
        if case.unanswered_since or case.rank <= 1 or case.open_enquiries:
            call_lead(case, "no_answer")  # nobody's danger, claim or message ends by itself
            return
        closed = ComplaintClosed(
            at=now, by=SYSTEM, reason="no_answer", asked_at=asked.at, reminded_at=tuple(asked.reminded)
        )
        yield from _closed(case, "no-answer", "no_answer", SYSTEM, now, closed)


def _closed(
    case: Case, command: Literal["close", "no-answer"], reason: Reason, by: str, now: datetime,
    told: ComplaintClosed | None = None,
) -> Iterator[Effect]:  # fmt: skip
    move(case, command)
    case.closed_at, case.needs, case.lead_wanted, case.warnings = now, [], None, []
    case.close_reason, case.asked = reason, None
    yield from care.forget(case)
    case.note(now, "closed", by, reason=reason)
    yield from tell(case, told or ComplaintClosed(at=now, by=by, reason=reason))


def still_owed(case: Case) -> list[str]:
    """What keeps a case from being closed, in words; nothing is owed to who withdrew."""
    if case.state == "withdrawn":
        return []
    owed = [f"remedy {r.id}" for r in case.decision.open_remedies] if case.decision else []
    carried = case.decision is not None and not owed
    owed += [
        f"promise ({p.kind})" for p in case.promises.values() if p.kind in OWED and not (p.kind == "remedy" and carried)
    ]
    if case.open_enquiries:
        owed.append("enquiry")
    if case.unanswered_since:
        owed.append("an unanswered message of the customer")
    return owed


def close_reason(case: Case) -> Reason:
    """Why the case ends."""
    if case.state == "withdrawn":
        return "withdrawn"
    if case.accepted_at:
        return "accepted"
    return "resolved" if case.state == "resolved" else "final"
