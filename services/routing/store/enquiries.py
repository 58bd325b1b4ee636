"""Enquiries as departments see them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..model import Case

_ANSWER = sql.Statement(
    "UPDATE enquiry e SET answer = u.answer, answered_at = u.at FROM unnest(CAST(:ids AS uuid[]), "
    "CAST(:answers AS text[]), CAST(:times AS timestamptz[])) AS u(id, answer, at) WHERE e.enquiry_id = u.id"
)
# What the customer has said so far, the latest last: what a department reads instead of somebody's summary.
_THEIRS = ("received", "customer_replied", "chased", "reopen_requested", "outcome_disputed")
MOST_WORDS = 5
_e, _c, _h = t.enquiry.c, t.case.c, t.history.c


async def keep(tx: AsyncConnection, cases: Sequence[Case]) -> None:
    """Write what departments were asked, and what they answered."""
    asked = [{**vars(row), "class": case.kind} for case in cases for row in case.pending.enquiries]
    await sql.insert(tx, t.enquiry, asked)
    if answers := [answer for case in cases for answer in case.pending.answers]:
        ids, words, times = zip(*answers, strict=True)
        await _ANSWER.rows(tx, {"ids": list(ids), "answers": list(words), "times": list(times)})


async def customer_words(tx: AsyncConnection, complaint_id: UUID) -> list[str]:
    """The customer's own words: the complaint, and the last few things that they said since."""
    query = select(_h.data).where(_h.complaint_id == complaint_id, _h.kind.in_(_THEIRS)).order_by(_h.n)
    said = [
        "\n".join(filter(None, (row.data.get("text"), row.data.get("expected")))) for row in await tx.execute(query)
    ]
    said = [words for words in said if words]
    return said[:1] + said[1:][-(MOST_WORDS - 1) :]


async def listed(
    tx: AsyncConnection, *, department: str | None = None, answered: bool = False, limit: int = 50
) -> list[dict[str, Any]]:
    """Enquiries, the one that is due first at the top."""
    query = (
        select(
            _e.enquiry_id, _e.complaint_id, _c.reference, _e.department, _e.question, _e.customer, _e.due, _e.asked_at,
            _c.handler_id.label("asked_by"), _e.answer, _e.answered_at,
        )
        .join_from(t.enquiry, t.case, _e.complaint_id == _c.complaint_id)
        .where(_e.answered_at.is_not(None) if answered else _e.answered_at.is_(None))
        .order_by(_e.due, _e.enquiry_id)
        .limit(limit)
    )  # fmt: skip
    if department:
        query = query.where(_e.department == department)
    return [dict(row._mapping) for row in await tx.execute(query)]
