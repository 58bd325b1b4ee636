"""Finding cases by what people know of them, by one index whatever the number of cases."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..finding import query, words_of
from ..model import Case

# The words come as JSON: unnest would flatten an array of arrays.
_KEEP = sql.Statement(
    "INSERT INTO case_search (complaint_id, words, class, legal_hold) "
    "SELECT id, array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(words::jsonb))), class, false "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:words AS text[]), CAST(:classes AS text[])) AS u(id, words, class) "
    "ON CONFLICT (complaint_id) DO UPDATE SET words = EXCLUDED.words"
)


async def keep(tx: AsyncConnection, cases: Sequence[Case]) -> None:
    """Write what these cases are found by: one statement."""
    if not cases:
        return
    words = [
        words_of(name=c.name, phone=c.phone, email=c.email, reference=c.reference, order=c.order_ref) for c in cases
    ]
    arguments = {
        "ids": [c.complaint_id for c in cases],
        "words": [sql.to_json(w) for w in words],
        "classes": [c.kind for c in cases],
    }
    await _KEEP.rows(tx, arguments)


def among(typed: str) -> ColumnElement[bool]:
    """The condition that a case is one of those that were asked for. Raises TooShort."""
    asked = text("words @@ CAST(:words AS tsquery)").bindparams(bindparam("words", query(typed), Text))
    found: Any = select(t.search.c.complaint_id).where(asked)
    return t.case.c.complaint_id.in_(found)
