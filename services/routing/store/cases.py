"""The case: what the spine loads and saves."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import states
from .. import tables as t
from ..model import Case, Mark
from ..policy import Policy
from ..waiting import Waiting, signature, waiting_of
from . import attachments, enquiries, finding

# The document is read and written as text: pydantic parses it faster than json and the dialect together.
_CASE = TypeAdapter(Case)
_LOAD = sql.Statement(
    "SELECT complaint_id, version, document::text AS document, signature FROM case_file "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[]))"
)
_LOCK_HANDLERS = text("SELECT id FROM handler WHERE id = ANY(:ids) ORDER BY id FOR UPDATE").bindparams(
    bindparam("ids", type_=ARRAY(Text))
)
# A handler whose offers expire again and again is not there: nothing more is offered until he says he is.
_MARK = text(
    "UPDATE handler h SET "
    "expired_in_row = CASE WHEN n.total >= :limit THEN 0 ELSE n.total END, "
    "presence = CASE WHEN n.total >= :limit THEN 'away' ELSE h.presence END, "
    "presence_since = CASE WHEN n.total >= :limit THEN now() ELSE h.presence_since END "
    "FROM (SELECT u.id, u.expired + CASE WHEN u.fresh THEN 0 ELSE h.expired_in_row END AS total "
    "FROM unnest(CAST(:ids AS text[]), CAST(:fresh AS boolean[]), CAST(:expired AS integer[])) "
    "AS u(id, fresh, expired) JOIN handler h USING (id)) AS n WHERE h.id = n.id"
)
# Until the mark is written: of two offers that expire at once in two replicas, one is the third. Pages lock nothing.
_LOCK_EXPIRED = sql.Statement(
    "SELECT CASE WHEN current_setting('transaction_read_only') = 'off' "
    "THEN pg_advisory_xact_lock(hashtextextended('amends.routing.expired.' || id, 0)) END "
    "FROM unnest(CAST(:ids AS text[])) AS u(id)"
)
_EXPIRED = sql.Statement("SELECT id, expired_in_row FROM handler WHERE id = ANY(CAST(:ids AS text[]))")
SKEW = timedelta(minutes=1)  # between this machine's clock and the database's
NEWS_SECONDS = 0.25


class Store:
    """Loads and saves cases. Until `queued` a commit may bring a waiting case, until `freed` room at a handler."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.queued = self.freed = 0.0

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        """The cases of these ids; a new one where nothing is known."""
        found: dict[UUID, Case] = {}
        for complaint_id, version, document, queued_as in await _LOAD.rows(tx, {"ids": ids}):
            found[complaint_id] = read = _CASE.validate_json(document)
            read.version, read.pending.signature, read.pending.held = version, queued_as, read.held
        await self._missed(tx, found.values())
        return {i: found.get(i) or Case(i) for i in ids}

    async def _missed(self, tx: AsyncConnection, cases: Iterable[Case]) -> None:
        """How many offers in a row the handlers of overdue offers let expire; offers that expire together are one."""
        now = datetime.now(UTC)
        overdue = {c.offer.handler.id: c for c in cases if c.offer and c.offer.expires_at <= now + SKEW}
        if overdue:
            await _LOCK_EXPIRED.rows(tx, {"ids": sorted(overdue)})
            for row in await _EXPIRED.rows(tx, {"ids": sorted(overdue)}):
                overdue[row.id].pending.expired_in_row = row.expired_in_row

    async def save(self, tx: AsyncConnection, cases: Sequence[Case]) -> None:
        """Write cases, what is new in their history, their offers, and what these say about handlers."""
        known = [case for case in cases if case.known]
        await sql.upsert(tx, t.case, [self._row(case) for case in known])
        await sql.insert(tx, t.history, [row for case in known for row in _history(case)])
        # A case may end one offer and open another in one transaction: the ended ones make room in the unique index.
        offers = [vars(offer) for case in known for offer in case.pending.offers]
        await sql.upsert(tx, t.offer, [o for o in offers if o["state"] != "open"])
        await sql.upsert(tx, t.offer, [o for o in offers if o["state"] == "open"])
        await finding.keep(tx, [case for case in known if case.pending.renamed])
        await enquiries.keep(tx, known)
        await attachments.keep(tx, known)
        await _met(tx, known)
        await self._mark(tx, [mark for case in known for mark in case.pending.marks])
        for case in known:
            case.pending.__init__()  # type: ignore[misc]

    async def _mark(self, tx: AsyncConnection, marks: Iterable[Mark]) -> None:
        counted: dict[str, tuple[bool, int]] = {}
        for mark in marks:
            fresh, _ = counted.get(mark.handler_id, (False, 0))
            # Offers that expire together are one time that he was not there.
            counted[mark.handler_id] = (fresh, 1) if mark.what == "expired" else (True, 0)
        if not counted:
            return
        ids = sorted(counted)
        await tx.execute(_LOCK_HANDLERS, {"ids": ids})
        await tx.execute(
            _MARK,
            {
                "ids": ids,
                "fresh": [counted[i][0] for i in ids],
                "expired": [counted[i][1] for i in ids],
                "limit": self.policy.expired_offers_set_away,
            },
        )

    def _row(self, case: Case) -> dict[str, Any]:
        queued, busy = case.state in states.QUEUED, case.state in states.BUSY
        wanted = waiting_of(case, self.policy, case.waiting_since or datetime.now(UTC))
        queued_as = signature(wanted, told=case.unroutable) if queued else ""
        if queued_as not in ("", case.pending.signature):
            self.queued = time.monotonic() + NEWS_SECONDS
        if case.pending.held not in ((), case.held) or any(offer.state != "open" for offer in case.pending.offers):
            self.freed = time.monotonic() + NEWS_SECONDS
        holder = case.offer.handler if case.offer else case.handler
        return {
            "complaint_id": case.complaint_id,
            "version": case.version,
            "kind": case.kind,
            "state": case.state,
            "reference": case.reference,
            "queue": case.queue,
            "tier": self.policy.tier(case.tier),
            "severity": case.severity,
            "rank": wanted.rank,
            "order_at": wanted.order_at,
            "due_at": case.due_at,
            "received_at": case.received_at,
            "waiting_since": case.waiting_since,
            "queued": queued,
            "busy": busy,
            "weight": wanted.weight,
            "handler_id": holder.id if holder else None,
            "signature": queued_as,
            "wanted": _wanted(case, wanted) if queued else "{}",
            "unroutable": case.unroutable,
            "lead_wanted": case.lead_wanted,
            "customer_name": case.name,
            "phone_digits": digits(case.phone),
            "order_ref": case.order_ref,
            "customer_id": case.customer_id,
            "confirmed_at": case.confirmed_at,
            "document": _CASE.dump_json(case, exclude_defaults=True, exclude={"pending", "version"}).decode(),
            "class": case.kind,
        }


async def _met(tx: AsyncConnection, cases: Iterable[Case]) -> None:
    """Whoever is given a case knows its customer from then on."""
    met = {m.customer_id: m for case in cases for m in case.pending.met}
    rows = [
        {**vars(met[i]), "class": "customer"}
        for i in sorted(met, key=lambda i: i.int)  # one order, so that two transactions do not wait for each other
    ]
    await sql.upsert(tx, t.known_by, rows)


def digits(phone: str) -> str:
    """A phone number's digits alone."""
    return "".join(c for c in phone if c.isdigit())


def _wanted(case: Case, view: Waiting) -> dict[str, Any]:
    out = {h: until.isoformat() for h, until in case.exclusions.items()}
    return {
        "tier": case.served_as,
        "language": case.language,
        "skills": case.skills,
        "excluded": out,
        "deciders": [*(case.deciders if case.stage == 2 else ()), *case.conflicts],
        "stage": case.stage,
        "authority": view.authority,
        "last": case.last_handler,
    }


def _history(case: Case) -> Iterable[dict[str, Any]]:
    for entry in case.pending.entries:
        yield {
            "complaint_id": case.complaint_id,
            "n": entry.n,
            "at": entry.at,
            "kind": entry.kind,
            "actor": entry.actor,
            "data": entry.data,
            "class": case.kind,
        }
