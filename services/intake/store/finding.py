"""Finding a customer and what they complained about before, by the beginning of what an agent types."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

MOST_CUSTOMERS, MOST_COMPLAINTS = 8, 5
# Each way to find has an index of beginnings; the union stays small because each part is bounded.
_CUSTOMERS = text(
    "WITH hits AS ("
    "(SELECT customer_id FROM contact WHERE value LIKE ANY(CAST(:contacts AS text[])) LIMIT 20) UNION "
    "(SELECT customer_id FROM customer WHERE lower(person ->> 'name') LIKE :name LIMIT 20) UNION "
    "(SELECT customer_id FROM complaint WHERE reference LIKE :reference LIMIT 20)) "
    "SELECT c.customer_id, c.external_id, c.tier, c.language, c.person ->> 'name' AS name, "
    "ARRAY(SELECT value FROM contact k WHERE k.customer_id = c.customer_id AND kind = 'email' ORDER BY 1) AS emails, "
    "ARRAY(SELECT value FROM contact k WHERE k.customer_id = c.customer_id AND kind = 'phone' ORDER BY 1) AS phones "
    "FROM hits JOIN customer c USING (customer_id) ORDER BY name NULLS LAST, c.customer_id LIMIT :n"
)
_COMPLAINTS = text(
    "SELECT * FROM (SELECT c.complaint_id, c.customer_id, c.reference, c.kind, c.channel, c.received_at, c.body, "
    "coalesce(t.open, true) AS open, coalesce(t.document ->> 'stage', 'received') AS stage, "
    "row_number() OVER (PARTITION BY c.customer_id ORDER BY coalesce(t.open, true) DESC, c.received_at DESC) AS nth "
    "FROM complaint c LEFT JOIN tracking t USING (complaint_id) WHERE c.customer_id = ANY(CAST(:ids AS uuid[])) "
    "AND c.probe IS DISTINCT FROM 'pipeline') x WHERE nth <= :n ORDER BY nth"
)
_OPEN = text(
    "SELECT c.complaint_id FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS u(kind, value) "
    "JOIN contact k ON k.kind = u.kind AND k.value = u.value JOIN complaint c ON c.customer_id = k.customer_id "
    "LEFT JOIN tracking t ON t.complaint_id = c.complaint_id "
    "WHERE c.kind = 'complaint' AND coalesce(t.open, true) GROUP BY c.complaint_id, c.received_at "
    "ORDER BY c.received_at DESC LIMIT 2"
)
NOTHING = "\x01"  # no stored text begins with it


@dataclass(slots=True)
class Found:
    """A customer and their latest complaints, the open ones first."""

    customer_id: UUID
    external_id: str | None
    tier: str
    language: str | None
    name: str | None
    emails: list[str]
    phones: list[str]
    complaints: list["Earlier"] = field(default_factory=list)


@dataclass(slots=True)
class Earlier:
    """One of a customer's complaints."""

    complaint_id: UUID
    customer_id: UUID
    reference: str
    kind: str
    channel: str
    received_at: datetime
    body: str
    open: bool
    stage: str
    nth: int


def _beginning(text_: str) -> str:
    plain = text_.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return plain + "%" if plain else NOTHING


async def customers(tx: AsyncConnection, *, contacts: list[str], name: str, reference: str) -> list[Found]:
    """The customers whose contact, name or reference begins so; an empty text finds nobody."""
    arguments: dict[str, Any] = {
        "contacts": [_beginning(c) for c in contacts if c],
        "name": _beginning(name.lower()),
        "reference": _beginning(reference.upper()),
        "n": MOST_CUSTOMERS,
    }
    found = {row.customer_id: Found(**row._mapping) for row in await tx.execute(_CUSTOMERS, arguments)}
    if found:
        for row in await tx.execute(_COMPLAINTS, {"ids": list(found), "n": MOST_COMPLAINTS}):
            found[row.customer_id].complaints.append(Earlier(**row._mapping))
    return list(found.values())


async def only_open(tx: AsyncConnection, contacts: list[tuple[str, str]]) -> UUID | None:
    """The one open complaint of whoever has these contacts (kind, value); None when there is none, or more."""
    if not contacts:
        return None
    arguments = {"kinds": [kind for kind, _ in contacts], "values": [value for _, value in contacts]}
    rows = (await tx.execute(_OPEN, arguments)).scalars().all()
    return rows[0] if len(rows) == 1 else None
