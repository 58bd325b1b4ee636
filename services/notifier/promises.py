"""Promises: every date and remedy in a letter that was sent, and what keeps or breaks it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from shared.events.envelope import named_id
from shared.events.notifier import PromiseBroken, PromiseKept, PromiseMade, PromiseWords
from shared.spine.effects import Arm, Disarm, Effect, Emit

from .letter import Commitment
from .metrics import PROMISES
from .model import Matter, Promise

# A letter of this kind, sent in time, keeps promises of these kinds.
KEPT_BY_LETTER = {
    "resolution": ("date", "update"),
    "final": ("date", "update"),
    "summary_resolution": ("date", "update"),
    "progress": ("update",),
    "delay_apology": ("update",),
    "information_request": ("update",),
    "reply": ("update",),
}
KEPT_BY_CONTACT = ("update", "callback")


def due_at(commitment: Commitment) -> datetime:
    """The moment when a commitment is broken; a bare day lasts until its end."""
    text = commitment.due
    if len(text) == len("2026-06-09"):
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def promise_id(letter_id: UUID, n: int) -> UUID:
    """The id of the n-th promise of a letter."""
    return named_id(letter_id, f"promise:{n}")


def timer(promise: UUID) -> str:
    """The name of the timer that breaks a promise."""
    return f"promise/{promise}"


def made(letter_id: UUID, customer_id: UUID | None, commitments: list[Commitment]) -> Iterator[Effect]:
    """What follows when a letter with these commitments was sent."""
    for n, one in enumerate(commitments):
        id_, due = promise_id(letter_id, n), due_at(one)
        yield Emit(
            PromiseMade(
                promise_id=id_,
                kind=one.kind,
                due_at=due,
                letter_id=letter_id,
                remedy_id=one.remedy_id,
                amount=one.amount,
                currency=one.currency,
                personal={customer_id: PromiseWords(what=one.what)} if customer_id else {},
            )
        )
        yield Arm(timer(id_), at=due)


def kept(promise: Promise, at: datetime, evidence: str) -> Iterator[Effect]:
    """The promise was kept: by an event that is named as the evidence."""
    promise.state, promise.settled_at, promise.evidence, promise.changed = "kept", at, evidence, True
    yield Emit(
        PromiseKept(promise_id=promise.id, kind=promise.kind, due_at=promise.due_at, kept_at=at, evidence=evidence),
        time=at,
    )
    yield Disarm(timer(promise.id))


def broken(promise: Promise, now: datetime) -> Iterator[Effect]:
    """The promise's moment has passed."""
    promise.state, promise.settled_at, promise.changed = "broken", promise.due_at, True
    yield Emit(
        PromiseBroken(promise_id=promise.id, kind=promise.kind, due_at=promise.due_at, noticed_at=now),
        time=promise.due_at,
    )


def let_go(matter: Matter, now: datetime) -> Iterator[Effect]:
    """Nothing is owed any more: the complaint was withdrawn."""
    for promise in matter.promises:
        if promise.state == "open":
            promise.state, promise.settled_at, promise.changed = "cancelled", now, True
            yield Disarm(timer(promise.id))
            yield PROMISES.add(promise.kind, "cancelled")
