"""New complaints: who their customers are, their rows, their files. One statement of each sort per batch."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.entry import Entry, Snapshot, Stored
from services.intake.identity import Contact
from shared.base import sql

# The customer of each contact with what matters at receipt. Only complaints count, and no probes.
_SNAPSHOTS = text(
    "SELECT k.kind, k.value, cu.customer_id, cu.tier, cu.language, cu.relation, cu.person, "
    "(SELECT count(*) FROM complaint n WHERE n.customer_id = cu.customer_id AND n.kind = 'complaint' "
    " AND n.probe IS NULL AND n.received_at > now() - interval '12 months') AS complaints_12m, "
    "last.handler_id, last.cause "
    "FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS u(kind, value) "
    "JOIN contact k ON k.kind = u.kind AND k.value = u.value JOIN customer cu ON cu.customer_id = k.customer_id "
    "LEFT JOIN LATERAL (SELECT tr.handler_id, tr.cause FROM complaint c JOIN tracking tr "
    " ON tr.complaint_id = c.complaint_id WHERE c.customer_id = cu.customer_id ORDER BY c.received_at DESC LIMIT 1"
    ") last ON true"
).columns(person=JSONB)
_REPLAYED = text(
    "INSERT INTO replayed (source, count) SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:counts AS bigint[])) "
    "ORDER BY 1 ON CONFLICT (source) DO UPDATE SET count = replayed.count + EXCLUDED.count"
)


class Kept(NamedTuple):
    """What answers a replay."""

    complaint_id: UUID
    reference: str
    created_at: datetime
    body_hash: bytes
    anonymous: bool


async def snapshots(tx: AsyncConnection, contacts: Iterable[Contact]) -> dict[Contact, Snapshot]:
    """The known customers among these contacts."""
    wanted = sorted(set(contacts), key=lambda c: (c.kind, c.value))
    if not wanted:
        return {}
    rows = await tx.execute(_SNAPSHOTS, {"kinds": [c.kind for c in wanted], "values": [c.value for c in wanted]})
    return {
        Contact(row.kind, row.value): Snapshot(
            row.customer_id, row.tier, row.language, row.relation, row.complaints_12m, row.handler_id, row.cause,
            row.person,
        )
        for row in rows
    }  # fmt: skip


async def add_customers(
    tx: AsyncConnection, rows: Sequence[dict[str, Any]], contacts: Sequence[dict[str, Any]]
) -> None:
    """Customers heard of for the first time; one that another transaction has just made is left as it is."""
    await sql.insert(tx, t.customer, sorted(rows, key=lambda r: r["customer_id"]), ignore="customer_id")
    await sql.insert(tx, t.contact, sorted(contacts, key=lambda r: (r["kind"], r["value"])), ignore="kind, value")


async def add(
    tx: AsyncConnection, entries: Sequence[Entry], customers: dict[UUID, Snapshot], now: datetime, keep: timedelta
) -> set[UUID]:
    """Write entries, sorted by id. The ids that were new."""
    rows = [_row(entry, customers[entry.id], now, now + keep) for entry in entries]
    inserted = await sql.insert(tx, t.complaint, rows, ignore="complaint_id", returning="complaint_id")
    return {row.complaint_id for row in inserted}


async def kept(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Kept]:
    """What is kept under these ids."""
    c = t.complaint.c
    rows = await tx.execute(
        select(c.complaint_id, c.reference, c.created_at, c.body_hash, c.email, c.phone).where(
            sql.any_of(c.complaint_id, ids)
        )
    )
    return {r.complaint_id: Kept(r[0], r[1], r[2], bytes(r[3]), r[4] is None and r[5] is None) for r in rows}


async def count_replays(tx: AsyncConnection, sources: dict[str, int]) -> None:
    """Count answers that were given again."""
    if sources:
        await tx.execute(_REPLAYED, {"sources": list(sources), "counts": list(sources.values())})


async def add_files(
    tx: AsyncConnection,
    files: Sequence[tuple[UUID, UUID | None, Stored]],
    until: datetime,
) -> None:
    """Keep files of (complaint, message): the bytes once, a row for each time they were sent."""
    bytes_ = {file.sha256: file for _, _, file in files}
    await sql.insert(
        tx,
        t.file,
        [
            {"sha256": key, "size": len(f.content), "content": f.content, "class": "attachment", "delete_after": until}
            for key, f in sorted(bytes_.items())
        ],
        ignore="sha256",
    )
    await sql.insert(
        tx,
        t.attachment,
        [
            {
                "attachment_id": f.id, "complaint_id": complaint_id, "message_id": message_id, "sha256": f.sha256,
                "name": f.name, "media_type": f.media_type, "class": "attachment", "delete_after": until,
            }
            for complaint_id, message_id, f in files
        ],
        ignore="attachment_id",
    )  # fmt: skip


async def attachment(tx: AsyncConnection, complaint_id: UUID, attachment_id: UUID) -> tuple[str, str, bytes] | None:
    """Name, media type and bytes of one file of one complaint."""
    a, f = t.attachment.c, t.file.c
    row = (
        await tx.execute(
            select(a.name, a.media_type, f.content)
            .join(t.file, f.sha256 == a.sha256)
            .where(a.attachment_id == attachment_id, a.complaint_id == complaint_id)
        )
    ).one_or_none()
    return (row.name, row.media_type, bytes(row.content)) if row else None


def _row(entry: Entry, customer: Snapshot, now: datetime, until: datetime) -> dict[str, Any]:
    return {
        "complaint_id": entry.id,
        "reference": entry.reference,
        "source": entry.source,
        "came_by": entry.came_by,
        "kind": entry.kind,
        "channel": entry.channel,
        "customer_id": customer.customer_id,
        "language": entry.language or "en",
        "email": entry.contact("email"),
        "phone": entry.contact("phone"),
        "body": entry.body,
        "body_hash": entry.body_hash,
        "received_at": entry.received_at or now,
        "created_at": now,
        "probe": entry.probe,
        "class": "complaint",
        "delete_after": until,
    }
