"""Ability sheets, teams, and what is measured of one handler's cases."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import abilities
from .. import tables as t
from ..abilities import Figures, Marks, Side

_CASES = text(
    "SELECT complaint_id, tier, severity, COALESCE(document->>'cause', 'unknown') AS cause, "
    "COALESCE((document->>'reopened')::int, 0) AS reopened FROM case_file "
    "WHERE handler_id = :handler AND kind = 'complaint' AND state <> 'offered' "
    "AND (document->>'assigned_at')::timestamptz >= :begin AND (document->>'assigned_at')::timestamptz < :end"
)
_TOLD = text(
    "SELECT count(*) FILTER (WHERE kind = 'contact' AND actor = :handler) AS contacts, "
    "count(*) FILTER (WHERE kind = 'contact' AND actor = :handler AND data->>'outcome' = 'reached') AS reached, "
    "count(DISTINCT complaint_id) FILTER (WHERE kind = 'clock_breached' AND NOT EXISTS (SELECT FROM history r "
    "WHERE r.complaint_id = h.complaint_id AND r.kind = 'clock_retracted' AND r.data->>'clock' = h.data->>'clock')) "
    "AS breached FROM history h WHERE complaint_id = ANY(:ids)"
).bindparams(bindparam("ids", type_=ARRAY(UUID)))
_OFFERS = text(
    "SELECT count(*) AS offers, count(*) FILTER (WHERE state = 'declined') AS declined FROM offer "
    "WHERE handler_id = :handler AND made_at >= :begin AND made_at < :end"
)


async def figures(tx: AsyncConnection, handler_id: str, begin: datetime, end: datetime) -> Figures:
    """What was measured of a handler between two moments."""
    given = {"handler": handler_id, "begin": begin, "end": end}
    cases = (await tx.execute(_CASES, given)).all()
    ids = [row.complaint_id for row in cases]
    told = (await tx.execute(_TOLD, {"handler": handler_id, "ids": ids})).one()
    offered = (await tx.execute(_OFFERS, given)).one()
    return Figures(
        cases=len(cases),
        contacts=told.contacts,
        reached=told.reached,
        reopened=sum(1 for row in cases if row.reopened),
        breached=told.breached,
        offers=offered.offers,
        declined=offered.declined,
        mix=abilities.mix(cases),
    )


async def sheet(tx: AsyncConnection, handler_id: str, quarter: str) -> dict[Side, Marks]:
    """The marks of both sides, as far as they were given."""
    found = select(t.ability).where(t.ability.c.handler_id == handler_id, t.ability.c.quarter == quarter)
    return {row.side: Marks(row.by, row.at, row.scores, row.words) for row in await tx.execute(found)}


async def put(
    tx: AsyncConnection, handler_id: str, quarter: str, side: Side, by: str, scores: dict[str, int], words: str
) -> None:
    """Keep one side's marks; given again, they replace the earlier ones."""
    at = (await tx.execute(select(func.now()))).scalar_one()
    row = {"handler_id": handler_id, "quarter": quarter, "side": side, "by": by, "at": at}
    await sql.upsert(tx, t.ability, [{**row, "scores": scores, "words": words}])


async def lead_of(tx: AsyncConnection, handler_id: str) -> str | None:
    """Who leads a handler."""
    found: str | None = await tx.scalar(select(t.team.c.lead).where(t.team.c.handler_id == handler_id))
    return found


async def team(tx: AsyncConnection, lead: str) -> Sequence[Any]:
    """`id` and `name` of everybody whom somebody leads, by name."""
    query = (
        select(t.handler.c.id, t.handler.c.name)
        .join_from(t.team, t.handler, t.team.c.handler_id == t.handler.c.id)
        .where(t.team.c.lead == lead)
        .order_by(t.handler.c.name, t.handler.c.id)
    )
    return (await tx.execute(query)).all()


async def set_lead(tx: AsyncConnection, handler_id: str, lead: str | None) -> bool:
    """Say who leads a handler, or nobody. False when there is no such handler."""
    known = await tx.scalar(select(t.handler.c.id).where(t.handler.c.id == handler_id))
    if known is None:
        return False
    if lead is None:
        await tx.execute(t.team.delete().where(t.team.c.handler_id == handler_id))
    else:
        await sql.upsert(tx, t.team, [{"handler_id": handler_id, "lead": lead}])
    return True
