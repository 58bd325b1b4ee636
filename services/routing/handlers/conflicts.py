"""Conflicts of interest: who has one leaves the case to others, for good."""

from collections.abc import Iterator
from datetime import datetime

from shared.base.errors import Problem
from shared.events.routing import ComplaintTransferred
from shared.spine.effects import Effect

from .. import states
from ..model import Case
from .flow import Actor, call_lead, end_offer, move, release, require, tell

CONFLICT = "conflict of interest"  # what others learn of it; the reason stays in the history


def declare(case: Case, who: str, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A handler says it of himself, a lead of anybody. The case leaves that person's desk or offers at once."""
    require(case, "conflict")
    if who != actor.name and not actor.leads:
        raise Problem(403, "Forbidden", "A handler declares only his own conflict of interest.")
    if who in case.conflicts:
        raise Problem(409, "Conflict", "This conflict of interest is known.")
    case.conflicts = {**case.conflicts, who: reason}
    case.note(now, "conflict", actor.name, handler=who, reason=reason)
    if case.lead is not None and case.lead.id == who:
        case.lead = None
    if case.offer is not None and case.offer.handler.id == who:
        yield from end_offer(case, "revoked", now, CONFLICT)
        move(case, "transfer-to-queue")
    elif case.handler is not None and case.handler.id == who:
        yield from leave(case, actor.name, now)


def leave(case: Case, by: str, now: datetime) -> Iterator[Effect]:
    """Off the owner's desk; where the state knows no way back into the queue, a lead has to give it away."""
    assert case.handler is not None
    if not states.possible(case.state, "transfer-to-queue"):
        call_lead(case, "conflict_of_interest")
        return
    before = case.handler.id
    move(case, "transfer-to-queue")
    release(case, now)
    case.note(now, "transferred", by, before=before, queue=case.queue, reason=CONFLICT)
    yield from tell(case, ComplaintTransferred(from_handler=before, queue=case.queue, by=by, reason=CONFLICT))
