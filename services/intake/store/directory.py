"""The customer directory: who is who, and which open complaints a change concerns."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.identity import Contact
from shared.base import sql

_BY_CONTACT = text(
    "SELECT DISTINCT cu.customer_id, cu.external_id, cu.tier, cu.language, cu.relation, cu.since, cu.person "
    "FROM contact k JOIN customer cu ON cu.customer_id = k.customer_id WHERE k.kind = :kind AND k.value = :value"
).columns(person=JSONB)
_OPEN = text(
    "SELECT c.complaint_id FROM complaint c LEFT JOIN tracking t ON t.complaint_id = c.complaint_id "
    "WHERE c.customer_id = :customer AND c.kind = 'complaint' AND coalesce(t.open, true)"
)
_OWNERS = text(
    "SELECT k.kind, k.customer_id, cu.external_id FROM "
    "unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) WITH ORDINALITY AS u(kind, value, n) "
    "JOIN contact k ON k.kind = u.kind AND k.value = u.value "
    "JOIN customer cu ON cu.customer_id = k.customer_id ORDER BY u.n"
)
_CLAIM = text(
    "INSERT INTO contact (kind, value, customer_id) "
    "SELECT kind, value, :customer FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS u(kind, value) "
    "ORDER BY kind, value ON CONFLICT (kind, value) DO UPDATE SET customer_id = EXCLUDED.customer_id"
)


async def owner(tx: AsyncConnection, contacts: Sequence[Contact]) -> UUID | None:
    """Who this is: the customer with this external id (the first contact), else one whom the directory never named."""
    arguments = {"kinds": [c.kind for c in contacts], "values": [c.value for c in contacts]}
    rows = (await tx.execute(_OWNERS, arguments)).all()
    known = next((row for row in rows if row.kind == "external"), None)
    unnamed = next((row for row in rows if row.external_id is None), None)
    found = known or unnamed
    return found.customer_id if found else None


async def get(tx: AsyncConnection, customer: UUID) -> dict[str, Any] | None:
    """A customer's row."""
    row = (await tx.execute(select(t.customer).where(t.customer.c.customer_id == customer))).one_or_none()
    return dict(row._mapping) if row else None


async def put(tx: AsyncConnection, row: dict[str, Any], contacts: Sequence[Contact]) -> None:
    """Write a customer and exactly these contacts; a contact that was somebody else's becomes theirs."""
    await sql.upsert(tx, t.customer, [row])
    await tx.execute(delete(t.contact).where(t.contact.c.customer_id == row["customer_id"]))
    await tx.execute(
        _CLAIM,
        {
            "customer": row["customer_id"],
            "kinds": [c.kind for c in contacts],
            "values": [c.value for c in contacts],
        },
    )


async def by_contact(tx: AsyncConnection, contact: Contact) -> list[dict[str, Any]]:
    """The customers with this contact."""
    rows = await tx.execute(_BY_CONTACT, {"kind": contact.kind, "value": contact.value})
    return [dict(row._mapping) for row in rows]


async def contacts_of(tx: AsyncConnection, customer: UUID) -> list[Contact]:
    """A customer's contacts."""
    k = t.contact.c
    rows = await tx.execute(select(k.kind, k.value).where(k.customer_id == customer).order_by(k.kind, k.value))
    return [Contact(row.kind, row.value) for row in rows]


async def open_complaints(tx: AsyncConnection, customer: UUID) -> Sequence[UUID]:
    """The customer's complaints that a change may still matter to."""
    return (await tx.execute(_OPEN, {"customer": customer})).scalars().all()
