"""Letters that a person begins here: regret and action after harm, and one notice to many."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.base.errors import Conflict, NotFound, Problem
from shared.spine.effects import Effect

from .debts import Debts
from .model import Facts, LetterRow, Matter

HARM = ("T0", "T1")


class Notices:
    """Pure, like `Debts`. What they owe waits until somebody else has approved it."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def regret(self, matter: Matter, inputs: dict[str, Any], who: str, now: datetime) -> Iterator[Effect]:
        """Regret without admission, and what is done now; signed by whoever has the case, named by `who`."""
        facts = _open(matter)
        if facts.level not in HARM:
            raise Conflict("This letter is for danger to life or a claim. Write a reply instead.", level=facts.level)
        if facts.handler is None:
            raise Conflict("Nobody has the case yet: somebody has to sign for it.")
        trigger = uuid5(matter.complaint_id, f"regret:{matter.version + 1}")
        given = {**inputs, "handler": facts.handler.model_dump()}
        yield from self.debts.owe(matter, facts, trigger, "regret_and_action", now, inputs=given, by_person=who)
        _written(matter, trigger)

    def notify(self, matter: Matter, notice: UUID, inputs: dict[str, Any], who: str, now: datetime) -> Iterator[Effect]:
        """The part of a notice that goes to this customer; the same notice a second time changes nothing."""
        facts = _open(matter)
        trigger = uuid5(matter.complaint_id, f"notice:{notice}")
        if any(row.trigger == trigger for row in matter.letters):
            return
        given = {**inputs, "notice": str(notice)}
        yield from self.debts.owe(matter, facts, trigger, "bulk_notice", now, inputs=given, by_person=who)
        _written(matter, trigger)


def _open(matter: Matter) -> Facts:
    if matter.facts is None or matter.facts.kind != "complaint":
        raise NotFound("complaint")
    if matter.facts.withdrawn:
        raise Conflict("The complaint was withdrawn.")
    return matter.facts


def _written(matter: Matter, trigger: UUID) -> None:
    """Refuse what cannot be written at all: nobody could approve it."""
    row: LetterRow | None = next((row for row in matter.letters if row.trigger == trigger), None)
    if row is None or row.state != "blocked" or row.text == "" or row.findings:
        reason = (row.reason if row else None) or "it cannot be sent to anybody"
        pointer = f"/{reason.removeprefix('missing: ')}" if reason.startswith("missing: ") else ""
        raise Problem(
            422,
            "Unprocessable",
            f"The letter cannot go out: {reason}.",
            errors=[{"pointer": pointer, "detail": reason}],
        )
