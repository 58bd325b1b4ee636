"""Outside bodies: a case is given to one, and what it decided is recorded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from shared.base.errors import Problem
from shared.events.common import Overall, Remedy
from shared.events.routing import ComplaintReferredOutside, OutsideDecided, ReferralWords
from shared.spine.effects import Effect

from ..model import Case, DecisionMade, OutsideDecision
from .flow import Actor, end_offer, move, new_id, own, require, tell, wrong

How = Literal["referred", "forwarded", "out_of_scope"]
Outcome = Literal["upheld", "partly", "not_upheld", "settled", "discontinued"]
_OVERALL: dict[Outcome, Overall] = {"upheld": "upheld", "partly": "partly", "settled": "partly"}


@dataclass(frozen=True, slots=True)
class Referral:
    """To whom a case goes, how, and what the customer has to know of it. Days are ISO dates."""

    body: str
    how: How = "referred"
    contact: str | None = None
    reference: str | None = None
    reason: str | None = None
    examined: tuple[str, ...] = ()
    answer_by: str | None = None
    file_by: str | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an outside body decided, and what it makes us do."""

    body: str
    outcome: Outcome
    decided_on: date
    binding: bool
    reference: str | None = None
    remedies: Sequence[Remedy] = ()


def refer(case: Case, to: Referral, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Somebody outside decides from here on: the owner, a lead, or anybody while nobody owns the case."""
    require(case, "external")
    if case.handler is not None:
        own(case, actor, "external")
    _complete(to)
    yield from end_offer(case, "revoked", now, "referred outside")
    move(case, "external")
    case.needs = []
    case.note(
        now, "external", actor.name, body=to.body, how=to.how, contact=to.contact, reference=to.reference,
        reason=to.reason, answer_by=to.answer_by, file_by=to.file_by,
    )  # fmt: skip
    words = ReferralWords(reason=to.reason, examined=to.examined) if to.reason or to.examined else None
    yield from tell(
        case,
        ComplaintReferredOutside(
            at=now, body=to.body, by=actor.name, how=to.how, contact=to.contact, reference=to.reference,
            answer_by=to.answer_by, file_by=to.file_by, handler=actor.staff,
            personal={case.customer_id: words} if words and case.customer_id else None,
        ),
    )  # fmt: skip


def _complete(to: Referral) -> None:
    if to.how == "out_of_scope" and not (to.reason and to.examined):
        missing = "/examined" if to.reason else "/reason"
        raise wrong(missing, "The customer is told why others decide, and what we looked at.")
    if to.how != "referred" and not to.contact:
        raise wrong("/contact", "The customer is told how to reach them.")


def decided(case: Case, ruling: Ruling, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Their decision, kept beside ours. What a binding one makes us do is owed until it is carried out."""
    own(case, actor, "outside-decision")
    if ruling.decided_on > now.date():
        raise wrong("/decided_on", "The day is in the future.")
    if ruling.reference and any((o.body, o.reference) == (ruling.body, ruling.reference) for o in case.outside):
        raise Problem(409, "Conflict", "The decision with this reference is recorded.")
    if ruling.remedies and not ruling.binding:
        raise wrong("/remedies", "A decision that does not bind us orders nothing.")
    decision_id = new_id(case, "outside")
    decided_at = datetime.combine(ruling.decided_on, datetime.min.time(), now.tzinfo)
    case.outside = [
        *case.outside,
        OutsideDecision(
            decision_id, ruling.body, ruling.outcome, decided_at, ruling.binding, ruling.reference,
            len(ruling.remedies),
        ),
    ]  # fmt: skip
    if ruling.remedies:
        result = _OVERALL.get(ruling.outcome, "not_upheld")
        case.decision = DecisionMade(
            decision_id, result, now, ruling.body, case.stage, tuple(ruling.remedies), told_at=now
        )
    case.note(
        now, "outside_decision", actor.name, decision_id=str(decision_id), body=ruling.body, outcome=ruling.outcome,
        decided_on=ruling.decided_on.isoformat(), binding="yes" if ruling.binding else "no",
        reference=ruling.reference, remedies=[r.model_dump(mode="json", exclude_none=True) for r in ruling.remedies],
    )  # fmt: skip
    yield from tell(
        case,
        OutsideDecided(
            decision_id=decision_id, body=ruling.body, outcome=ruling.outcome, decided_at=decided_at,
            binding=ruling.binding, reference=ruling.reference, remedies=tuple(ruling.remedies), by=actor.name,
        ),
    )  # fmt: skip
