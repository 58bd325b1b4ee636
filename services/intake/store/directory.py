"""The customer directory: who is who, and which open complaints a change concerns."""

from collections.abc import Mapping, Sequence
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
    "SELECT c.customer_id, c.complaint_id FROM complaint c LEFT JOIN tracking t ON t.complaint_id = c.complaint_id "
    "WHERE c.customer_id = ANY(CAST(:customers AS uuid[])) AND c.kind = 'complaint' AND coalesce(t.open, true)"
)
_OWNERS = text(
    "SELECT u.line, k.kind, k.customer_id, cu.external_id FROM "
    "unnest(CAST(:lines AS int[]), CAST(:kinds AS text[]), CAST(:values AS text[])) "
    "WITH ORDINALITY AS u(line, kind, value, n) JOIN contact k ON k.kind = u.kind AND k.value = u.value "
    "JOIN customer cu ON cu.customer_id = k.customer_id ORDER BY u.n"
)
_CLAIM = text(
    "INSERT INTO contact (kind, value, customer_id) "
    "SELECT kind, value, customer FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), "
    "CAST(:customers AS uuid[])) AS u(kind, value, customer) "
    "ORDER BY kind, value ON CONFLICT (kind, value) DO UPDATE SET customer_id = EXCLUDED.customer_id"
)


async def owners(tx: AsyncConnection, lines: Sequence[Sequence[Contact]]) -> list[UUID | None]:
    """Who each line is: the customer with its external id (the first contact), else one whom no directory named."""
    flat = [(n, contact) for n, contacts in enumerate(lines) for contact in contacts]
    arguments = {
        "lines": [n for n, _ in flat],
        "kinds": [c.kind for _, c in flat],
        "values": [c.value for _, c in flat],
    }
    known: dict[int, UUID] = {}
    unnamed: dict[int, UUID] = {}
    for row in await tx.execute(_OWNERS, arguments):
        if row.kind == "external":
            known[row.line] = row.customer_id
        elif row.external_id is None:
            unnamed.setdefault(row.line, row.customer_id)
    return [known.get(n) or unnamed.get(n) for n in range(len(lines))]


async def get(tx: AsyncConnection, customers: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The rows of those who are known."""
    rows = await tx.execute(select(t.customer).where(sql.any_of(t.customer.c.customer_id, customers)))
    return {row.customer_id: dict(row._mapping) for row in rows}


async def put(tx: AsyncConnection, rows: Sequence[dict[str, Any]], contacts: Mapping[UUID, Sequence[Contact]]) -> None:
    """Write customers and exactly these contacts; a contact that was somebody else's becomes theirs.

    Neither a customer nor a contact may come twice.
    """
    await sql.upsert(tx, t.customer, rows)
    await tx.execute(delete(t.contact).where(sql.any_of(t.contact.c.customer_id, list(contacts))))
    flat = [(customer, contact) for customer, theirs in contacts.items() for contact in theirs]
    await tx.execute(
        _CLAIM,
        {
            "customers": [customer for customer, _ in flat],
            "kinds": [c.kind for _, c in flat],
            "values": [c.value for _, c in flat],
        },
    )


async def by_contact(tx: AsyncConnection, contact: Contact) -> list[dict[str, Any]]:
    """The customers with this contact."""
    rows = await tx.execute(_BY_CONTACT, {"kind": contact.kind, "value": contact.value})
    return [dict(row._mapping) for row in rows]


async def contacts_of(tx: AsyncConnection, customers: Sequence[UUID]) -> dict[UUID, list[Contact]]:
    """Each customer's contacts; empty for who has none."""
    k = t.contact.c
    query = select(k.customer_id, k.kind, k.value).where(sql.any_of(k.customer_id, customers))
    found: dict[UUID, list[Contact]] = {customer: [] for customer in customers}
    for row in await tx.execute(query.order_by(k.kind, k.value)):
        found[row.customer_id].append(Contact(row.kind, row.value))
    return found


async def open_complaints(tx: AsyncConnection, customers: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Each customer's complaints that a change may still matter to."""
    found: dict[UUID, list[UUID]] = {customer: [] for customer in customers}
    for row in await tx.execute(_OPEN, {"customers": list(customers)}):
        found[row.customer_id].append(row.complaint_id)
    return found
