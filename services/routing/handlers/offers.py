"""From waiting to an owner: given or offered by the round, accepted, declined, expired, or moved by a person."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from shared.base.errors import Conflict, Problem
from shared.events.common import Staff
from shared.events.routing import (
    ComplaintAssigned,
    ComplaintTransferred,
    ComplaintUnroutable,
    OfferMade,
    RequirementsRelaxed,
)
from shared.spine.effects import Arm, Effect, Timer

from .. import states
from ..matching import Assignment, Explanation
from ..model import Case, Handler, Offer, OfferRow
from ..policy import Policy
from .flow import OFFER_TIMER, SYSTEM, Actor, Unchanged, assign, end_offer, exclude, move, new_id, own, release, tell


class Offers:
    """The moves of a case between queue and desk, by the house's rules."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def give(self, case: Case, choice: Assignment, lead: Staff | None, now: datetime) -> Iterator[Effect]:
        """What the round decided: an offer, or (pushed work, second stage, questions) the case itself."""
        if choice.step:
            yield from self._relaxed(case, choice, now)
        if not choice.case.offer:
            move(case, "push")
            assign(case, choice.handler.staff, lead, now)
            case.note(now, "assigned", SYSTEM, handler=choice.handler.id)
            yield from tell(case, ComplaintAssigned(handler=choice.handler.staff, lead=case.lead, mode="push"))
            return
        move(case, "offer")
        case.offers_made += 1
        expires = now + timedelta(seconds=self.policy.offer_for(case.queue, case.channel))
        offer = Offer(new_id(case, "offer"), choice.handler.staff, lead, now, expires, case.offers_made)
        case.offer, case.unroutable = offer, False
        case.pending.offers.append(OfferRow(offer.offer_id, case.complaint_id, choice.handler.id, "open", now, expires))
        case.note(now, "offered", SYSTEM, handler=choice.handler.id, until=expires.isoformat())
        yield Arm(OFFER_TIMER, at=expires, version=case.offers_made)
        yield from tell(case, OfferMade(offer_id=offer.offer_id, handler_id=choice.handler.id, expires_at=expires))

    def _relaxed(self, case: Case, choice: Assignment, now: datetime) -> Iterator[Effect]:
        handler, step = choice.handler, self.policy.relaxation[choice.step - 1]
        dropped = [f"{s}>={m}" for s, m in case.skills if handler.skills.get(s, 0) < m]
        if choice.case.tier not in handler.tiers:
            dropped.append(f"tier {choice.case.tier}")
        case.note(now, "relaxed", SYSTEM, step=choice.step, dropped=dropped, reason=step.reason)
        yield from tell(case, RequirementsRelaxed(step=choice.step, dropped=tuple(dropped), reason=step.reason))

    def unroutable(self, case: Case, why: Explanation, now: datetime) -> Iterator[Effect]:
        """Nobody can take it: told once per wait, and put on the lead's list."""
        case.unroutable = True
        reasons = tuple(f"{reason}: {len(who)}" for reason, who in sorted(why.refused.items())) or ("no handlers",)
        case.note(now, "unroutable", SYSTEM, queue=case.queue, reasons=list(reasons))
        yield from tell(case, ComplaintUnroutable(queue=case.queue, reasons=reasons))

    def accept(self, case: Case, offer_id: UUID, actor: Actor, now: datetime) -> Iterator[Effect]:
        """The offer's handler takes the case. Raises Unchanged when he has it already, Conflict when it is over."""
        offer = self._mine(case, offer_id, actor)
        if offer is None:
            if case.accepted_offer == offer_id and case.handler and case.handler.id == actor.name:
                raise Unchanged
            raise Conflict("This offer has expired or is taken.", state=case.state)
        if now >= offer.expires_at:
            raise Conflict("This offer has expired.", state=case.state)
        yield from end_offer(case, "accepted", now)
        move(case, "accept")
        assign(case, offer.handler, offer.lead, now)
        case.accepted_offer = offer_id
        case.note(now, "assigned", actor.name, handler=offer.handler.id)
        yield from tell(case, ComplaintAssigned(handler=offer.handler, lead=case.lead, mode="offer", offer_id=offer_id))

    def decline(self, case: Case, offer_id: UUID, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
        """Back to the queue with its original age; this handler is not asked again for a while."""
        offer = self._mine(case, offer_id, actor)
        if offer is None or now >= offer.expires_at:
            raise Conflict("This offer has expired or is taken.", state=case.state)
        yield from end_offer(case, "declined", now, reason)
        move(case, "decline")
        exclude(case, offer.handler.id, now, self.policy.exclude.declined)
        case.note(now, "offer_declined", actor.name, handler=offer.handler.id, reason=reason)

    def on_timer(self, case: Case, timer: Timer, now: datetime) -> Iterator[Effect]:
        """An offer nobody answered: back to the queue with its original age."""
        offer = case.offer
        if timer.name != OFFER_TIMER or offer is None or offer.version != timer.version or case.state != "offered":
            return
        yield from end_offer(case, "expired", now)
        move(case, "expire")
        exclude(case, offer.handler.id, now, self.policy.exclude.expired)
        case.note(now, "offer_expired", SYSTEM, handler=offer.handler.id)

    @staticmethod
    def _mine(case: Case, offer_id: UUID, actor: Actor) -> Offer | None:
        offer = case.offer if case.offer and case.offer.offer_id == offer_id else None
        if offer and offer.handler.id != actor.name and not actor.leads:
            raise Problem(403, "Forbidden", "This offer was made to somebody else.")
        return offer

    def transfer(
        self, case: Case, to: Handler | None, queue: str | None, reason: str, actor: Actor, now: datetime
    ) -> Iterator[Effect]:
        """To another person at once, or back to a queue. From the queue or an offer only a lead gives it."""
        if to is not None:
            yield from self._to_person(case, to, reason, actor, now)
            return
        own(case, actor, "transfer-to-queue")
        assert case.handler is not None
        if queue is not None and queue not in self.policy.queues:
            raise Problem(
                422, "Unprocessable content", "Some fields are wrong.",
                errors=[{"pointer": "/queue", "detail": f"There is no queue {queue}."}],
            )  # fmt: skip
        before = case.handler.id
        move(case, "transfer-to-queue")
        case.queue = queue or case.queue
        release(case, now, exclude_for=self.policy.exclude.reassigned)
        case.note(now, "transferred", actor.name, before=before, queue=case.queue, reason=reason)
        yield from tell(case, ComplaintTransferred(from_handler=before, queue=case.queue, by=actor.name, reason=reason))

    def _to_person(self, case: Case, to: Handler, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
        own(case, actor, "transfer")
        if case.stage == 2 and to.id in case.deciders:
            raise Conflict("The second stage is decided by somebody who has not worked on the case.", state=case.state)
        waiting = case.state in states.QUEUED or case.state == "offered"
        yield from end_offer(case, "revoked", now, "given by a lead")
        before = case.handler.id if case.handler else None
        move(case, "transfer")
        assign(case, to.staff, case.lead or (actor.staff if actor.leads else None), now)
        case.note(
            now, "assigned" if waiting else "transferred", actor.name, before=before, handler=to.id, reason=reason
        )
        if waiting or before is None:
            yield from tell(case, ComplaintAssigned(handler=to.staff, lead=case.lead, mode="lead"))
        else:
            payload = ComplaintTransferred(from_handler=before, handler=to.staff, by=actor.name, reason=reason)
            yield from tell(case, payload)
