"""What follows from promises: an apology that names the broken one, the record of one that was kept by hand."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from shared.base.errors import NotFound, Problem
from shared.spine.effects import Disarm, Effect

from . import promises
from .debts import Debts, cancel, hold_timer, unclaimed
from .model import Facts, LetterRow, Matter, Promise

# What is quoted in its own words when it was not done; of an answer or an update the missed moment is told.
_QUOTED = ("remedy", "callback")


class Pledges:
    """The ledger of promises as far as it makes letters. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def broken(self, matter: Matter, facts: Facts, id_: UUID, now: datetime) -> Iterator[Effect]:
        """A promise's moment has passed: it is broken, and the customer is owed an apology that names it."""
        for promise in matter.promises:
            if promise.id == id_ and promise.state == "open":
                yield from promises.broken(promise, now)
                yield from self._apologise(matter, facts, promise, now)

    def _apologise(self, matter: Matter, facts: Facts, promise: Promise, now: datetime) -> Iterator[Effect]:
        if promise.kind in _QUOTED:
            inputs = {"letter_on": promise.made_at.isoformat() if promise.made_at else None, "what": promise.what}
            inputs["promise"] = str(promise.id)
            yield from self.debts.owe(matter, facts, promise.id, "remedy_delayed", now, inputs=inputs)
        elif not _told_otherwise(matter, promise) and told_once(facts, promise.due_at):
            clock = "next_update" if promise.kind == "update" else "decision"
            missed = {"clock": clock, "missed": promise.due_at.isoformat(), "promise": str(promise.id)}
            yield from self.debts.owe(matter, facts, promise.id, "delay_apology", now, inputs=missed)

    def kept(self, matter: Matter, id_: UUID, at: datetime, evidence: str, who: str, now: datetime) -> Iterator[Effect]:
        """A person says, with evidence, that a promise was kept in time; one that was broken only for us is mended.

        Raises Problem when the promise is not open or broken, or `at` is after its moment or in the future.
        """
        promise = next((p for p in matter.promises if p.id == id_), None)
        if promise is None:
            raise NotFound("promise that is open or broken")
        if at > now or at > promise.due_at:
            late = "It was due before that: a promise kept late is a broken one." if at <= now else "That is not yet."
            raise Problem(422, "Unprocessable", late, errors=[{"pointer": "/at", "detail": late}])
        yield from promises.kept(promise, at, f"{who}: {evidence}")
        yield from self.done(matter, promise, "the promise was kept in time")

    def done(self, matter: Matter, promise: Promise, why: str) -> Iterator[Effect]:
        """Nobody has to apologise for this promise any more, if the letter has not left."""
        for row in unclaimed(matter):
            if names(row, promise):
                cancel(row, why)
                yield Disarm(hold_timer(row.id))


def names(row: LetterRow, promise: Promise) -> bool:
    """Whether this letter is the apology for this promise and no other."""
    return row.inputs.get("promise") == str(promise.id) and not row.inputs.get("joined")


def _told_otherwise(matter: Matter, promise: Promise) -> bool:
    """Whether a letter gave a later day before this one had passed: then that is the one the customer waits for."""
    return any(
        p.kind == promise.kind and p.state == "open" and p.due_at > promise.due_at
        and p.made_at is not None and p.made_at <= promise.due_at
        for p in matter.promises
    )  # fmt: skip


def told_once(facts: Facts, missed: datetime) -> bool:
    """Whether an apology for this moment is owed; after that it is not. A clock and a promise often share one."""
    key = missed.isoformat()
    if key in facts.apologised:
        return False
    facts.apologised = [*facts.apologised, key][-20:]
    return True
