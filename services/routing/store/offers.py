"""Offers beyond their cases: what a handler is asked now, and how often offers are declined."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OPEN = text("SELECT offer_id, complaint_id FROM offer WHERE handler_id = :handler AND state = 'open' ORDER BY made_at")
_BY_CAUSE = text(
    "SELECT COALESCE(c.document->>'cause', 'unknown') AS cause, o.state, o.reason, count(*) AS n "
    "FROM offer o JOIN case_file c USING (complaint_id) "
    "WHERE o.ended_at > now() - make_interval(days => :days) GROUP BY 1, 2, 3"
)


async def open_of(tx: AsyncConnection, handler_id: str) -> list[tuple[UUID, UUID]]:
    """The open offers of a handler with their complaints, the oldest first."""
    return [(row.offer_id, row.complaint_id) for row in await tx.execute(_OPEN, {"handler": handler_id})]


async def by_cause(tx: AsyncConnection, days: int) -> list[dict[str, Any]]:
    """Per cause: offers that were `accepted`, `declined`, `expired` or `revoked`, the `decline_rate` among those that
    were answered (None when none was), and the `reasons` of what was declined; the highest rate first."""
    found: dict[str, dict[str, Any]] = {}
    for row in await tx.execute(_BY_CAUSE, {"days": days}):
        fresh = {"cause": row.cause, "accepted": 0, "declined": 0, "expired": 0, "revoked": 0, "reasons": {}}
        one = found.setdefault(row.cause, fresh)
        one[row.state] += row.n
        if row.state == "declined":
            one["reasons"][row.reason or ""] = row.n
    for one in found.values():
        answered = one["accepted"] + one["declined"]
        one["decline_rate"] = round(one["declined"] / answered, 3) if answered else None
        one["reasons"] = dict(sorted(one["reasons"].items(), key=lambda kv: -kv[1]))
    return sorted(found.values(), key=lambda one: (-(one["decline_rate"] or 0.0), one["cause"]))
