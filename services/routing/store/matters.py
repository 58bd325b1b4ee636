"""What one case is beside the customer's others: earlier complaints, and whether one contact was enough."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from .. import tables as t
from ..model import Case

QUIET_DAYS = 30
MOST_EARLIER = 20
_c, _h = t.case.c, t.history.c
_SAID = (
    "customer_replied", "chased", "reopen_requested", "outcome_disputed", "manager_requested", "callback_requested",
)  # fmt: skip
_CONTACT = (
    "(h.kind = ANY(:said) OR "
    "(h.kind = 'contact' AND (h.data ->> 'outcome' = 'reached' OR h.data ->> 'direction' = 'in')))"
)
# Resolved at the first contact: the customer says so after one contact at most, and for thirty days there is no other
# contact on the matter: about this case, about one linked to it, or a new complaint of theirs with the same cause.
_FIRST = f"""
    SELECT c.complaint_id, c.confirmed_at, c.confirmed_at + interval '{QUIET_DAYS} days' AS settled_at, CASE
        WHEN (SELECT count(*) FROM history h WHERE h.complaint_id = c.complaint_id AND h.at <= c.confirmed_at
            AND {_CONTACT}) > 1 THEN 'no'
        WHEN EXISTS (SELECT FROM history h WHERE h.complaint_id = c.complaint_id AND h.at > c.confirmed_at
            AND h.at <= c.confirmed_at + interval '{QUIET_DAYS} days' AND {_CONTACT}) THEN 'no'
        WHEN EXISTS (SELECT FROM case_file o WHERE o.customer_id = c.customer_id AND o.complaint_id <> c.complaint_id
            AND o.received_at > c.confirmed_at AND o.received_at <= c.confirmed_at + interval '{QUIET_DAYS} days'
            AND (o.document ->> 'cause' = c.document ->> 'cause'
                OR c.document -> 'links' ? CAST(o.complaint_id AS text))) THEN 'no'
        WHEN now() <= c.confirmed_at + interval '{QUIET_DAYS} days' THEN 'pending'
        ELSE 'yes' END AS result
    FROM case_file c WHERE c.confirmed_at IS NOT NULL AND c.kind = 'complaint'
"""
_said = bindparam("said", value=list(_SAID), type_=ARRAY(Text))
_ONE = text(f"{_FIRST} AND c.complaint_id = :id").bindparams(_said)
# A no is known at once and a yes after thirty days: a share is made of cases whose thirty days are over, or it would
# be too low. Probes are no part of it.
_RESULTS = (
    f"SELECT CASE WHEN settled_at >= now() THEN 'pending' ELSE result END AS result, count(*) AS n "
    f"FROM ({_FIRST} AND c.document ->> 'probe' IS NULL AND c.confirmed_at >= {{}}) f GROUP BY 1"
)
_COUNTED = text(_RESULTS.format(":since AND c.confirmed_at < :until")).bindparams(_said)
RECENT = text(_RESULTS.format("now() - interval '60 days'")).bindparams(_said)


async def first_contact(tx: AsyncConnection, complaint_id: UUID) -> dict[str, Any] | None:
    """`result` (yes, no, pending), `confirmed_at`, `settled_at`; None while the customer has not called it resolved."""
    row = (await tx.execute(_ONE, {"id": complaint_id})).one_or_none()
    if row is None:
        return None
    return {"result": row.result, "confirmed_at": row.confirmed_at, "settled_at": row.settled_at}


async def first_contacts(tx: AsyncConnection, since: datetime, until: datetime) -> dict[str, int]:
    """How many of the cases that customers called resolved in this time were resolved at the first contact."""
    found = {row.result: row.n for row in await tx.execute(_COUNTED, {"since": since, "until": until})}
    return {result: found.get(result, 0) for result in ("yes", "no", "pending")}


def share(found: dict[str, int]) -> float | None:
    """Yes of yes and no; None while there are none."""
    judged = found["yes"] + found["no"]
    return found["yes"] / judged if judged else None


async def earlier(tx: AsyncConnection, case: Case) -> list[dict[str, Any]]:
    """The customer's other complaints, the latest first: what they were about, how they ended, who had them."""
    if case.customer_id is None:
        return []
    d = _c.document
    query = (
        select(
            _c.complaint_id,
            _c.reference,
            _c.received_at,
            _c.kind,
            _c.state,
            _c.handler_id,
            d["cause"].astext.label("cause"),
            d["decision"]["overall"].astext.label("overall"),
            d["reopened"].astext.label("reopened"),
            func.coalesce(d["promises"], text("'{}'::jsonb")).label("promises"),
        )
        .where(_c.customer_id == case.customer_id, _c.complaint_id != case.complaint_id)
        .order_by(_c.received_at.desc())
        .limit(MOST_EARLIER)
    )  # fmt: skip
    rows = [dict(row._mapping) for row in await tx.execute(query)]
    return [{**row, "reopened": int(row["reopened"] or 0), "promises": _open(row["promises"])} for row in rows]


def _open(promises: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [{"promise_id": i, "kind": p["kind"], "due_at": p["due_at"]} for i, p in promises.items()]


async def promises_so_far(tx: AsyncConnection, complaint_id: UUID) -> dict[str, int]:
    """How many promises of this case were kept, and how many broken."""
    kinds = {"promise_kept": "kept", "promise_broken": "broken"}
    query = (
        select(_h.kind, func.count().label("n"))
        .where(_h.complaint_id == complaint_id, _h.kind.in_(kinds))
        .group_by(_h.kind)
    )
    found = {row.kind: row.n for row in await tx.execute(query)}
    return {name: found.get(kind, 0) for kind, name in kinds.items()}
