"""Links between complaints of one matter and between customers who are one person: proposed, confirmed, undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.entry import own_words
from services.intake.likeness import Matter
from shared.base import sql

# Rows that a transaction has not committed yet may have an earlier time: the reader stays a little behind.
_BEHIND = "5 seconds"
_TURN = text("SELECT at, id FROM progress WHERE name = 'links' FOR UPDATE SKIP LOCKED")
_BEGIN = text(
    "INSERT INTO progress (name, at, id) VALUES ('links', '1970-01-01Z', '00000000-0000-0000-0000-000000000000') "
    "ON CONFLICT (name) DO NOTHING"
)
_NEXT = text(
    "SELECT complaint_id, created_at FROM complaint WHERE (created_at, complaint_id) > (:at, :id) "
    f"AND created_at < now() - interval '{_BEHIND}' ORDER BY created_at, complaint_id LIMIT :n"
)
_DONE = text("UPDATE progress SET at = :at, id = :id WHERE name = 'links'")
_PEOPLE = (
    "ARRAY(SELECT c.customer_id UNION "
    "SELECT k.customer_id FROM contact k WHERE (k.kind = 'email' AND k.value = c.email) "
    "OR (k.kind = 'phone' AND k.value = c.phone) UNION SELECT CASE WHEN l.one = c.customer_id THEN l.other ELSE l.one "
    "END FROM link l WHERE l.kind = 'customer' AND l.state = 'confirmed' AND (l.one = c.customer_id OR "
    "l.other = c.customer_id)) AS people"
)
# The complaints of the same people, or of the same order, in the month before.
_PAIRS = text(
    f"WITH fresh AS (SELECT c.complaint_id, c.received_at, m.order_ref, {_PEOPLE} FROM complaint c "
    "LEFT JOIN matter m USING (complaint_id) WHERE c.complaint_id = ANY(CAST(:ids AS uuid[])) "
    "AND c.kind = 'complaint' AND c.probe IS NULL) "
    "SELECT f.complaint_id AS one, x.complaint_id AS other FROM fresh f CROSS JOIN LATERAL ("
    "SELECT o.complaint_id FROM complaint o WHERE o.customer_id = ANY(f.people) AND o.complaint_id <> f.complaint_id "
    "AND o.kind = 'complaint' AND o.probe IS NULL AND o.received_at > f.received_at - interval '30 days' "
    "UNION SELECT om.complaint_id FROM matter om "
    "WHERE om.order_ref = f.order_ref AND om.complaint_id <> f.complaint_id LIMIT 20) x"
)
_MATTERS = text(
    f"SELECT c.complaint_id, c.reference, c.channel, c.received_at, c.body, m.order_ref, {_PEOPLE} FROM complaint c "
    "LEFT JOIN matter m USING (complaint_id) WHERE c.complaint_id = ANY(CAST(:ids AS uuid[])) AND length(body) < 200000"
)
# An address of one customer and a number of another, given together.
_TWO_PEOPLE = text(
    "SELECT c.reference, e.customer_id AS one, p.customer_id AS other FROM complaint c "
    "JOIN contact e ON e.kind = 'email' AND e.value = c.email JOIN contact p ON p.kind = 'phone' AND p.value = c.phone "
    "WHERE c.complaint_id = ANY(CAST(:ids AS uuid[])) AND e.customer_id <> p.customer_id AND c.represented_by IS NULL"
)
_DECIDE = text(
    "UPDATE link SET state = :after, version = version + 1, decided_at = now(), decided_by = :by "
    "WHERE link_id = :id AND state = ANY(CAST(:before AS text[])) RETURNING version"
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is kept."""

    link_id: UUID
    kind: str
    one: UUID
    other: UUID
    state: str
    evidence: list[str]
    likeness: int
    version: int
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None


async def take_turn(tx: AsyncConnection, n: int) -> list[Any]:
    """The next complaints to look at, in their order; none while another replica looks."""
    turn = (await tx.execute(_TURN)).one_or_none()
    if turn is None:
        await tx.execute(_BEGIN)
        return []
    return list((await tx.execute(_NEXT, {"at": turn.at, "id": turn.id, "n": n})).all())


async def end_turn(tx: AsyncConnection, last: Any) -> None:
    """How far has been looked."""
    await tx.execute(_DONE, {"at": last.created_at, "id": last.complaint_id})


async def pairs(tx: AsyncConnection, ids: Sequence[UUID]) -> list[tuple[Matter, Matter]]:
    """New complaints with those that may be the same matter."""
    found = [(row.one, row.other) for row in await tx.execute(_PAIRS, {"ids": list(ids)})]
    if not found:
        return []
    rows = await tx.execute(_MATTERS, {"ids": sorted({id for pair in found for id in pair})})
    matters = {row.complaint_id: _matter(row) for row in rows}
    return [(matters[one], matters[other]) for one, other in found if one in matters and other in matters]


def _matter(row: Any) -> Matter:
    words = own_words(row.body)
    text_ = f"{words.get('subject', '')} {words.get('text', '')}"
    people = frozenset(row.people)
    return Matter(row.complaint_id, row.reference, row.channel, row.received_at, text_, row.order_ref, people)


async def two_people(tx: AsyncConnection, ids: Sequence[UUID]) -> list[tuple[UUID, UUID, str]]:
    """Two customers whose contacts one complaint carries, and its reference."""
    return [(r.one, r.other, r.reference) for r in await tx.execute(_TWO_PEOPLE, {"ids": list(ids)})]


async def propose(tx: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Write proposals; a pair that was proposed before, whatever became of it, is left alone."""
    each = {row["link_id"]: row for row in rows}
    await sql.insert(tx, t.link, [each[id] for id in sorted(each)], ignore="kind, one, other")


async def get(tx: AsyncConnection, link_id: UUID) -> Link | None:
    """One link."""
    row = (await tx.execute(select(t.link).where(t.link.c.link_id == link_id))).one_or_none()
    return Link(**row._mapping) if row else None


async def listed(
    tx: AsyncConnection, *, state: str | None = None, about: UUID | None = None, n: int = 100
) -> list[Link]:
    """Links, the newest first: of one state, of one complaint or customer."""
    query = select(t.link).order_by(t.link.c.proposed_at.desc(), t.link.c.link_id).limit(n)
    if state:
        query = query.where(t.link.c.state == state)
    if about:
        query = query.where((t.link.c.one == about) | (t.link.c.other == about))
    return [Link(**row._mapping) for row in await tx.execute(query)]


async def decide(tx: AsyncConnection, link_id: UUID, before: Sequence[str], after: str, by: str) -> int | None:
    """Change the state if it is one of `before`: the link's new version, or None."""
    version: int | None = (
        await tx.execute(_DECIDE, {"id": link_id, "before": list(before), "after": after, "by": by})
    ).scalar_one_or_none()
    return version
