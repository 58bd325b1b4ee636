"""Steps that several handlers share: moving the case, taking its owner away, telling the others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from shared.base.errors import Problem
from shared.events.common import Attachment, Staff
from shared.events.envelope import Payload, named_id
from shared.events.intake import Person
from shared.events.routing import FirstResponseGiven, OfferEnded
from shared.spine.effects import Disarm, Effect, Emit

from .. import states
from ..metrics import OFFERS_BY_CAUSE
from ..model import Case, Handler, Mark, Met, OfferRow
from ..states import Command

OFFER_TIMER = "offer"
SYSTEM = "amends"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives a command. `handler` is their entry in the staff list, if they have one."""

    name: str
    role: str
    handler: Handler | None = None

    @property
    def leads(self) -> bool:
        """Whether they may act on any case, not only their own."""
        return self.role in ("lead", "manager")

    @property
    def staff(self) -> Staff:
        """As customers may know them."""
        if self.handler:
            return self.handler.staff
        return Staff(id=self.name, name=self.name, role_title=self.role, contact="")


class Unchanged(Exception):
    """The command was carried out before: the answer is the same, nothing is changed."""


def move(case: Case, command: Command) -> None:
    """The table's next state. Raises Conflict with the allowed moves."""
    case.state = states.after(case.state, command, case.stage)


def require(case: Case, command: Command) -> None:
    """Raise Conflict when the state forbids the command, before anything is changed."""
    states.after(case.state, command, case.stage)


def wrong(pointer: str, detail: str) -> Problem:
    """A 422 about one field."""
    return Problem(
        422, "Unprocessable content", "Some fields are wrong.", errors=[{"pointer": pointer, "detail": detail}]
    )


def own(case: Case, actor: Actor, command: Command) -> None:
    """Refuse (409, then 403) what the state forbids and what is not this person's case."""
    require(case, command)
    if actor.name in case.conflicts:
        raise Problem(403, "Forbidden", "You have declared a conflict of interest: others work on this case.")
    if not actor.leads and (case.handler is None or case.handler.id != actor.name):
        raise Problem(403, "Forbidden", "Only the case's handler or a lead may do that.")


def new_id(case: Case, what: str) -> UUID:
    """An id for something that the present command makes."""
    return named_id(case.complaint_id, f"routing:{what}:{case.version + 1}")


def tell(case: Case, payload: Payload, time: datetime | None = None) -> Iterator[Effect]:
    """An event, if it is a complaint: nobody follows the life of a question or of praise."""
    if case.is_complaint:
        yield Emit(payload, time)


def sent_files(attachments: Sequence[Attachment], person: Person) -> list[dict[str, Any]]:
    """Files that the customer sent, for the history: intake has their bytes."""
    return [
        {"id": str(a.id), "name": person.file_names.get(a.id, ""), "media_type": a.media_type, "size": a.size}
        for a in attachments
    ]


def end_offer(
    case: Case, outcome: Literal["accepted", "declined", "expired", "revoked"], now: datetime, reason: str | None = None
) -> Iterator[Effect]:
    """Close the open offer, whatever the case does next."""
    offer, case.offer = case.offer, None
    if offer is None:
        return
    handler = offer.handler.id
    case.pending.offers.append(
        OfferRow(offer.offer_id, case.complaint_id, handler, outcome, offer.made_at, offer.expires_at, now, reason)
    )
    if outcome != "revoked":
        case.pending.marks.append(Mark(handler, outcome, now))
    if outcome in ("accepted", "declined") and case.is_complaint:
        yield OFFERS_BY_CAUSE.add(case.cause, outcome)
    yield Disarm(OFFER_TIMER)
    yield from tell(case, OfferEnded(offer_id=offer.offer_id, handler_id=handler, outcome=outcome, reason=reason))


def assign(case: Case, handler: Staff, lead: Staff | None, now: datetime) -> None:
    """Make somebody the owner."""
    case.handler, case.lead, case.assigned_at = handler, lead if lead and lead.id != handler.id else None, now
    case.unroutable = False
    if case.customer_id is not None:
        case.pending.met.append(Met(case.customer_id, handler.id, now))


def release(case: Case, now: datetime, *, exclude_for: float = 0.0) -> None:
    """Take the case off its owner's desk; it waits anew, and he is not chosen again for that many seconds."""
    if case.handler and exclude_for:
        exclude(case, case.handler.id, now, exclude_for)
    case.handler, case.assigned_at, case.waiting_since = None, None, now
    case.unroutable = False


def exclude(case: Case, handler_id: str, now: datetime, seconds: float) -> None:
    """Keep a handler out of this case's matching for a time; exclusions that have ended are dropped."""
    case.exclusions = {h: until for h, until in case.exclusions.items() if until > now}
    case.exclusions[handler_id] = now + timedelta(seconds=seconds)


def first_response(case: Case, at: datetime, how: Literal["contact", "letter"], by: str) -> Iterator[Effect]:
    """The first response by a person, once."""
    if case.first_response_at is None:
        case.first_response_at = at
        yield from tell(case, FirstResponseGiven(at=at, how=how, by=by), at)


def warn(case: Case, what: str) -> None:
    """Put a task on the case's list, once."""
    if what not in case.warnings:
        case.warnings = [*case.warnings[-9:], what]


def call_lead(case: Case, why: str) -> None:
    """Put the case on the lead's list, keeping the first reason."""
    case.lead_wanted = case.lead_wanted or why
