"""New complaints: who their customers are, their rows, their files. One statement of each sort per batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.entry import Entry, Snapshot, Stored
from services.intake.identity import Contact
from services.intake.likeness import plain_order
from shared.base import sql

# The customer of each contact with what matters at receipt, and the transaction's time in any case. Only complaints
# count, and no probes; those of a customer who was confirmed to be the same person count too.
_SNAPSHOTS = sql.Statement(
    "SELECT now() AS now, s.* FROM (SELECT) AS always LEFT JOIN ("
    "SELECT k.kind, k.value, cu.customer_id, cu.tier, cu.language, cu.relation, cu.person, "
    "(SELECT count(*) FROM complaint n WHERE n.customer_id = ANY(array_append(ARRAY("
    "  SELECT CASE WHEN l.one = cu.customer_id THEN l.other ELSE l.one END FROM link l WHERE l.kind = 'customer' "
    "  AND l.state = 'confirmed' AND (l.one = cu.customer_id OR l.other = cu.customer_id)), cu.customer_id)) "
    " AND n.kind = 'complaint' "
    " AND n.probe IS NULL AND n.received_at > now() - interval '12 months') AS complaints_12m, "
    "last.handler_id, last.cause, "
    "ARRAY(SELECT DISTINCT tr.cause FROM complaint c JOIN tracking tr ON tr.complaint_id = c.complaint_id "
    " WHERE c.customer_id = cu.customer_id AND c.probe IS NULL AND tr.cause IS NOT NULL "
    " AND c.received_at > now() - interval '30 days' ORDER BY 1) AS recent "
    "FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS u(kind, value) "
    "JOIN contact k ON k.kind = u.kind AND k.value = u.value JOIN customer cu ON cu.customer_id = k.customer_id "
    "LEFT JOIN LATERAL (SELECT tr.handler_id, tr.cause FROM complaint c JOIN tracking tr "
    " ON tr.complaint_id = c.complaint_id WHERE c.customer_id = cu.customer_id AND c.probe IS NULL "
    " ORDER BY c.received_at DESC LIMIT 1"
    ") last ON true) s ON true"
)
_REPLAYED = sql.Statement(
    "INSERT INTO replayed (source, count) SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:counts AS bigint[])) "
    "ORDER BY 1 ON CONFLICT (source) DO UPDATE SET count = replayed.count + EXCLUDED.count"
)
_PROLONG = text(
    "UPDATE file SET class = 'attachment', delete_after = GREATEST(delete_after, CAST(:until AS timestamptz)) "
    "WHERE sha256 = ANY(CAST(:keys AS bytea[])) AND delete_after < :until"
)
_HOLD = text(
    "UPDATE file SET delete_after = now() + interval '1 day' "
    "WHERE sha256 = ANY(CAST(:keys AS bytea[])) AND class = 'held'"
)

# Column → type. Short ones travel as one JSON text for all rows, which costs half of an array for each column; what is
# long has an array. A customer or contact that another transaction has just made is left as it is.
_ENTRY = {
    "complaint_id": "uuid", "reference": "text", "source": "text", "came_by": "text", "kind": "text", "channel": "text",
    "customer_id": "uuid", "language": "text", "email": "text", "phone": "text", "received_at": "timestamptz",
    "probe": "text", "represented_by": "text",
}  # fmt: skip
_LONG = {"body": "text", "body_hash": "bytea"}
_CUSTOMER = {"customer_id": "uuid", "external_id": "text", "language": "text", "person": "jsonb"}
# What is alike in every row: name → expression.
_ALIKE = {
    "complaint": {"created_at": "now()", "delete_after": "now() + CAST(:keep AS interval)", "class": "'complaint'"},
    "customer": {"tier": ":tier", "class": "'customer'"},
    "contact": {},
}
_CONTACT = {"kind": "text", "value": "text", "customer_id": "uuid"}


def _insert(table: str, columns: dict[str, str], conflict: str, long: Mapping[str, str] = MappingProxyType({})) -> str:
    alike = _ALIKE[table]
    names = ", ".join((*columns, *long, *alike))
    values = ", ".join(("u.*", *alike.values()))
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    rows = f"json_to_recordset(CAST(CAST(:{table} AS text) AS json)) AS ({typed})"
    rows += "".join(f", unnest(CAST(:{name} AS {kind}[]))" for name, kind in long.items())
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM ROWS FROM ({rows}) u ON CONFLICT ({conflict}) DO NOTHING"
    )


_ADD = sql.Statement(
    f"WITH newcomers AS ({_insert('customer', _CUSTOMER, 'customer_id')}), "
    f"contacts AS ({_insert('contact', _CONTACT, 'kind, value')}), "
    f"made AS ({_insert('complaint', _ENTRY, 'complaint_id', _LONG)} RETURNING complaint_id), "
    "orders AS (INSERT INTO matter (complaint_id, order_ref) SELECT complaint_id, order_ref FROM made "
    "JOIN json_to_recordset(CAST(CAST(:orders AS text) AS json)) AS o(complaint_id uuid, order_ref text) "
    "USING (complaint_id)) "
    "SELECT complaint_id FROM made"
)


class Newcomers(NamedTuple):
    """Customers heard of for the first time, and whose each new contact is; each in the order in which it is locked."""

    customers: Sequence[dict[str, Any]]
    contacts: Sequence[tuple[Contact, UUID]]
    tier: str


class Kept(NamedTuple):
    """What answers a replay."""

    complaint_id: UUID
    reference: str
    created_at: datetime
    body_hash: bytes
    anonymous: bool


async def snapshots(tx: AsyncConnection, contacts: Iterable[Contact]) -> tuple[dict[Contact, Snapshot], datetime]:
    """The known customers among these contacts, and now()."""
    wanted = sorted(set(contacts), key=lambda c: (c.kind, c.value))
    arguments = {"kinds": [c.kind for c in wanted], "values": [c.value for c in wanted]}
    rows = await _SNAPSHOTS.rows(tx, arguments)
    found = {
        Contact(row.kind, row.value): Snapshot(
            row.customer_id, row.tier, row.language, row.relation, row.complaints_12m, row.handler_id, row.cause,
            row.person, tuple(row.recent),
        )
        for row in rows
        if row.kind is not None
    }  # fmt: skip
    return found, rows[0].now


async def add(
    tx: AsyncConnection,
    entries: Sequence[Entry],
    customers: dict[UUID, Snapshot],
    new: Newcomers,
    now: datetime,
    keep: timedelta,
) -> set[UUID]:
    """Write entries, sorted by id, and customers heard of for the first time: one statement. The ids that were new."""
    contacts = [{"kind": c.kind, "value": c.value, "customer_id": customer} for c, customer in new.contacts]
    orders = [(entry.id, plain_order(entry.facts.get("order_ref"))) for entry in entries]
    arguments = {
        "complaint": to_json([_row(entry, customers[entry.id], now) for entry in entries]).decode(),
        "body": [entry.body for entry in entries],
        "body_hash": [entry.body_hash for entry in entries],
        "customer": to_json(new.customers).decode(),
        "contact": to_json(contacts).decode(),
        "orders": to_json([{"complaint_id": id, "order_ref": order} for id, order in orders if order]).decode(),
        "tier": new.tier,
        "keep": keep,
    }
    return {row.complaint_id for row in await _ADD.rows(tx, arguments)}


async def kept(tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Kept]:
    """What is kept under these ids."""
    c = t.complaint.c
    rows = await tx.execute(
        select(c.complaint_id, c.reference, c.created_at, c.body_hash, c.email, c.phone, c.represented_by).where(
            sql.any_of(c.complaint_id, ids)
        )
    )
    return {r.complaint_id: Kept(r[0], r[1], r[2], bytes(r[3]), r[4:7] == (None, None, None)) for r in rows}


async def count_replays(tx: AsyncConnection, sources: dict[str, int]) -> None:
    """Count answers that were given again."""
    if sources:
        await _REPLAYED.rows(tx, {"sources": list(sources), "counts": list(sources.values())})


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
    # Bytes that were here already live as long as the longest of those who sent them.
    await tx.execute(_PROLONG, {"keys": sorted(bytes_), "until": until})
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


async def hold_files(tx: AsyncConnection, files: Sequence[tuple[bytes, bytes]]) -> None:
    """Keep bytes by their SHA-256 for a day: files of a form that is not complete yet."""
    rows = [{"sha256": key, "size": len(content), "content": content, "class": "held"} for key, content in files]
    await sql.insert(tx, t.file, sorted(rows, key=lambda row: row["sha256"]), ignore="sha256")
    await tx.execute(_HOLD, {"keys": [row["sha256"] for row in rows]})


async def contents(tx: AsyncConnection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    """The bytes that are kept under these SHA-256."""
    f = t.file.c
    rows = await tx.execute(select(f.sha256, f.content).where(f.sha256.in_(keys)))
    return {bytes(row.sha256): bytes(row.content) for row in rows}


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


async def attachments_of(tx: AsyncConnection, complaint_id: UUID) -> list[Any]:
    """The files of one complaint as rows of attachment_id, message_id, name, media_type and size, by name."""
    a, f = t.attachment.c, t.file.c
    query = select(a.attachment_id, a.message_id, a.name, a.media_type, f.size).join(t.file, f.sha256 == a.sha256)
    return list((await tx.execute(query.where(a.complaint_id == complaint_id).order_by(a.name))).all())


def _row(entry: Entry, customer: Snapshot, now: datetime) -> dict[str, Any]:
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
        "received_at": entry.received_at or now,
        "probe": entry.probe,
        "represented_by": entry.represented_by,
    }
