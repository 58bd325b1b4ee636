"""Mail: the bytes that arrived, what became of each arrival, and what a mail may be about."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.classify import Known
from shared.base import sql

_KNOWN = (
    "SELECT c.complaint_id, c.reference, c.kind, c.email, coalesce(t.open, true) AS open, l.letter_id, l.message_id "
    "FROM complaint c LEFT JOIN tracking t ON t.complaint_id = c.complaint_id "
)
_BY_LETTER = text(
    _KNOWN + "JOIN letter l ON l.complaint_id = c.complaint_id WHERE l.message_id = ANY(CAST(:ids AS text[]))"
)
_BY_REFERENCE = text(
    _KNOWN.replace("l.letter_id, l.message_id", "NULL::uuid AS letter_id, '' AS message_id")
    + "WHERE c.reference = ANY(CAST(:references AS text[]))"
)
_KEEP = text(
    "WITH raw AS (INSERT INTO raw_mail (sha256, content, class, delete_after) "
    "VALUES (:sha256, :content, 'raw_mail', now() + CAST(:keep AS interval)) ON CONFLICT (sha256) DO NOTHING) "
    "INSERT INTO mail (raw_id, sha256, source, seen_at, tries, retry_at) "
    "VALUES (:raw_id, :sha256, :source, now(), 1, now() + CAST(:retry AS interval)) RETURNING seen_at"
)
_DUE = text("SELECT raw_id FROM mail WHERE outcome IS NULL AND retry_at <= now() ORDER BY retry_at LIMIT :limit")
_TRY = text(
    "UPDATE mail m SET tries = tries + 1, retry_at = now() + CAST(:pause AS interval) * (tries + 1) FROM raw_mail r "
    "WHERE m.raw_id = :raw_id AND m.outcome IS NULL AND r.sha256 = m.sha256 "
    "RETURNING m.raw_id, m.source, m.seen_at, m.tries, r.content"
)


class Arrival(NamedTuple):
    """One arrival that waits for its outcome, with its bytes. `tries` counts the one that is being made."""

    raw_id: UUID
    source: str
    seen_at: datetime
    tries: int
    content: bytes


class Outcome(NamedTuple):
    """What became of an arrival."""

    outcome: str
    complaint_id: UUID | None
    reference: str | None


async def keep(
    tx: AsyncConnection, raw_id: UUID, digest: bytes, content: bytes, source: str, retry: timedelta, until: timedelta
) -> datetime:
    """The first transaction: the bytes, once, and their arrival with its first try. When it was seen."""
    arguments = {
        "raw_id": raw_id, "sha256": digest, "content": content, "source": source, "retry": retry, "keep": until
    }  # fmt: skip
    seen_at: datetime = (await tx.execute(_KEEP, arguments)).scalar_one()
    return seen_at


async def due(tx: AsyncConnection, limit: int) -> Sequence[UUID]:
    """Arrivals whose outcome should have come by now."""
    return (await tx.execute(_DUE, {"limit": limit})).scalars().all()


async def try_again(tx: AsyncConnection, raw_id: UUID, pause: timedelta) -> Arrival | None:
    """Count a try before it is made, so that one that kills us is counted too. None: the mail has its outcome."""
    row = (await tx.execute(_TRY, {"raw_id": raw_id, "pause": pause})).one_or_none()
    return Arrival(row.raw_id, row.source, row.seen_at, row.tries, bytes(row.content)) if row else None


async def known(
    tx: AsyncConnection, message_ids: Sequence[str], references: Sequence[str]
) -> tuple[dict[str, Known], dict[str, Known]]:
    """The complaints behind our letters' Message-IDs, and behind references."""
    by_letter, by_reference = {}, {}
    if message_ids:
        rows = await tx.execute(_BY_LETTER, {"ids": list(message_ids)})
        by_letter = {row.message_id: _known(row) for row in rows}
    if references:
        rows = await tx.execute(_BY_REFERENCE, {"references": list(references)})
        by_reference = {row.reference: _known(row) for row in rows}
    return by_letter, by_reference


async def is_customer(tx: AsyncConnection, address: str) -> bool:
    """Whether this address belongs to a customer we know."""
    c = t.contact.c
    found = await tx.scalar(select(c.customer_id).where(c.kind == "email", c.value == address))
    return found is not None


async def claim_content(
    tx: AsyncConnection, content_id: UUID, raw_id: UUID, outcome: str, complaint_id: UUID | None
) -> bool:
    """Be the first to say this content. False: another arrival was."""
    row = {"content_id": content_id, "raw_id": raw_id, "outcome": outcome, "complaint_id": complaint_id}
    return bool(await sql.insert(tx, t.mail_content, [row], ignore="content_id", returning="content_id"))


async def first_of(tx: AsyncConnection, content_id: UUID) -> UUID | None:
    """The complaint that the first arrival of this content led to."""
    c = t.mail_content.c
    found: UUID | None = await tx.scalar(select(c.complaint_id).where(c.content_id == content_id))
    return found


async def decide(tx: AsyncConnection, raw_id: UUID, outcome: str, complaint_id: UUID | None, reason: str) -> bool:
    """The second transaction's last word. False: it was decided already."""
    m = t.mail
    statement = (
        m.update()
        .where(m.c.raw_id == raw_id, m.c.outcome.is_(None))
        .values(outcome=outcome, complaint_id=complaint_id, reason=reason, decided_at=func.now())
    )
    return bool((await tx.execute(statement)).rowcount)


async def shorten(tx: AsyncConnection, raw_id: UUID, life: timedelta) -> None:
    """Spam and quarantine are kept for a shorter time."""
    digest = select(t.mail.c.sha256).where(t.mail.c.raw_id == raw_id).scalar_subquery()
    await tx.execute(t.raw_mail.update().where(t.raw_mail.c.sha256 == digest).values(delete_after=func.now() + life))


async def outcome_of(tx: AsyncConnection, raw_id: UUID) -> Outcome:
    """What became of an arrival that has been decided."""
    m, c = t.mail.c, t.complaint.c
    query = select(m.outcome, m.complaint_id, c.reference).outerjoin(t.complaint, c.complaint_id == m.complaint_id)
    row = (await tx.execute(query.where(m.raw_id == raw_id))).one()
    return Outcome(row.outcome, row.complaint_id, row.reference)


def _known(row: Any) -> Known:
    parties = frozenset((row.email,)) if row.email else frozenset()
    return Known(row.complaint_id, row.reference, row.kind, row.open, parties, row.letter_id)
