"""What a round reads without locks, locks again, and writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..matching import Explanation
from ..policy import Policy
from ..waiting import Authority, Waiting, asked

_LOCK = sql.Statement("SELECT pg_advisory_xact_lock(hashtextextended('amends.routing.round', 0))")
_KNOWN = "LEFT JOIN known_by k ON k.customer_id = w.customer_id AND k.at > now() - make_interval(secs => :known)"
_CASE = (
    "w.signature, w.complaint_id, w.version, w.rank, w.order_at, w.waiting_since, w.tier, w.kind, w.queue, w.weight, "
    "CAST(w.wanted AS text), w.unroutable, k.handler_id, k.at, now()"
)
# The signatures by a loose index scan (one descent each, however many cases wait), then the first k cases of each.
_WAITING = sql.Statement(
    "WITH RECURSIVE s AS ("
    "(SELECT signature FROM case_file WHERE queued ORDER BY signature LIMIT 1) UNION ALL "
    "SELECT (SELECT c.signature FROM case_file c WHERE c.queued AND c.signature > s.signature "
    "ORDER BY c.signature LIMIT 1) FROM s WHERE s.signature IS NOT NULL) "
    f"SELECT {_CASE}, (SELECT count(*) FROM (SELECT 1 FROM case_file WHERE queued LIMIT :count) AS seen) "
    "FROM s CROSS JOIN LATERAL (SELECT signature, complaint_id, version, rank, order_at, "
    "waiting_since, tier, kind, queue, weight, wanted, unroutable, customer_id "
    "FROM case_file c WHERE c.queued AND c.signature = s.signature ORDER BY c.rank, c.order_at LIMIT :most) w "
    f"{_KNOWN} WHERE s.signature <> ALL(CAST(:without AS text[]))"
)
_ONE = sql.Statement(f"SELECT {_CASE} FROM case_file w {_KNOWN} WHERE w.complaint_id = :id AND w.queued")
_FREE = sql.Statement(
    "SELECT COALESCE(sum(h.capacity - COALESCE(b.n, 0)), 0) FROM handler h LEFT JOIN (SELECT handler_id, sum(weight) "
    "AS n FROM case_file WHERE busy GROUP BY handler_id) b ON b.handler_id = h.id "
    "WHERE h.presence = 'available' AND COALESCE(b.n, 0) < h.capacity"
)
_LOCK_HANDLERS = sql.Statement("SELECT id FROM handler WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR UPDATE")
_GIVEN = sql.Statement("UPDATE handler SET given_at = now() WHERE id = ANY(CAST(:ids AS text[]))")


@dataclass(frozen=True)
class Looked:
    """A waiting case as the round saw it, under the signature by which it stands in the queue."""

    signature: str
    waiting: Waiting
    unroutable: bool
    now: datetime


async def lock(tx: AsyncConnection) -> None:
    """One round writes at a time."""
    await _LOCK.rows(tx)


async def free_places(tx: AsyncConnection) -> int:
    """How many free places there are at handlers who are present."""
    return int((await _FREE.rows(tx))[0][0])


async def waiting(
    tx: AsyncConnection, policy: Policy, most: int, without: Iterable[str] = (), count: int = 0
) -> tuple[list[Looked], int]:
    """The first waiting cases of each requirement, at most so many of each; none `without` these signatures.

    And how many cases wait in all, counted up to `count`.
    """
    arguments = {"most": most, "known": _known(policy), "without": list(without), "count": count}
    rows = await _WAITING.rows(tx, arguments)
    return [_looked(row[:-1], policy) for row in rows], rows[0][-1] if rows else 0


async def waiting_one(tx: AsyncConnection, complaint_id: UUID, policy: Policy) -> Looked | None:
    """One waiting case; None when it does not wait."""
    rows = await _ONE.rows(tx, {"id": complaint_id, "known": _known(policy)})
    return _looked(rows[0], policy) if rows else None


def _known(policy: Policy) -> float:
    return policy.stickiness.days * 86400


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The column `wanted` of a case."""

    tier: str | None
    language: str
    skills: tuple[tuple[str, int], ...]
    out: tuple[tuple[str, datetime], ...]
    deciders: frozenset[str]
    stage: int
    authority: Authority | None
    last: str | None


@lru_cache(maxsize=4096)  # most cases want one of a few things
def _wanted(text: str) -> _Wanted:
    wanted = from_json(text)
    return _Wanted(
        tier=wanted.get("tier"),
        language=wanted["language"],
        skills=tuple((s, m) for s, m in wanted["skills"]),
        out=tuple((h, datetime.fromisoformat(until)) for h, until in wanted["excluded"].items()),
        deciders=frozenset(wanted["deciders"]),
        stage=wanted.get("stage", 1),
        authority=_authority(wanted.get("authority")),
        last=wanted.get("last"),
    )


def _looked(row: Any, policy: Policy) -> Looked:
    (
        signature, complaint_id, version, rank, order_at, since, tier, kind, queue, weight, text, unroutable, known_by,
        known_at, now,
    ) = row  # fmt: skip
    wanted = _wanted(text)
    out = wanted.deciders
    if wanted.out:
        out = out.union(h for h, until in wanted.out if until > now)
    view = Waiting(
        complaint_id=complaint_id,
        version=version,
        rank=rank,
        order_at=order_at,
        since=since,
        tier=wanted.tier or tier,
        language=wanted.language,
        skills=wanted.skills,
        excluded=out,
        offer=asked(kind, wanted.stage, queue, policy),
        weight=weight,
        authority=wanted.authority,
        last=known_by or wanted.last,
        last_at=known_at,
    )
    return Looked(signature, view, unroutable, now)


def _authority(wanted: list[str | None] | None) -> Authority | None:
    if not wanted or not wanted[0]:
        return None
    return wanted[0], Decimal(wanted[1]) if wanted[1] else None


async def lock_handlers(tx: AsyncConnection, ids: Sequence[str]) -> None:
    """Lock these handlers in the one order."""
    await _LOCK_HANDLERS.rows(tx, {"ids": sorted(ids)})


async def given(tx: AsyncConnection, ids: Sequence[str]) -> None:
    """These handlers were given something: they are no longer the longest idle."""
    if ids:
        await _GIVEN.rows(tx, {"ids": sorted(ids)})


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
