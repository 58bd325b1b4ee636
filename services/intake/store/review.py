"""Mail that begins nothing: samples, counts, and rescue."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OUTCOMES = ("quarantined", "spam", "auto_reply", "bounce")
# The beginning is enough to look at: a hundred mails of spam may be a hundred times fifty megabytes.
_COLUMNS = (
    "SELECT m.raw_id, m.source, m.seen_at, m.outcome, m.reason, m.rescued_by, length(r.content) AS size, "
    "substring(r.content FROM 1 FOR 262144) AS content "
    "FROM mail m JOIN raw_mail r ON r.sha256 = m.sha256 "
)
# Ordered by a hash of id and day: nobody chooses what is looked at, and everybody looks at the same.
_SAMPLE = text(
    _COLUMNS + "WHERE m.outcome = :outcome AND m.seen_at >= CAST(:day AS date) "
    "AND m.seen_at < CAST(:day AS date) + 1 ORDER BY md5(m.raw_id::text || CAST(:day AS date)::text) LIMIT :size"
)
_NEWEST = text(_COLUMNS + "WHERE m.outcome = :outcome ORDER BY m.seen_at DESC LIMIT :size")
_ONE = text(_COLUMNS + "WHERE m.raw_id = :raw_id")
_COUNTS = text(
    "SELECT CAST(seen_at AS date) AS day, outcome, count(*) AS mails FROM mail "
    "WHERE outcome = ANY(CAST(:outcomes AS text[])) AND seen_at > now() - interval '90 days' "
    "GROUP BY 1, 2 ORDER BY 1 DESC, 2"
)
_RESCUE = text(
    "WITH was AS (SELECT raw_id, source, outcome FROM mail "
    "WHERE raw_id = :raw_id AND outcome = ANY(CAST(:outcomes AS text[])) FOR UPDATE), "
    "back AS (UPDATE mail SET outcome = NULL, reason = NULL, complaint_id = NULL, decided_at = NULL, tries = 0, "
    "retry_at = now(), rescued_by = :by FROM was WHERE mail.raw_id = was.raw_id "
    "RETURNING mail.raw_id, mail.sha256), "
    "said AS (DELETE FROM mail_content c USING back WHERE c.raw_id = back.raw_id), "
    "kept AS (UPDATE raw_mail r SET delete_after = now() + CAST(:life AS interval) FROM back "
    "WHERE r.sha256 = back.sha256) SELECT source, outcome FROM was"
)


class Doubtful(NamedTuple):
    """A mail with its first bytes, and what became of it. `size` is that of the whole mail."""

    raw_id: UUID
    source: str
    seen_at: datetime
    outcome: str | None
    reason: str | None
    rescued_by: str | None
    size: int
    content: bytes


async def sample(tx: AsyncConnection, outcome: str, day: date | None, size: int) -> list[Doubtful]:
    """At most `size` mails with this outcome: of a UTC day, or the newest."""
    rows = await tx.execute(
        _SAMPLE if day else _NEWEST, {"outcome": outcome, "size": size} | ({"day": day} if day else {})
    )
    return [_doubtful(row) for row in rows]


async def one(tx: AsyncConnection, raw_id: UUID) -> Doubtful | None:
    """One mail."""
    row = (await tx.execute(_ONE, {"raw_id": raw_id})).one_or_none()
    return _doubtful(row) if row else None


async def counts(tx: AsyncConnection) -> Sequence[dict[str, Any]]:
    """Mails that began nothing in the last 90 days, by day and outcome."""
    return [dict(row._mapping) for row in await tx.execute(_COUNTS, {"outcomes": list(OUTCOMES)})]


async def rescue(tx: AsyncConnection, raw_id: UUID, by: str, life: timedelta) -> tuple[str, str] | None:
    """Take a mail's outcome away, and its content from those that were said.

    Its source and what it was; None for mail that does not come back.
    """
    arguments = {"raw_id": raw_id, "by": by, "life": life, "outcomes": list(OUTCOMES)}
    row = (await tx.execute(_RESCUE, arguments)).one_or_none()
    return (row.source, row.outcome) if row else None


def _doubtful(row: Any) -> Doubtful:
    return Doubtful(
        row.raw_id, row.source, row.seen_at, row.outcome, row.reason, row.rescued_by, row.size, bytes(row.content)
    )  # fmt: skip
