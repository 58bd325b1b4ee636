"""The customer's view of complaints: what the spine loads and saves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.model import Case, Clock, Entry, Letter, Origin
from services.intake.statuses import fingerprint
from services.intake.store import hooks
from shared.base import sql
from shared.events.common import Staff

# A complaint may be known by its own row (the fields of Origin, in their order), by events, or by both.
_LOAD = sql.Statement(
    "SELECT u.id, c.reference, c.kind, c.channel, c.source, c.customer_id, c.language, c.received_at, c.email, "
    "c.phone, c.represented_by, c.created_at, c.probe, t.version, t.document "
    "FROM unnest(CAST(:ids AS uuid[])) AS u(id) LEFT JOIN complaint c ON c.complaint_id = u.id "
    "LEFT JOIN tracking t ON t.complaint_id = u.id"
)
_LOCK = sql.Statement(
    "SELECT c.complaint_id, c.email, c.phone, c.represented_by, "
    "coalesce(CAST(t.document->>'link_edition' AS int), 0) AS edition FROM (SELECT CAST(:reference AS text) AS it) r "
    "LEFT JOIN complaint c ON c.reference = r.it LEFT JOIN tracking t ON t.complaint_id = c.complaint_id"
)
# A machine answers a sender once a day: what came from the same address while that answer counted, for its page.
# Who speaks for a customer has no business with what else the customer wrote.
_ALSO_SENT = sql.Statement(
    "SELECT o.reference, o.received_at FROM complaint c JOIN complaint o ON o.customer_id = c.customer_id "
    "AND o.came_by = 'mail' AND o.email = c.email AND o.created_at > c.created_at "
    "AND o.created_at < c.created_at + CAST(:pause AS interval) "
    "WHERE c.complaint_id = :id AND c.came_by = 'mail' AND c.represented_by IS NULL ORDER BY o.created_at LIMIT 20"
)
_BY_REFERENCE = select(t.complaint.c.complaint_id)


class Lock(NamedTuple):
    """What opens a complaint's page: a contact, or, when there is none, the PIN; and the edition of its links."""

    complaint_id: UUID | None
    contacts: frozenset[str]
    edition: int


class Store:
    """Loads and saves cases; two statements to save, whatever the number. `letters`: how long letters are kept."""

    def __init__(self, letters: timedelta) -> None:
        self._letters = letters

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        """The cases of these ids; a new one where nothing is known."""
        rows = await _LOAD.rows(tx, {"ids": list(ids)})
        return {case.complaint_id: case for case in map(_case, rows)}

    async def save(self, tx: AsyncConnection, cases: Sequence[Case]) -> None:
        """Write the views, and the letters that are new in them."""
        await sql.upsert(tx, t.tracking, [_row(case) for case in cases])
        letters = [_letter_row(case.complaint_id, new, self._letters) for case in cases for new in case.new_letters]
        await sql.insert(tx, t.letter, letters, ignore="letter_id")
        changed = []
        for case in cases:
            case.new_letters.clear()
            now = fingerprint(case)
            if now != case.told:
                case.told = now
                changed.append(case)
        if changed:
            await hooks.owe(tx, changed)


async def id_of(tx: AsyncConnection, reference: str) -> UUID | None:
    """The complaint with this reference."""
    found: UUID | None = await tx.scalar(_BY_REFERENCE.where(t.complaint.c.reference == reference))
    return found


async def lock_of(tx: AsyncConnection, reference: str) -> Lock:
    """What opens the complaint with this reference: one statement, and as much work when there is none."""
    row = (await _LOCK.rows(tx, {"reference": reference}))[0]
    return Lock(row.complaint_id, frozenset({row.email, row.phone, row.represented_by} - {None}), row.edition)


async def letters_of(tx: AsyncConnection, complaint_id: UUID) -> list[Letter]:
    """The letters that went out about one complaint, the oldest first."""
    columns = (c for c in t.letter.c if c.name not in ("complaint_id", "class", "delete_after", "legal_hold"))
    rows = await tx.execute(
        select(*columns).where(t.letter.c.complaint_id == complaint_id).order_by(t.letter.c.sent_at)
    )
    return [Letter(**row._mapping) for row in rows]


async def also_sent(tx: AsyncConnection, complaint_id: UUID, pause: timedelta) -> list[tuple[str, datetime]]:
    """Reference and time of what the same address mailed within `pause` after this complaint, at most twenty."""
    rows = await _ALSO_SENT.rows(tx, {"id": complaint_id, "pause": pause})
    return [(row.reference, row.received_at) for row in rows]


async def body_of(tx: AsyncConnection, complaint_id: UUID) -> str | None:
    """What was sent when the complaint came in, as JSON."""
    query = select(t.complaint.c.body).where(t.complaint.c.complaint_id == complaint_id)
    found: str | None = await tx.scalar(query)
    return found


async def add_message(
    tx: AsyncConnection, *, message_id: UUID, complaint_id: UUID, kind: str, source: str, body: str, now: datetime,
    until: datetime,
) -> bool:  # fmt: skip
    """Keep a later word `until` then. False when this id is kept already."""
    row = {
        "message_id": message_id, "complaint_id": complaint_id, "kind": kind, "source": source, "body": body,
        "received_at": now, "class": "message", "delete_after": until,
    }  # fmt: skip
    return bool(await sql.insert(tx, t.message, [row], ignore="message_id", returning="message_id"))


async def message(tx: AsyncConnection, message_id: UUID) -> tuple[UUID, str, str] | None:
    """Complaint, kind and body of a kept word."""
    m = t.message.c
    row = (await tx.execute(select(m.complaint_id, m.kind, m.body).where(m.message_id == message_id))).one_or_none()
    return (row.complaint_id, row.kind, row.body) if row else None


def _case(row: Any) -> Case:
    id, *origin, version, document = row
    case = Case(id)
    if origin[0] is not None:
        case.origin = Origin(*origin)
        case.note(case.origin.received_at, "received" if case.origin.kind == "complaint" else "received_message")
    if version is not None:
        _fill(case, version, document)
    case.told = fingerprint(case)
    return case


def _fill(case: Case, version: int, doc: dict[str, Any]) -> None:
    case.version, case.stage, case.cause, case.overall = version, doc["stage"], doc.get("cause"), doc.get("overall")
    case.handler = Staff(**doc["handler"]) if doc.get("handler") else None
    case.lead = Staff(**doc["lead"]) if doc.get("lead") else None
    case.clocks = [Clock(c["kind"], c["state"], datetime.fromisoformat(c["due_at"])) for c in doc["clocks"]]
    case.asked = doc.get("asked")
    case.answer_by = datetime.fromisoformat(doc["answer_by"]) if doc.get("answer_by") else None
    case.chased_at = [datetime.fromisoformat(at) for at in doc["chased_at"]]
    asked = doc.get("withdrawal_asked")
    case.withdrawal_asked = datetime.fromisoformat(asked) if asked else None
    case.link_edition = doc.get("link_edition", 0)
    case.timeline = [Entry(datetime.fromisoformat(e["at"]), e["what"], e["with"]) for e in doc["timeline"]]


def _row(case: Case) -> dict[str, Any]:
    document = {
        "stage": case.stage,
        "cause": case.cause,
        "overall": case.overall,
        "handler": case.handler,
        "lead": case.lead,
        "clocks": case.clocks,
        "asked": case.asked,
        "answer_by": case.answer_by,
        "chased_at": case.chased_at,
        "withdrawal_asked": case.withdrawal_asked,
        "link_edition": case.link_edition,
        "timeline": [{"at": e.at, "what": e.what, "with": e.with_} for e in case.timeline],
    }
    return {
        "complaint_id": case.complaint_id,
        "version": case.version,
        "open": case.open,
        "handler_id": case.handler.id if case.handler else None,
        "cause": case.cause,
        "document": document,
    }


def _letter_row(complaint_id: UUID, new: Letter, life: timedelta) -> dict[str, Any]:
    return {
        "letter_id": new.letter_id,
        "complaint_id": complaint_id,
        "message_id": new.message_id,
        "kind": new.kind,
        "language": new.language,
        "subject": new.subject,
        "text": new.text,
        "sent_at": new.sent_at,
        "decision_id": new.decision_id,
        "class": "letter",
        "delete_after": new.sent_at + life,
    }
