"""Authority: which sums a signatory may grant, who has to approve the rest and by when, and what an approver amends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.base.errors import Problem
from shared.calendars import builtin
from shared.events.common import Decision

from .letter import Commitment
from .model import LetterRow
from .policy import Policy

OVERDUE = "approval overdue"
_TIMER = "approval"


@dataclass(frozen=True, slots=True)
class Amendment:
    """A remedy as an approver wants it: another sum, another day (ISO date), or both."""

    remedy: str
    amount: Decimal | None = None
    by: str | None = None


def above(row: LetterRow, policy: Policy) -> dict[str, Decimal]:
    """What a letter promises beyond its signatory's authority, by currency; empty when nobody else has to agree.

    The signatory's own authority counts when routing named it, otherwise the house's. A currency without one has none.
    """
    limits = _limits(row, policy)
    return {currency: n for currency, n in sums(row.promises).items() if n > limits.get(currency, Decimal(0))}


def sums(promised: Iterable[Commitment]) -> dict[str, Decimal]:
    """Money that is promised, by currency."""
    found: dict[str, Decimal] = {}
    for one in promised:
        if one.amount and one.currency:
            found[one.currency] = found.get(one.currency, Decimal(0)) + Decimal(one.amount)
    return found


def _limits(row: LetterRow, policy: Policy) -> Mapping[str, Decimal]:
    own: Mapping[str, str] = row.inputs.get("authority") or {}
    return {currency: Decimal(limit) for currency, limit in own.items()} if own else policy.authority


def asked(row: LetterRow, over: Mapping[str, Decimal], policy: Policy, now: datetime) -> datetime:
    """Put a letter on the approvers' list; gives when it must have been decided."""
    known = row.inputs.get("approval")
    due = datetime.fromisoformat(known["due_at"]) if known else _due(policy, now)
    limits = _limits(row, policy)
    row.inputs = {
        **row.inputs,
        "approval": {
            "due_at": due.isoformat(),
            "sums": {currency: str(n) for currency, n in over.items()},
            "authority": {currency: str(limits.get(currency, Decimal(0))) for currency in over},
        },
    }
    return due


def _due(policy: Policy, now: datetime) -> datetime:
    return builtin().get(policy.approval_calendar).add(now, policy.approve_within)


def reason(over: Mapping[str, Decimal]) -> str:
    """Why the letter waits."""
    return f"approval: {', '.join(f'{n} {c}' for c, n in over.items())} is above the signatory's authority"


def timer(letter: UUID) -> str:
    """The name of the timer that says when an approval is overdue."""
    return f"{_TIMER}/{letter}"


def decided(row: LetterRow, who: str, why: str | None, now: datetime) -> None:
    """Record who let a letter go, when, and why."""
    row.inputs = {**row.inputs, "approved_by": who, "approved_at": now.isoformat(), "approval_reason": why}


def amend(row: LetterRow, changes: Sequence[Amendment], who: str, why: str, now: datetime) -> None:
    """Change remedies in the decision that a letter is written from. Raises Problem naming one that is not in it.

    What was decided first stays on record with who changed it and why.
    """
    record = Decision.model_validate(row.inputs["decision"])
    remedies = {r.id: r for r in record.remedies}
    log: list[dict[str, Any]] = list(row.inputs.get("amended", []))
    for n, change in enumerate(changes):
        before = remedies.get(change.remedy)
        if before is None or (change.amount is not None and before.amount is None):
            detail = "There is no such remedy." if before is None else "This remedy has no sum."
            raise Problem(422, "Unprocessable", detail, errors=[{"pointer": f"/remedies/{n}/remedy", "detail": detail}])
        new = {"amount": str(change.amount) if change.amount is not None else before.amount,
               "by": change.by or before.by}  # fmt: skip
        remedies[change.remedy] = before.model_copy(update=new)
        log.append({
            "who": who, "at": now.isoformat(), "reason": why, "remedy": change.remedy,
            "from": {"amount": before.amount, "by": before.by}, "to": new,
        })  # fmt: skip
    record = record.model_copy(update={"remedies": tuple(remedies.values())})
    row.inputs = {**row.inputs, "decision": record.model_dump(exclude_none=True), "amended": log}
