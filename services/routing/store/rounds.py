"""What a round reads without locks, locks again, and writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..matching import Explanation
from ..policy import Policy
from ..waiting import Authority, Waiting, asked

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('amends.routing.round', 0))")
_KNOWN = "LEFT JOIN known_by k ON k.customer_id = w.customer_id AND k.at > now() - make_interval(secs => :known)"
# The signatures by a loose index scan (one descent each, however many cases wait), then the first k cases of each.
_WAITING = text(
    "WITH RECURSIVE s AS ("
    "(SELECT signature FROM case_file WHERE queued ORDER BY signature LIMIT 1) UNION ALL "
    "SELECT (SELECT c.signature FROM case_file c WHERE c.queued AND c.signature > s.signature "
    "ORDER BY c.signature LIMIT 1) FROM s WHERE s.signature IS NOT NULL) "
    "SELECT w.*, k.handler_id AS known_by, k.at AS known_at, now() AS now FROM s CROSS JOIN LATERAL ("
    "SELECT complaint_id, version, rank, order_at, waiting_since, tier, kind, queue, weight, wanted, unroutable, "
    "customer_id "
    "FROM case_file c WHERE c.queued AND c.signature = s.signature ORDER BY c.rank, c.order_at LIMIT :k) w "
    f"{_KNOWN} WHERE s.signature IS NOT NULL"
).columns(wanted=JSONB)
_ONE = text(
    "SELECT w.complaint_id, w.version, w.rank, w.order_at, w.waiting_since, w.tier, w.kind, w.queue, w.weight, "
    "w.wanted, w.unroutable, k.handler_id AS known_by, k.at AS known_at, now() AS now "
    f"FROM case_file w {_KNOWN} WHERE w.complaint_id = :id AND w.queued"
).columns(wanted=JSONB)
_FREE = text(
    "SELECT COALESCE(sum(h.capacity - COALESCE(b.n, 0)), 0) FROM handler h LEFT JOIN (SELECT handler_id, sum(weight) "
    "AS n FROM case_file WHERE busy GROUP BY handler_id) b ON b.handler_id = h.id "
    "WHERE h.presence = 'available' AND COALESCE(b.n, 0) < h.capacity"
)
_BACKLOG = text("SELECT count(*) FROM (SELECT 1 FROM case_file WHERE queued LIMIT :most) AS seen")
_LOCK_HANDLERS = text("SELECT id FROM handler WHERE id = ANY(:ids) ORDER BY id FOR UPDATE").bindparams(
    bindparam("ids", type_=ARRAY(Text))
)
_GIVEN = text("UPDATE handler SET given_at = now() WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Text))
)


@dataclass(frozen=True)
class Looked:
    """A waiting case as the round saw it."""

    waiting: Waiting
    unroutable: bool
    now: datetime


async def free_places(tx: AsyncConnection) -> int:
    """How many free places there are at handlers who are present."""
    return int((await tx.execute(_FREE)).scalar_one())


async def waiting(tx: AsyncConnection, policy: Policy, most: int) -> list[Looked]:
    """The first waiting cases of each requirement, at most so many of each."""
    rows = await tx.execute(_WAITING, {"k": most, "known": _known(policy)})
    return [_looked(row, policy) for row in rows]


async def waiting_one(tx: AsyncConnection, complaint_id: UUID, policy: Policy) -> Looked | None:
    """One waiting case; None when it does not wait."""
    row = (await tx.execute(_ONE, {"id": complaint_id, "known": _known(policy)})).one_or_none()
    return _looked(row, policy) if row else None


def _known(policy: Policy) -> float:
    return policy.stickiness.days * 86400


async def backlog(tx: AsyncConnection, most: int) -> int:
    """How many cases wait, counted up to `most`."""
    return int((await tx.execute(_BACKLOG, {"most": most})).scalar_one())


def _looked(row: Any, policy: Policy) -> Looked:
    wanted = row.wanted
    out = {h for h, until in wanted["excluded"].items() if datetime.fromisoformat(until) > row.now}
    view = Waiting(
        complaint_id=row.complaint_id,
        version=row.version,
        rank=row.rank,
        order_at=row.order_at,
        since=row.waiting_since,
        tier=wanted.get("tier") or row.tier,
        language=wanted["language"],
        skills=tuple((s, m) for s, m in wanted["skills"]),
        excluded=frozenset(out.union(wanted["deciders"])),
        offer=asked(row.kind, wanted.get("stage", 1), row.queue, policy),
        weight=row.weight,
        authority=_authority(wanted.get("authority")),
        last=row.known_by or wanted.get("last"),
        last_at=row.known_at,
    )
    return Looked(view, row.unroutable, row.now)


def _authority(wanted: list[str | None] | None) -> Authority | None:
    if not wanted or not wanted[0]:
        return None
    return wanted[0], Decimal(wanted[1]) if wanted[1] else None


async def lock_handlers(tx: AsyncConnection, ids: Sequence[str]) -> None:
    """Lock these handlers in the one order."""
    await tx.execute(_LOCK_HANDLERS, {"ids": sorted(ids)})


async def given(tx: AsyncConnection, ids: Sequence[str]) -> None:
    """These handlers were given something: they are no longer the longest idle."""
    if ids:
        await tx.execute(_GIVEN, {"ids": sorted(ids)})


async def keep_explanations(
    tx: AsyncConnection, rows: Sequence[tuple[UUID, int, str, Explanation]], now: datetime
) -> None:
    """Keep why these cases (id, version, outcome) went where they went."""
    await sql.upsert(
        tx,
        t.explanation,
        [
            {"complaint_id": i, "version": version, "at": now, "outcome": outcome, "document": why.document()}
            for i, version, outcome, why in rows
        ],
    )


async def explanation_of(tx: AsyncConnection, complaint_id: UUID) -> dict[str, Any] | None:
    """The last kept explanation of a case: `at`, `outcome`, `document`."""
    e = t.explanation.c
    query = (
        select(e.at, e.outcome, e.document).where(e.complaint_id == complaint_id).order_by(e.version.desc()).limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return dict(row._mapping) if row else None
