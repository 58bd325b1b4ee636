"""Mail: the bytes that arrived, what became of each arrival, and what a mail may be about."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.classify import Known
from shared.base import sql

# Who belongs to a complaint: the address that wrote, every address of the customer, and who speaks for them.
_KNOWN = (
    "SELECT c.complaint_id, c.reference, c.kind, coalesce(t.open, true) AS open, l.letter_id, l.message_id, c.email, "
    "c.represented_by AS speaks, "
    "ARRAY(SELECT k.value FROM contact k WHERE k.customer_id = c.customer_id AND k.kind = 'email') AS addresses "
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
    "WITH u AS (SELECT * FROM unnest(CAST(:raw_ids AS uuid[]), CAST(:digests AS bytea[]), CAST(:contents AS bytea[]), "
    "CAST(:sources AS text[]), CAST(:received AS timestamptz[]), CAST(:validities AS bigint[]), "
    "CAST(:uids AS bigint[])) WITH ORDINALITY AS u(raw_id, sha256, content, source, received_at, uidvalidity, uid, n)"
    "), raw AS (INSERT INTO raw_mail (sha256, content, class, delete_after) "
    "SELECT sha256, content, 'raw_mail', now() + CAST(:keep AS interval) FROM u ORDER BY sha256 "
    "ON CONFLICT (sha256) DO NOTHING) "
    "INSERT INTO mail (raw_id, sha256, source, seen_at, tries, retry_at, received_at, uidvalidity, uid) "
    "SELECT raw_id, sha256, source, now(), 1, now() + CAST(:retry AS interval), received_at, uidvalidity, uid "
    "FROM u ORDER BY n ON CONFLICT (source, uidvalidity, uid) DO NOTHING RETURNING raw_id, seen_at"
)
_DUE = text("SELECT raw_id FROM mail WHERE outcome IS NULL AND retry_at <= now() ORDER BY retry_at LIMIT :limit")
_TRY = text(
    "UPDATE mail m SET tries = tries + 1, retry_at = now() + CAST(:pause AS interval) * (tries + 1) FROM raw_mail r "
    "WHERE m.raw_id = :raw_id AND m.outcome IS NULL AND r.sha256 = m.sha256 "
    "RETURNING m.raw_id, m.source, m.seen_at, m.tries, r.content, m.received_at, m.rescued_by IS NOT NULL AS rescued"
)
_CUSTOMERS = text("SELECT value FROM contact WHERE kind = 'email' AND value = ANY(CAST(:addresses AS text[]))")
_FIRSTS = text("SELECT content_id, raw_id, complaint_id FROM mail_content WHERE content_id = ANY(CAST(:ids AS uuid[]))")
_DECIDE = text(
    "UPDATE mail m SET outcome = u.outcome, complaint_id = u.complaint_id, reason = u.reason, decided_at = now() "
    "FROM unnest(CAST(:raw_ids AS uuid[]), CAST(:outcomes AS text[]), CAST(:complaints AS uuid[]), "
    "CAST(:reasons AS text[])) AS u(raw_id, outcome, complaint_id, reason) "
    "WHERE m.raw_id = u.raw_id AND m.outcome IS NULL RETURNING m.source, m.outcome"
)
_OUTCOMES = text(
    "SELECT m.raw_id, m.outcome, m.complaint_id, c.reference FROM mail m "
    "LEFT JOIN complaint c ON c.complaint_id = m.complaint_id WHERE m.raw_id = ANY(CAST(:ids AS uuid[]))"
)
_SHORTEN = text(
    "UPDATE raw_mail r SET delete_after = now() + CAST(:life AS interval) FROM mail m "
    "WHERE m.raw_id = ANY(CAST(:ids AS uuid[])) AND r.sha256 = m.sha256"
)
# The row of a sender is locked, so that two mails of theirs at once are answered one after the other.
_ANSWERS = text(
    "INSERT INTO answered AS a (sender, at) SELECT sender, now() FROM unnest(CAST(:senders AS bytea[])) AS u(sender) "
    "ORDER BY sender ON CONFLICT (sender) DO UPDATE SET at = a.at RETURNING a.sender, a.told"
)
_ANSWERED = text(
    "UPDATE answered SET at = now(), told = CAST(:told AS jsonb) WHERE sender = ANY(CAST(:senders AS bytea[]))"
)
_FORGET = text("DELETE FROM answered WHERE at < now() - CAST(:pause AS interval) * 2")


class New(NamedTuple):
    """One arrival on its way into the first transaction. `uid` is (UIDVALIDITY, UID) of a fetched mail."""

    raw_id: UUID
    source: str
    content: bytes
    received_at: datetime | None = None
    uid: tuple[int, int] | None = None


class Arrival(NamedTuple):
    """One arrival that waits for its outcome, with its bytes. `tries` counts the one that is being made."""

    raw_id: UUID
    source: str
    seen_at: datetime
    tries: int
    content: bytes
    received_at: datetime | None = None
    rescued: bool = False


class Outcome(NamedTuple):
    """What became of an arrival."""

    outcome: str
    complaint_id: UUID | None
    reference: str | None


class Claim(NamedTuple):
    """Who said a content first, and the complaint that it led to."""

    raw_id: UUID
    complaint_id: UUID | None


class Decision(NamedTuple):
    """The outcome of one arrival, as it is written."""

    raw_id: UUID
    outcome: str
    complaint_id: UUID | None
    reason: str


async def keep(tx: AsyncConnection, new: Sequence[New], *, retry: timedelta, life: timedelta) -> list[Arrival]:
    """The first transaction: the bytes, once, and their arrivals with their first try.

    A message of a mailbox that is kept already is left out of the answer.
    """
    digests = [hashlib.sha256(one.content).digest() for one in new]
    rows = await tx.execute(
        _KEEP,
        {
            "raw_ids": [n.raw_id for n in new],
            "digests": digests,
            "contents": [n.content for n in new],
            "sources": [n.source for n in new],
            "received": [n.received_at for n in new],
            "validities": [n.uid[0] if n.uid else None for n in new],
            "uids": [n.uid[1] if n.uid else None for n in new],
            "retry": retry,
            "keep": life,
        },
    )
    seen = {row.raw_id: row.seen_at for row in rows}
    return [
        Arrival(n.raw_id, n.source, seen[n.raw_id], 1, n.content, n.received_at) for n in new if n.raw_id in seen
    ]  # fmt: skip


async def due(tx: AsyncConnection, limit: int) -> Sequence[UUID]:
    """Arrivals whose outcome should have come by now."""
    return (await tx.execute(_DUE, {"limit": limit})).scalars().all()


async def try_again(tx: AsyncConnection, raw_id: UUID, pause: timedelta) -> Arrival | None:
    """Count a try before it is made, so that one that kills us is counted too. None: the mail has its outcome."""
    row = (await tx.execute(_TRY, {"raw_id": raw_id, "pause": pause})).one_or_none()
    if row is None:
        return None
    return Arrival(row.raw_id, row.source, row.seen_at, row.tries, bytes(row.content), row.received_at, row.rescued)


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


async def customers(tx: AsyncConnection, addresses: Sequence[str]) -> frozenset[str]:
    """Those of these addresses that belong to a customer we know."""
    if not addresses:
        return frozenset()
    return frozenset(await tx.scalars(_CUSTOMERS, {"addresses": list(addresses)}))


async def claimed(tx: AsyncConnection, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these contents that somebody said already."""
    if not ids:
        return frozenset()
    return frozenset(row.content_id for row in await tx.execute(_FIRSTS, {"ids": list(ids)}))


async def claim(
    tx: AsyncConnection, wanted: Mapping[UUID, tuple[UUID, str, UUID | None]], asked: Collection[UUID] = ()
) -> tuple[set[UUID], dict[UUID, Claim]]:
    """Be the first to say contents: id → (arrival, outcome, complaint). What is ours now, and who had the others.

    `asked` are contents that are not claimed: only who had them is told.
    """
    rows = [
        {"content_id": id, "raw_id": raw_id, "outcome": outcome, "complaint_id": complaint}
        for id, (raw_id, outcome, complaint) in sorted(wanted.items())
    ]
    ours = {
        row.content_id
        for row in await sql.insert(tx, t.mail_content, rows, ignore="content_id", returning="content_id")
    }
    others = [id for id in {*wanted, *asked} if id not in ours]
    found = (await tx.execute(_FIRSTS, {"ids": others})).all() if others else []
    return ours, {row.content_id: Claim(row.raw_id, row.complaint_id) for row in found}


async def answers(tx: AsyncConnection, senders: Collection[str]) -> dict[str, datetime | None]:
    """When these senders had their last automatic answer, each sender locked until the end of the transaction."""
    digests = {_digest(sender): sender for sender in senders}
    if not digests:
        return {}
    rows = await tx.execute(_ANSWERS, {"senders": list(digests)})
    return {digests[bytes(row.sender)]: _last(row.told) for row in rows}


async def answered(tx: AsyncConnection, senders: Collection[str], at: datetime) -> None:
    """Write down who gets an automatic answer now."""
    if senders:
        told = sql.to_json([[at.timestamp()]])
        await tx.execute(_ANSWERED, {"senders": [_digest(sender) for sender in sorted(senders)], "told": told})


def _digest(sender: str) -> bytes:
    return hashlib.sha256(sender.encode()).digest()


def _last(told: list[list[float]]) -> datetime | None:
    return datetime.fromtimestamp(max(one[0] for one in told), UTC) if told else None


async def forget_answered(tx: AsyncConnection, pause: timedelta) -> None:
    """Addresses that were answered long ago need not be remembered."""
    await tx.execute(_FORGET, {"pause": pause})


async def decide(
    tx: AsyncConnection, decisions: Sequence[Decision]
) -> tuple[dict[UUID, Outcome], list[tuple[str, str]]]:
    """The second transaction's last word; an outcome that stands already is kept. What became of each arrival, and
    source and outcome of those that were decided now."""
    decided = await tx.execute(
        _DECIDE,
        {
            "raw_ids": [d.raw_id for d in decisions],
            "outcomes": [d.outcome for d in decisions],
            "complaints": [d.complaint_id for d in decisions],
            "reasons": [d.reason for d in decisions],
        },
    )
    now = [(row.source, row.outcome) for row in decided]
    rows = await tx.execute(_OUTCOMES, {"ids": [d.raw_id for d in decisions]})
    return {row.raw_id: Outcome(row.outcome, row.complaint_id, row.reference) for row in rows}, now


async def outcome_of(tx: AsyncConnection, raw_id: UUID) -> Outcome | None:
    """What became of one arrival; None while it waits or when there is none."""
    row = (await tx.execute(_OUTCOMES, {"ids": [raw_id]})).one_or_none()
    return Outcome(row.outcome, row.complaint_id, row.reference) if row and row.outcome else None


async def shorten(tx: AsyncConnection, raw_ids: Sequence[UUID], life: timedelta) -> None:
    """Spam and quarantine are kept for a shorter time."""
    await tx.execute(_SHORTEN, {"ids": list(raw_ids), "life": life})


def _known(row: Any) -> Known:
    parties = frozenset(address.lower() for address in (row.email, row.speaks, *row.addresses) if address)
    return Known(row.complaint_id, row.reference, row.kind, row.open, parties, row.letter_id)
