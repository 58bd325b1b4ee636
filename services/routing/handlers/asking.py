"""What people write to a customer besides replies: questions, and the correction of an earlier letter."""

from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID

from shared.events.routing import (
    AddressWords,
    AuthorityRequested,
    BehalfWords,
    CorrectionWords,
    CorrectionWritten,
    InformationRequested,
    VerificationRequested,
    Words,
)
from shared.spine.effects import Disarm, Effect

from ..model import Asked, Case
from .ending import NO_ANSWER_TIMER
from .flow import Actor, move, new_id, own, tell, wrong


def ask(case: Case, text: str, answer_by: datetime, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Ask the customer for something; the case waits for them."""
    own(case, actor, "ask")
    _ahead(answer_by, now)
    request_id = new_id(case, "ask")
    move(case, "ask")
    case.asked = Asked(request_id, now, answer_by)
    case.note(now, "asked", actor.name, request_id=str(request_id), text=text, answer_by=answer_by.isoformat())
    yield Disarm(NO_ANSWER_TIMER)
    words = {case.customer_id: Words(text=text)} if case.customer_id else {}
    yield from tell(
        case,
        InformationRequested(request_id=request_id, answer_by=answer_by, handler=actor.staff, personal=words),
    )


def ask_authority(case: Case, on_behalf_of: str, answer_by: datetime, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Ask who speaks for somebody for that person's word. The work goes on, and so do the clocks."""
    own(case, actor, "ask-authority")
    _ahead(answer_by, now)
    request_id = new_id(case, "ask")
    case.note(now, "authority_asked", actor.name, on_behalf_of=on_behalf_of, answer_by=answer_by.isoformat())
    if case.customer_id is None:
        return
    yield from tell(
        case,
        AuthorityRequested(
            request_id=request_id,
            answer_by=answer_by,
            handler=actor.staff,
            personal={case.customer_id: BehalfWords(on_behalf_of=on_behalf_of)},
        ),
    )


def ask_identity(
    case: Case, address: str, message_at: datetime, answer_by: datetime, actor: Actor, now: datetime
) -> Iterator[Effect]:
    """A message about the case came from an address we do not know: ask its writer who they are, and tell nothing."""
    own(case, actor, "ask-identity")
    _ahead(answer_by, now)
    if message_at > now:
        raise wrong("/message_at", "The time is in the future.")
    request_id = new_id(case, "ask")
    case.note(now, "identity_asked", actor.name, address=address, answer_by=answer_by.isoformat())
    yield from tell(
        case,
        VerificationRequested(
            request_id=request_id,
            answer_by=answer_by,
            message_at=message_at,
            handler=actor.staff,
            personal={request_id: AddressWords(email=address)},
        ),
    )


def correct(
    case: Case, wrongly: str, right: str, letter_on: date, letter_id: UUID | None, text: str, actor: Actor,
    now: datetime,
) -> Iterator[Effect]:  # fmt: skip
    """Something in a letter that was sent is wrong: the customer is told what is right."""
    own(case, actor, "correction")
    if letter_on > now.date():
        raise wrong("/letter_on", "The day is in the future.")
    message_id = new_id(case, "correction")
    case.note(
        now, "correction", actor.name, wrong=wrongly, right=right, text=text, letter_on=letter_on.isoformat(),
        letter_id=str(letter_id) if letter_id else None,
    )  # fmt: skip
    if case.customer_id is None:
        return
    yield from tell(
        case,
        CorrectionWritten(
            message_id=message_id,
            letter_id=letter_id,
            letter_on=letter_on.isoformat(),
            handler=actor.staff,
            personal={case.customer_id: CorrectionWords(text=text, wrong=wrongly, right=right)},
        ),
    )


def _ahead(answer_by: datetime, now: datetime) -> None:
    if answer_by <= now:
        raise wrong("/answer_by", "The date is in the past.")
