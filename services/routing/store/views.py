"""Reads on behalf of callers: lists, search, one case's history and offers, the lead's figures."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .. import states
from .. import tables as t
from .finding import among

MOST = 200
_c, _h, _o = t.case.c, t.history.c, t.offer.c
_SUMMARY = (
    _c.complaint_id, _c.version, _c.kind, _c.state, _c.reference, _c.queue, _c.tier, _c.severity, _c.rank, _c.due_at,
    _c.received_at, _c.handler_id, _c.unroutable, _c.lead_wanted, _c.customer_name,
    _c.document["cause"].astext.label("cause"), _c.document["warnings"].label("warnings"),
    _c.document["unanswered_since"].astext.label("unanswered_since"),
)  # fmt: skip
# The lead alone may decline it: T0, T1 (ranks 0 and 1), or vulnerable.
_GUARDED = or_(_c.rank < 2, func.coalesce(_c.document["vulnerable"].as_boolean(), False)).label("guarded")


async def cases(
    tx: AsyncConnection,
    *,
    q: str | None = None,
    state: Sequence[str] = (),
    handler: str | None = None,
    queue: str | None = None,
    for_lead: bool = False,
    unroutable: bool = False,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Summaries in the order of work: rank, then the deadline. `q`: see finding.py. Raises TooShort."""
    query = select(*_SUMMARY).order_by(_c.rank, _c.order_at, _c.complaint_id).limit(min(limit, MOST))
    query = query.where(_c.document["probe"].astext.is_distinct_from("pipeline"))
    if state:
        query = query.where(_c.state.in_(state))
    if handler:
        query = query.where(_c.handler_id == handler)
    if queue:
        query = query.where(_c.queue == queue)
    if unroutable:
        query = query.where(_c.unroutable, _c.queued)
    if for_lead:
        query = query.where(or_(_c.lead_wanted.is_not(None), _c.unroutable), _c.state.not_in(states.ENDED))
    if q:
        query = query.where(among(q))
    return [dict(row._mapping) for row in await tx.execute(query)]


async def mystery(tx: AsyncConnection, limit: int) -> list[dict[str, Any]]:
    """Closed cases of mystery customers, the latest first."""
    closed_at = _c.document["closed_at"].astext
    query = (
        select(
            _c.complaint_id, _c.reference, _c.received_at, closed_at.label("closed_at"), _c.handler_id, _c.tier,
            _c.queue, _c.document["source"].astext.label("source"), _c.document["cause"].astext.label("cause"),
            _c.document["decision"]["overall"].astext.label("overall"),
        )
        .where(_c.state == "closed", _c.document["probe"].astext == "mystery")
        .order_by(closed_at.desc())
        .limit(limit)
    )  # fmt: skip
    return [dict(row._mapping) for row in await tx.execute(query)]


async def history(tx: AsyncConnection, complaint_id: UUID) -> list[dict[str, Any]]:
    """Everything that happened, in the order in which it was noted."""
    query = select(_h.n, _h.at, _h.kind, _h.actor, _h.data).where(_h.complaint_id == complaint_id).order_by(_h.n)
    return [dict(row._mapping) for row in await tx.execute(query)]


async def offers(tx: AsyncConnection, complaint_id: UUID) -> list[dict[str, Any]]:
    """All offers of a case, the first one first."""
    query = select(*_o).where(_o.complaint_id == complaint_id).order_by(_o.made_at)
    return [dict(row._mapping) for row in await tx.execute(query)]


async def open_offers(tx: AsyncConnection, handler_id: str) -> list[dict[str, Any]]:
    """What is offered to a handler now, with what he has to know to decide."""
    query = (
        select(_o.offer_id, _o.made_at, _o.expires_at, *_SUMMARY, _GUARDED)
        .join_from(t.offer, t.case, _o.complaint_id == _c.complaint_id)
        .where(_o.handler_id == handler_id, _o.state == "open", _o.expires_at > func.now())
        .order_by(_o.expires_at)
    )
    return [dict(row._mapping) for row in await tx.execute(query)]


async def references(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """What people call these cases."""
    query = select(_c.complaint_id, _c.reference).where(_c.complaint_id.in_(ids))
    return {row.complaint_id: row.reference for row in await tx.execute(query)} if ids else {}


async def offer_case(tx: AsyncConnection, offer_id: UUID) -> UUID | None:
    """The complaint of an offer."""
    found: UUID | None = await tx.scalar(select(_o.complaint_id).where(_o.offer_id == offer_id))
    return found


async def waiting_by_tier(tx: AsyncConnection) -> list[dict[str, Any]]:
    """Per tier and queue: how many wait, and since when the oldest does."""
    query = (
        select(_c.tier, _c.queue, func.count().label("waiting"), func.min(_c.waiting_since).label("oldest"))
        .where(_c.queued)
        .group_by(_c.tier, _c.queue)
        .order_by(_c.tier, _c.queue)
    )
    return [dict(row._mapping) for row in await tx.execute(query)]
