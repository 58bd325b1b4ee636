"""What the desk page reads and keeps beside cases: news, drafts, the week's sample, a customer's earlier complaints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import states
from .. import tables as t
from ..live import Change

CHANNEL = "amends_desk"
DRAFT_DAYS = 30
SAMPLE_MOST = 200
_c, _h = t.case.c, t.history.c
_NOTIFY = sql.Statement("SELECT pg_notify(:channel, :message)")


async def notify(tx: AsyncConnection, message: str) -> None:
    """Tell whoever listens at any replica; at most 8,000 bytes."""
    await _NOTIFY.rows(tx, {"channel": CHANNEL, "message": message})


async def changes(tx: AsyncConnection, ids: Sequence[UUID] | None = None) -> list[Change]:
    """How these cases stand, or all that wait or are worked on."""
    query = select(_c.complaint_id, _c.handler_id, (_c.queued | _c.lead_wanted.is_not(None)).label("queued"))
    query = query.where(_c.busy | _c.queued).limit(20_000) if ids is None else query.where(_c.complaint_id.in_(ids))
    return [Change(row.complaint_id, row.handler_id, bool(row.queued)) for row in await tx.execute(query)]


async def keep_draft(tx: AsyncConnection, complaint_id: UUID, who: str, kind: str, fields: dict[str, str]) -> None:
    """Keep what somebody has typed so far; what nobody came back to for a month goes at the same time."""
    await tx.execute(delete(t.draft).where(t.draft.c.delete_after < func.now(), ~t.draft.c.legal_hold))
    row = insert(t.draft).values(
        {
            "complaint_id": complaint_id, "handler_id": who, "kind": kind, "fields": fields, "class": "draft",
            "at": func.now(), "delete_after": func.now() + text(f"interval '{DRAFT_DAYS} days'"), "legal_hold": False,
        }
    )  # fmt: skip
    new = {name: row.excluded[name] for name in ("fields", "at", "delete_after")}
    await tx.execute(row.on_conflict_do_update(index_elements=["complaint_id", "handler_id", "kind"], set_=new))


async def draft(tx: AsyncConnection, complaint_id: UUID, who: str, kind: str) -> tuple[dict[str, str], datetime] | None:
    """What somebody typed before, and when."""
    d = t.draft.c
    query = select(d.fields, d.at).where(d.complaint_id == complaint_id, d.handler_id == who, d.kind == kind)
    row = (await tx.execute(query)).one_or_none()
    return (dict(row.fields), row.at) if row else None


async def drop_drafts(tx: AsyncConnection, complaint_id: UUID, kind: str) -> None:
    """Forget everybody's drafts of this kind: what they were for has been done."""
    await tx.execute(delete(t.draft).where(t.draft.c.complaint_id == complaint_id, t.draft.c.kind == kind))


_ROW = (
    _c.complaint_id, _c.version, _c.kind, _c.state, _c.reference, _c.queue, _c.tier, _c.severity, _c.rank, _c.due_at,
    _c.received_at, _c.waiting_since, _c.handler_id, _c.unroutable, _c.lead_wanted, _c.customer_name,
    _c.document["cause"].astext.label("cause"), _c.document["warnings"].label("warnings"),
    _c.document["unanswered_since"].astext.label("unanswered_since"), _c.document["clocks"].label("clocks"),
    _c.document["product"].astext.label("product"), _c.document["language"].astext.label("language"),
    _c.document["triggers"].label("triggers"), _c.document["vulnerable"].label("vulnerable"),
)  # fmt: skip


async def rows(tx: AsyncConnection, *where: Any, limit: int) -> list[dict[str, Any]]:
    """Cases as lists show them, in the order of work."""
    query = select(*_ROW).where(*where).order_by(_c.rank, _c.order_at, _c.complaint_id).limit(limit)
    return [dict(row._mapping) for row in await tx.execute(query)]


async def mine(tx: AsyncConnection, who: str, wanted: Sequence[str], limit: int = 100) -> list[dict[str, Any]]:
    """The cases in these states that somebody has."""
    return await rows(tx, _c.handler_id == who, _c.state.in_(wanted), limit=limit)


async def waiting(tx: AsyncConnection, limit: int = 30) -> list[dict[str, Any]]:
    """Who waits for a handler, the next one first."""
    return await rows(tx, _c.queued, limit=limit)


async def for_lead(tx: AsyncConnection, limit: int = 50) -> list[dict[str, Any]]:
    """Cases that want a lead, or that nobody can take."""
    return await rows(tx, _c.lead_wanted.is_not(None) | _c.unroutable, _c.state.not_in(states.ENDED), limit=limit)


_BY_SKILL = text(
    "SELECT s.value ->> 0 AS skill, tier, count(*) AS waiting, min(waiting_since) AS oldest "
    "FROM case_file CROSS JOIN LATERAL jsonb_array_elements(wanted -> 'skills') AS s(value) "
    "WHERE queued GROUP BY 1, 2 ORDER BY 1, 2"
)
_DECLINES = text(
    "SELECT c.document ->> 'cause' AS cause, count(*) AS offers, "
    "count(*) FILTER (WHERE o.state = 'declined') AS declined, count(*) FILTER (WHERE o.state = 'expired') AS expired "
    "FROM offer o JOIN case_file c USING (complaint_id) WHERE o.made_at > now() - make_interval(days => :days) "
    "AND c.document ->> 'probe' IS NULL AND o.state IN ('accepted', 'declined', 'expired') "
    "GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1"
)
_SAMPLE = text(
    "SELECT c.complaint_id, c.reference, c.state, c.tier, c.severity, c.received_at, c.customer_name, c.handler_id, "
    "c.document ->> 'cause' AS cause, c.document ->> 'channel' AS channel, "
    "c.document -> 'decision' ->> 'overall' AS overall, h.data AS words FROM (SELECT * FROM case_file "
    "WHERE kind = 'complaint' AND document ->> 'probe' IS NULL AND received_at >= :since AND received_at < :until "
    "ORDER BY md5(:seed || complaint_id::text), complaint_id LIMIT :most) c "
    "LEFT JOIN history h ON h.complaint_id = c.complaint_id AND h.kind = 'received' "
    "ORDER BY md5(:seed || c.complaint_id::text), c.complaint_id"
)
_EARLIER = text(
    "SELECT complaint_id, reference, state, received_at, document ->> 'cause' AS cause, "
    "document -> 'decision' ->> 'overall' AS overall FROM case_file "
    "WHERE customer_id = :customer AND complaint_id <> :this ORDER BY received_at DESC LIMIT 10"
)


async def waiting_by_skill(tx: AsyncConnection) -> list[dict[str, Any]]:
    """Per skill and tier: how many wait, and since when the oldest does. A case counts for each skill it needs."""
    return [dict(row._mapping) for row in await tx.execute(_BY_SKILL)]


async def declines(tx: AsyncConnection, days: int = 30) -> list[dict[str, Any]]:
    """Per cause: offers that were answered or ran out, and how many were declined or expired."""
    return [dict(row._mapping) for row in await tx.execute(_DECLINES, {"days": days})]


async def sample(tx: AsyncConnection, since: datetime, until: datetime, seed: str, most: int) -> list[dict[str, Any]]:
    """Complaints received in this time, chosen by a hash of the seed and their ids: the same ones whenever asked."""
    values = {"since": since, "until": until, "seed": seed, "most": min(most, SAMPLE_MOST)}
    return [dict(row._mapping) for row in await tx.execute(_SAMPLE, values)]


async def earlier(tx: AsyncConnection, customer: UUID, this: UUID) -> list[dict[str, Any]]:
    """A customer's other complaints, the latest first."""
    return [dict(row._mapping) for row in await tx.execute(_EARLIER, {"customer": customer, "this": this})]


_CAPACITY = text("UPDATE handler SET capacity = :capacity, revision = revision + 1 WHERE id = :id")


async def set_capacity(tx: AsyncConnection, handler_id: str, capacity: int) -> None:
    """How many cases somebody may have at a time."""
    await tx.execute(_CAPACITY, {"id": handler_id, "capacity": capacity})
