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
    HandlerSetAway,
    OfferMade,
    RequirementsRelaxed,
)
from shared.spine.effects import Arm, Effect, Timer

from .. import states
from ..matching import STRICT, Assignment, Explanation
from ..model import Case, Handler, Offer, OfferRow
from ..policy import Policy
from ..staff import asks
from .flow import (
    OFFER_TIMER,
    SYSTEM,
    Actor,
    Unchanged,
    assign,
    end_offer,
    exclude,
    move,
    new_id,
    own,
    release,
    tell,
    wrong,
)


class Offers:
    """The moves of a case between queue and desk, by the house's rules."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def give(self, case: Case, choice: Assignment, lead: Staff | None, now: datetime) -> Iterator[Effect]:
        """What the round decided: an offer, or (pushed work, second stage, questions) the case itself."""
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
        """What each step that the chosen handler needed has given up, with the time at which it began."""
        if not choice.step:
            return
        asked = asks(choice.case, STRICT)
        for n, step in enumerate(self.policy.relaxation[: choice.step], 1):
            still = asks(choice.case, step)
            dropped = [name for name in asked if name not in still]
            if n == choice.step and step.leads and choice.handler.is_lead:
                dropped += [name for name in still if not still[name](choice.handler)]
            asked = still
            if not dropped and n < choice.step:
                continue
            at = min(now, choice.case.since + timedelta(seconds=step.after))
            case.note(at, "relaxed", SYSTEM, step=n, dropped=dropped, reason=step.reason)
            yield from tell(case, RequirementsRelaxed(step=n, dropped=tuple(dropped), reason=step.reason), at)

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
        """Back to the queue with its original age; this handler is not asked again for a while.

        Raises Problem (403) when the case may be given back by the lead alone.
        """
        offer = self._mine(case, offer_id, actor)
        if offer is None or now >= offer.expires_at:
            raise Conflict("This offer has expired or is taken.", state=case.state)
        if case.guarded and not actor.leads:
            raise Problem(403, "Forbidden", "This case is not declined without the lead: accept it or call your lead.")
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
        before = case.pending.expired_in_row
        if before is not None and before + 1 >= self.policy.expired_offers_set_away:
            case.note(now, "handler_set_away", SYSTEM, handler=offer.handler.id, expired=before + 1)
            yield from tell(
                case,
                HandlerSetAway(handler_id=offer.handler.id, offer_id=offer.offer_id, expired_in_row=before + 1),
            )

    def leave(self, case: Case, offer_id: UUID, now: datetime) -> Iterator[Effect]:
        """The offer's handler went away: the case goes to the next one at once. Raises Unchanged when it is over."""
        if case.offer is None or case.offer.offer_id != offer_id:
            raise Unchanged
        handler = case.offer.handler.id
        yield from end_offer(case, "revoked", now, "the handler left")
        move(case, "leave")
        case.note(now, "offer_withdrawn", SYSTEM, handler=handler)

    @staticmethod
    def _mine(case: Case, offer_id: UUID, actor: Actor) -> Offer | None:
        offer = case.offer if case.offer and case.offer.offer_id == offer_id else None
        if offer and offer.handler.id != actor.name and not actor.leads:
            raise Problem(403, "Forbidden", "This offer was made to somebody else.")
        return offer

    def transfer(
        self, case: Case, to: Handler | None, queue: str | None, reason: str, actor: Actor, now: datetime,
        note: str | None = None,
    ) -> Iterator[Effect]:  # fmt: skip
        """To another person at once, or back to a queue. From the queue or an offer only a lead gives it.

        `note` is what the next one has to know; whoever gives a case out of somebody's hands writes one.
        """
        if to is not None:
            yield from self._to_person(case, to.staff, reason, note, actor, now)
            return
        yield from self._to_queue(case, queue, reason, note, actor, now)

    def take_over(self, case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
        """A lead makes the case his own, from wherever it is."""
        if not actor.leads:
            raise Problem(403, "Forbidden", "Only a lead takes a case over.")
        if case.handler is not None and case.handler.id == actor.name:
            raise Unchanged
        yield from self._to_person(case, actor.staff, reason, reason, actor, now)

    def pull_back(self, case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
        """A lead takes a case off a desk, or an offer back, into its queue."""
        if not actor.leads:
            raise Problem(403, "Forbidden", "Only a lead pulls a case back.")
        yield from self._to_queue(case, None, reason, None, actor, now)

    def _to_queue(
        self, case: Case, queue: str | None, reason: str, note: str | None, actor: Actor, now: datetime
    ) -> Iterator[Effect]:
        own(case, actor, "transfer-to-queue")
        if queue is not None and queue not in self.policy.queues:
            raise wrong("/queue", f"There is no queue {queue}.")
        before = case.handler.id if case.handler else None
        if case.offer is not None:  # pulled back before anybody took it: it waits on with its age
            exclude(case, case.offer.handler.id, now, self.policy.exclude.reassigned)
        yield from end_offer(case, "revoked", now, reason)
        move(case, "transfer-to-queue")
        case.queue = queue or case.queue
        if before is not None:
            release(case, now, exclude_for=self.policy.exclude.reassigned)
        case.note(now, "transferred", actor.name, before=before, queue=case.queue, reason=reason)
        _hand_off(case, note, actor, now)
        if before is not None:
            payload = ComplaintTransferred(from_handler=before, queue=case.queue, by=actor.name, reason=reason)
            yield from tell(case, payload)

    def _to_person(
        self, case: Case, to: Staff, reason: str, note: str | None, actor: Actor, now: datetime
    ) -> Iterator[Effect]:
        own(case, actor, "transfer")
        if case.stage == 2 and to.id in case.deciders:
            raise Conflict("The second stage is decided by somebody who has not worked on the case.", state=case.state)
        if to.id in case.conflicts:
            raise Conflict("This person has a conflict of interest.", state=case.state)
        if note is None and case.handler is not None and case.handler.id != to.id:
            raise wrong("/note", "Write what the next one has to know.")
        waiting = case.state in states.QUEUED or case.state == "offered"
        yield from end_offer(case, "revoked", now, "given by a lead")
        before = case.handler.id if case.handler else None
        move(case, "transfer")
        assign(case, to, case.lead or (actor.staff if actor.leads else None), now)
        case.note(
            now, "assigned" if waiting else "transferred", actor.name, before=before, handler=to.id, reason=reason
        )
        _hand_off(case, note, actor, now)
        if waiting or before is None:
            yield from tell(case, ComplaintAssigned(handler=to, lead=case.lead, mode="lead"))
        else:
            payload = ComplaintTransferred(from_handler=before, handler=to, by=actor.name, reason=reason)
            yield from tell(case, payload)


def _hand_off(case: Case, note: str | None, actor: Actor, now: datetime) -> None:
    """The hand-off note is for the next one's eyes: it stays inside, as every note does."""
    if note:
        case.note(now, "note", actor.name, text=note, hand_off=True)
