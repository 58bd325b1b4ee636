"""A letter before it is owed, from what the notifier holds of the complaint: what this customer would be sent now."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from pydantic import Field, field_validator

from shared.events.common import Decision, Staff

from . import approvals
from .debts import still_promised
from .desk import look
from .letter import Kind
from .model import Facts, LetterRow, Matter, letter_id
from .shapes import Body, PreviewOut, record_of
from .writer import Writer


class ForeseeIn(Body):
    """What is to be told, and who signs. `authority`: what the signatory may grant alone, by currency."""

    kind: Kind = "resolution"
    decision: Decision | None = None
    words: str | None = Field(None, max_length=20_000, description="For a reply in one's own words")
    handler: Staff | None = Field(None, description="Who signs; without it, who has the case")
    authority: dict[str, Decimal] | None = Field(None, max_length=50)

    @field_validator("decision", mode="before")
    @classmethod
    def _decision(cls, value: Any) -> Any:
        return record_of(value)


class ForeseeOut(PreviewOut):
    """The preview; `above`: sums that somebody else has to approve, by currency; `promised`: what is still open."""

    language: str
    above: dict[str, Decimal] = {}
    promised: list[str] = []


def foresee(writer: Writer, matter: Matter, facts: Facts, wanted: ForeseeIn, now: datetime) -> ForeseeOut:
    """Write the letter, with what the rules find in it. Nothing is kept."""
    handler = wanted.handler or facts.handler
    if wanted.kind == "final":  # the second stage, whichever decision this complaint had last
        facts = facts.model_copy(update={"stage": max(2, facts.stage)})
    trigger = uuid4()
    row = LetterRow(
        id=letter_id(trigger, wanted.kind, "complainant"), complaint_id=matter.complaint_id, trigger=trigger,
        kind=wanted.kind, state="owed", language=facts.language, automatic=False, address=facts.person.email,
    )  # fmt: skip
    row.inputs = {
        "decision": wanted.decision.model_dump(exclude_none=True) if wanted.decision else None,
        "handler": handler.model_dump() if handler else None,
        "authority": {c: str(n) for c, n in wanted.authority.items()} if wanted.authority else None,
        "still_promised": still_promised(matter, row, now),
    }
    if wanted.words:
        row.inputs["words"] = wanted.words
    seen = look(writer, row, facts, now)
    above = approvals.above(row, writer.policy) if seen.missing is None else {}
    return ForeseeOut(**seen.model_dump(), language=row.language, above=above, promised=row.inputs["still_promised"])
