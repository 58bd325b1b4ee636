"""What a customer says later about a known complaint, and what follows from it. Pure.

Every command changes the view that the customer sees and yields the event that tells the other services. A word
that makes no sense now (disputing what is not decided) is refused with 409 and the words that are possible.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.base.errors import Conflict
from shared.events import intake as ev
from shared.events.common import Attachment
from shared.spine.effects import Effect, Emit

from .entry import clip
from .model import Case

CHASE_DAYS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Staffed:
    """Who of the staff wrote a word down, and the page on which the customer says whether it is so."""

    by: str
    confirm_url: str


@dataclass(slots=True)
class Said:
    """One later word: its own id, how and when it came, and its text."""

    id: UUID
    channel: str
    text: str = ""
    received_at: datetime | None = None
    promised_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    file_names: dict[UUID, str] = field(default_factory=dict)
    thread: ev.MailThread | None = None
    answers_letter: UUID | None = None
    staff: Staffed | None = None  # a member of staff wrote down what the customer is said to want
    unknown_sender: str | None = None  # the address that it came from, when that is no party's
    asks: bool = False
    quiet: bool = False
    reopen_within: timedelta | None = None  # the house's window; None: whoever reads it decides


def _common(case: Case, said: Said, now: datetime) -> dict[str, Any]:
    assert case.origin
    text, _ = clip(said.text)
    person = ev.Person(text=text or None, file_names=said.file_names)
    return {
        "customer_id": case.origin.customer_id,
        "channel": said.channel,
        "received_at": said.received_at or now,
        "personal": {case.origin.customer_id: person} if text or said.file_names else {},
    }


def _written(case: Case, said: Said, now: datetime) -> dict[str, Any]:
    """The same of a word that anybody may have written who had a letter of ours before them."""
    common = {**_common(case, said, now), "quiet": said.quiet or None}
    if not said.unknown_sender:
        return common
    stranger = {said.id: ev.Person(email=said.unknown_sender)}
    who = {"unknown_sender": said.id, "asks": said.asks or None}
    return {**common, **who, "personal": {**common["personal"], **stranger}}


def message(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """More from the customer: an answer, a correction, a file."""
    case.asked, case.answer_by = None, None
    if case.stage == "waiting_customer":
        case.stage = "assigned"
    case.note(said.received_at or now, "message", text=said.text[:2000])
    yield Emit(
        ev.CustomerReplied(
            message_id=said.id,
            attachments=said.attachments,
            thread=said.thread,
            answers_letter=said.answers_letter,
            **_written(case, said, now),
        )
    )


def chase(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """Where does the answer stay? Counted in seven days."""
    at = said.received_at or now
    case.chased_at = [t for t in case.chased_at if at - t < CHASE_DAYS] + [at]
    case.note(at, "chase", text=said.text[:2000])
    yield Emit(ev.ComplaintChased(count_7d=len(case.chased_at), **_written(case, said, now)))


def withdraw(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer takes the complaint back. When staff say so, it waits for the customer's own word."""
    _only(case, case.open, "It is not open any more.")
    if said.staff:
        case.withdrawal_asked = said.received_at or now
        case.note(case.withdrawal_asked, "withdrawal_asked")
        told = said.staff
        yield Emit(ev.WithdrawalRequested(by=told.by, confirm_url=told.confirm_url, **_common(case, said, now)))
        return
    by = "staff_confirmed" if case.withdrawal_asked else "customer"
    case.stage, case.withdrawal_asked = "withdrawn", None
    case.note(said.received_at or now, "withdrawn")
    yield Emit(ev.ComplaintWithdrawn(by=by, **_common(case, said, now)))


def keep(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer does not withdraw, whatever staff wrote down."""
    _only(case, case.withdrawal_asked is not None, "Nobody wrote down a withdrawal.")
    case.withdrawal_asked = None
    case.note(said.received_at or now, "withdrawal_kept")
    return message(case, said, now) if said.text else ()


def revoke_links(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """Every link that was given out for this complaint ends; a contact or PIN opens it as before."""
    case.link_edition += 1
    case.note(said.received_at or now, "links_revoked")
    return ()


def accept(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer accepts what was decided."""
    _only(case, case.stage in ("decided", "answered", "resolved", "closed"), "There is no decision to accept yet.")
    case.note(said.received_at or now, "accepted")
    yield Emit(ev.OutcomeAccepted(**_common(case, said, now)))


def dispute(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer does not accept what was decided."""
    _only(case, case.stage in ("decided", "answered", "resolved"), "There is no decision to dispute now.")
    case.stage = "disputed"
    case.note(said.received_at or now, "disputed", text=said.text[:2000])
    yield Emit(ev.OutcomeDisputed(**_common(case, said, now)))


def reopen(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """It is not solved after all."""
    _only(case, case.stage in ("answered", "resolved", "closed"), "It is still being worked on.")
    late = said.reopen_within is not None and not _within(case, now, said.reopen_within)
    _only(case, not late, "The time in which it can be opened again is over; a new complaint is welcome.")
    case.note(said.received_at or now, "reopen_asked", text=said.text[:2000])
    yield Emit(ev.ReopenRequested(**_written(case, said, now)))


def ask_for_manager(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer wants to speak to somebody above the handler."""
    case.note(said.received_at or now, "manager_asked")
    yield Emit(ev.ManagerRequested(**_common(case, said, now)))


def call_me(case: Case, said: Said, now: datetime) -> Iterable[Effect]:
    """The customer wants to be called."""
    case.note(said.received_at or now, "call_asked")
    yield Emit(ev.CallbackRequested(request_id=said.id, promised_at=said.promised_at, **_common(case, said, now)))


Command = Callable[[Case, Said, datetime], Iterable[Effect]]
COMMANDS: dict[str, Command] = {
    "messages": message,
    "chase": chase,
    "withdraw": withdraw,
    "accept": accept,
    "dispute": dispute,
    "ask-for-manager": ask_for_manager,
    "call-me": call_me,
    "reopen": reopen,
    "keep": keep,
    "revoke-links": revoke_links,
}
NEEDS_TEXT = frozenset({"messages"})


def possible(case: Case, now: datetime | None = None, reopen_within: timedelta | None = None) -> list[str]:
    """The words that make sense now, as the tracking page offers them."""
    allowed = ["messages"]
    if case.withdrawal_asked:
        allowed += ["keep"]
    if case.stage in ("answered", "resolved"):
        allowed += ["accept", "dispute"]
    if case.open:
        allowed += ["ask-for-manager", "call-me"]
        if case.stage not in ("answered", "resolved"):
            allowed += ["withdraw"]
    if case.stage in ("resolved", "closed") and (now is None or not reopen_within or _within(case, now, reopen_within)):
        allowed += ["reopen"]
    return allowed


def _within(case: Case, now: datetime, window: timedelta) -> bool:
    return case.ended_at is None or now - case.ended_at <= window


def _only(case: Case, condition: bool, detail: str) -> None:
    if not condition:
        raise Conflict(detail, allowed=possible(case))
