"""What became of letters and promises, as far as it moves the case or becomes somebody's task."""

from collections.abc import Iterator
from datetime import datetime

from shared.events.envelope import Event
from shared.events.notifier import (
    LetterBlocked,
    LetterFailed,
    LetterSent,
    LetterText,
    LetterUnknown,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)
from shared.spine.effects import Effect

from ..model import Case, Promised
from . import probes
from .ending import Ending
from .flow import SYSTEM, first_response, move, warn


def on_letter_sent(case: Case, event: Event[LetterSent], now: datetime, ending: Ending) -> Iterator[Effect]:
    """Kept in the conversation; a decision's letter makes the outcome communicated, a person's one is a response."""
    if not case.known:
        return
    data = event.data
    words = next(iter(data.personal.values()), LetterText())
    case.note(
        data.sent_at,
        "letter_sent",
        data.by_person or SYSTEM,
        letter=data.kind,
        letter_id=str(data.letter_id),
        subject=words.subject,
        text=words.text,
    )
    if data.kind == "acknowledgement":
        case.acknowledged(data.sent_at)
    yield from probes.answered(case, data.kind, data.sent_at)
    decision = case.decision
    told = data.kind in ("resolution", "final") and decision is not None and data.decision_id == decision.decision_id
    summarised = data.kind == "call_summary" and decision is not None and decision.called_at is not None
    if decision is not None and (told or summarised):
        decision.told_at = decision.told_at or data.sent_at
        if case.state == "decided":
            move(case, "resolution-sent")
            if case.stage == 2:
                yield ending.later(now, ending.after.final)
        case.unanswered_since = None
    if data.kind == "reminder":
        yield from ending.reminded(case, data.sent_at)
    if data.by_person:
        yield from first_response(case, data.sent_at, "letter", data.by_person)
        if case.unanswered_since and case.unanswered_since <= data.sent_at:
            case.unanswered_since = None


def on_letter_failed(case: Case, event: Event[LetterFailed], now: datetime) -> Iterator[Effect]:
    """The customer does not have this letter: a task for the owner."""
    if case.known:
        case.note(now, "letter_failed", SYSTEM, letter=event.data.kind, reason=event.data.reason)
        warn(case, f"letter_failed:{event.data.kind}")
    return iter(())


def on_letter_blocked(case: Case, event: Event[LetterBlocked], now: datetime) -> Iterator[Effect]:
    """A letter may not go out as it is: a task for the owner."""
    if case.known:
        findings = list(event.data.findings)
        case.note(now, "letter_blocked", SYSTEM, letter=event.data.kind, reason=event.data.reason, findings=findings)
        warn(case, f"letter_blocked:{event.data.kind}")
    return iter(())


def on_letter_unknown(case: Case, event: Event[LetterUnknown], now: datetime) -> Iterator[Effect]:
    """Nobody knows whether this letter arrived: a person decides whether it is sent again."""
    if case.known:
        case.note(now, "letter_unknown", SYSTEM, letter=event.data.kind, letter_id=str(event.data.letter_id))
        warn(case, f"letter_unknown:{event.data.kind}")
    return iter(())


def on_promise_made(case: Case, event: Event[PromiseMade], now: datetime) -> Iterator[Effect]:
    """Written down until it is kept."""
    if case.known:
        case.promises = {**case.promises, event.data.promise_id: Promised(event.data.kind, event.data.due_at)}
    return iter(())


def on_promise_kept(case: Case, event: Event[PromiseKept], now: datetime) -> Iterator[Effect]:
    """Nothing is owed for it any more."""
    if case.known:
        case.promises = {k: v for k, v in case.promises.items() if k != event.data.promise_id}
        case.note(event.data.kept_at, "promise_kept", SYSTEM, promise=event.data.kind)
    return iter(())


def on_promise_broken(case: Case, event: Event[PromiseBroken], now: datetime) -> Iterator[Effect]:
    """It stays owed, and the owner sees it."""
    if case.known:
        case.note(event.data.due_at, "promise_broken", SYSTEM, promise=event.data.kind)
        warn(case, f"promise_broken:{event.data.kind}")
    return iter(())
