"""The state that handlers change: what letters need of a complaint, its open letters, its open promises."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.deliver.ledger import move

from .. import tables as t
from ..letter import Commitment
from ..model import Facts, LetterRow, Matter, Promise
from .attempts import Ready, attempt_of

CLASS = "complaint"
_LOAD = sql.Statement(
    "SELECT complaint_id, version, document::text AS document FROM matter "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[]))"
)
# What follows from its receipt is written once: its class, and until when it is kept.
_SAVE = sql.Statement(
    "INSERT INTO matter (complaint_id, version, document, class, delete_after) "
    f"SELECT id, version, document::jsonb, '{CLASS}', until FROM unnest(CAST(:ids AS uuid[]), "
    "CAST(:versions AS int[]), CAST(:documents AS text[]), CAST(:until AS timestamptz[])) "
    "AS u(id, version, document, until) "
    "ON CONFLICT (complaint_id) DO UPDATE SET version = EXCLUDED.version, document = EXCLUDED.document"
)
# The ones a sender has not claimed are locked: it passes them over, and what is decided here holds.
_LETTERS = sql.Statement(
    "SELECT id, complaint_id, trigger, kind, recipient, state, language, channel, automatic, by_person, decision_id, "
    "inputs, address, to_name, subject, text, template_version, thread, promises, findings, reason, attempts, "
    "created_at, next_try_at, deadline_at FROM letter WHERE complaint_id = ANY(CAST(:ids AS uuid[])) "
    "AND state NOT IN ('sending', 'sent', 'cancelled') ORDER BY id FOR UPDATE"
)
_UPDATE = sql.Statement(
    "UPDATE letter SET state = u.state, language = u.language, inputs = u.inputs::jsonb, address = u.address, "
    "channel = u.channel, "
    "to_name = u.to_name, subject = u.subject, text = u.text, template_version = u.template_version, "
    "thread = u.thread::jsonb, promises = u.promises::jsonb, findings = u.findings::jsonb, reason = u.reason, "
    "attempts = u.attempts, next_try_at = u.next_try_at, deadline_at = u.deadline_at "
    "FROM unnest(CAST(:id AS uuid[]), CAST(:state AS text[]), CAST(:language AS text[]), CAST(:inputs AS text[]), "
    "CAST(:channel AS text[]), CAST(:address AS text[]), CAST(:to_name AS text[]), CAST(:subject AS text[]), "
    "CAST(:text AS text[]), "
    "CAST(:template_version AS text[]), CAST(:thread AS text[]), CAST(:promises AS text[]), CAST(:findings AS text[]), "
    "CAST(:reason AS text[]), CAST(:attempts AS int[]), CAST(:next_try_at AS timestamptz[]), "
    "CAST(:deadline_at AS timestamptz[])) AS u(id, state, language, inputs, channel, address, to_name, subject, text, "
    "template_version, thread, promises, findings, reason, attempts, next_try_at, deadline_at) WHERE letter.id = u.id"
)
_CHANGED = (
    "id", "state", "language", "inputs", "channel", "address", "to_name", "subject", "text", "template_version",
    "thread", "promises", "findings", "reason", "attempts", "next_try_at", "deadline_at",
)  # fmt: skip
# The sender asks the same when it claims.
_STORED = "id, EXISTS (SELECT 1 FROM suppressed AS s WHERE s.address = lower(letter.address)) AS suppressed"
# What is settled is named, and not what is not: no index on the state tempts the planner, who would read all open ones.
_UNSETTLED = sql.Statement(
    "SELECT id, complaint_id, letter_id, kind, due_at, remedy_id, what, made_at, state, settled_at FROM promise "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[])) AND state NOT IN ('kept', 'cancelled') ORDER BY due_at"
)
_DOCUMENTS = ("inputs", "thread", "promises", "findings")
_PROMISES = sql.Statement(
    "UPDATE promise SET state = u.state, settled_at = u.settled_at, evidence = u.evidence "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:times AS timestamptz[]), "
    "CAST(:evidence AS text[])) AS u(id, state, settled_at, evidence) WHERE promise.id = u.id"
)

_SUPPRESS = text(
    "INSERT INTO suppressed (address, reason, letter_id, at, class) "
    "SELECT lower(trim(address)), reason, letter_id, now(), 'contact' FROM unnest(CAST(:addresses AS text[]), "
    "CAST(:reasons AS text[]), CAST(:letters AS uuid[])) AS u(address, reason, letter_id) ORDER BY 1 "
    "ON CONFLICT (address) DO NOTHING"
)


class Store:
    """How the spine remembers a complaint of the notifier. `keep_days` from receipt until it may be deleted."""

    def __init__(self, keep_days: int) -> None:
        self._keep = timedelta(days=keep_days)
        self.ready = Ready()

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Matter]:
        """What is known of these complaints: three statements, or one while none of them was ever owed a letter."""
        found = {id_: Matter(id_) for id_ in ids}
        for row in await _LOAD.rows(tx, {"ids": ids}):
            matter = found[row.complaint_id]
            matter.version, matter.facts = row.version, Facts.model_validate_json(row.document)
        written_to = [id_ for id_, matter in found.items() if matter.facts and matter.facts.owed]
        if written_to:
            await self._load_letters(tx, written_to, found)
        return found

    async def look(self, tx: AsyncConnection, id_: UUID) -> Matter:
        """What is known of a complaint and its open promises, without its letters and without a lock."""
        matter = Matter(id_)
        for row in await _LOAD.rows(tx, {"ids": [id_]}):
            matter.version, matter.facts = row.version, Facts.model_validate_json(row.document)
        await self._load_promises(tx, [id_], {id_: matter})
        return matter

    async def _load_letters(self, tx: AsyncConnection, ids: Sequence[UUID], found: dict[UUID, Matter]) -> None:
        for row in await _LETTERS.rows(tx, {"ids": ids}):
            found[row.complaint_id].letters.append(letter_of(row))
        await self._load_promises(tx, ids, found)

    async def _load_promises(self, tx: AsyncConnection, ids: Sequence[UUID], found: dict[UUID, Matter]) -> None:
        for row in await _UNSETTLED.rows(tx, {"ids": ids}):
            one = Promise(row.id, row.letter_id, row.kind, row.due_at, row.remedy_id, row.what, row.made_at, row.state,
                          settled_at=row.settled_at)  # fmt: skip
            found[row.complaint_id].promises.append(one)

    async def save(self, tx: AsyncConnection, cases: Sequence[Matter]) -> None:
        """Write what handlers changed: at most five statements."""
        known = [(m, m.facts) for m in cases if m.facts]
        await self._save_matters(tx, known)
        await suppress(tx, [(address, why, None) for m in cases for address, why in m.suppress])
        rows = [(f, row) for m, f in known for row in m.letters if row.changed]
        await self._add_letters(tx, [(f, row) for f, row in rows if row.stored_as is None])
        if changed := [self._letter(f, r) for f, r in rows if r.stored_as is not None]:
            self._ready_later(r for _, r in rows if r.stored_as is not None)
            await _UPDATE.rows(tx, {name: [_sent(name, row[name]) for row in changed] for name in _CHANGED})
        await self._save_promises(tx, [p for m, _ in known for p in m.promises if p.changed])

    async def _save_matters(self, tx: AsyncConnection, known: Sequence[tuple[Matter, Facts]]) -> None:
        if known:
            arguments = {
                "ids": [matter.complaint_id for matter, _ in known],
                "versions": [matter.version for matter, _ in known],
                "documents": [facts.model_dump_json(exclude_none=True) for _, facts in known],
                "until": [facts.received_at + self._keep for _, facts in known],
            }
            await _SAVE.rows(tx, arguments)

    async def _add_letters(self, tx: AsyncConnection, rows: Sequence[tuple[Facts, LetterRow]]) -> None:
        """New rows of the ledger. While the sender has room, those that may leave now are claimed by the way.

        So a letter that is written and sent at once takes no transaction and no version of its row in between.
        """
        if not rows:
            return
        due = [row.id for _, row in rows if row.state == "ready" and row.next_try_at == row.created_at]
        room = self.ready.take(len(due)) if due else 0
        claimed = frozenset(due[:room])
        self._ready_later(row for _, row in rows if row.id not in claimed)
        if claimed:
            self.ready.made().room += room
        stored = await sql.insert(
            tx, t.letter, [self._claimed(f, row) if row.id in claimed else self._letter(f, row) for f, row in rows],
            ignore="complaint_id, trigger, kind, recipient", returning=_STORED if claimed else "",
        )  # fmt: skip
        if claimed:
            # A debt that stood in the ledger already was not stored again, and is not sent again.
            kept = {row.id: row.suppressed for row in stored}
            took = [(f, row) for f, row in rows if row.id in claimed and row.id in kept]
            self.ready.made().claimed += [attempt_of(row, f, suppressed=kept[row.id]) for f, row in took]

    def _ready_later(self, rows: Iterable[LetterRow]) -> None:
        if any(row.state == "ready" for row in rows):
            self.ready.made().ready = True

    def _claimed(self, facts: Facts, row: LetterRow) -> dict[str, Any]:
        assert row.created_at is not None
        lease = row.created_at + self.ready.lease
        return {**self._letter(facts, row), "state": move(row.state, "sending"), "attempts": 1, "lease_until": lease}

    async def _save_promises(self, tx: AsyncConnection, changed: Sequence[Promise]) -> None:
        if changed:
            arguments = {
                "ids": [p.id for p in changed],
                "states": [p.state for p in changed],
                "times": [p.settled_at for p in changed],
                "evidence": [p.evidence for p in changed],
            }
            await _PROMISES.rows(tx, arguments)

    def _letter(self, facts: Facts, row: LetterRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "complaint_id": row.complaint_id,
            "trigger": row.trigger,
            "kind": row.kind,
            "recipient": row.recipient,
            "customer_id": facts.customer_id,
            "state": row.state,
            "language": row.language,
            "channel": row.channel,
            "automatic": row.automatic,
            "by_person": row.by_person,
            "decision_id": row.decision_id,
            "inputs": row.inputs,
            "address": row.address,
            "to_name": row.to_name,
            "reference": facts.reference,
            "subject": row.subject,
            "text": row.text,
            "template_version": row.template_version,
            "thread": row.thread,
            "promises": [_commitment(p) for p in row.promises],
            "findings": row.findings,
            "reason": row.reason,
            "attempts": row.attempts,
            "created_at": row.created_at,
            "next_try_at": row.next_try_at,
            "deadline_at": row.deadline_at,
            "lease_until": None,
            "probe": facts.probe is not None,
            "class": CLASS,
            "delete_after": facts.received_at + self._keep,
            "legal_hold": False,
        }


def letter_of(row: Any) -> LetterRow:
    """A ledger row as handlers see it."""
    return LetterRow(
        id=row.id,
        complaint_id=row.complaint_id,
        trigger=row.trigger,
        kind=row.kind,
        state=row.state,
        language=row.language,
        automatic=row.automatic,
        recipient=row.recipient,
        channel=row.channel,
        by_person=row.by_person,
        decision_id=row.decision_id,
        inputs=row.inputs,
        address=row.address,
        to_name=row.to_name,
        subject=row.subject,
        text=row.text,
        template_version=row.template_version,
        thread=row.thread,
        promises=commitments(row.promises),
        findings=row.findings,
        reason=row.reason,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        deadline_at=row.deadline_at,
        created_at=row.created_at,
        stored_as=row.state,
        changed=False,
    )


def commitments(documents: Iterable[dict[str, Any]]) -> list[Commitment]:
    """What a letter promises, from its stored form."""
    return [Commitment(**document) for document in documents]


def _commitment(one: Commitment) -> dict[str, Any]:
    return {
        "kind": one.kind, "due": one.due, "what": one.what, "remedy_id": one.remedy_id, "amount": one.amount,
        "currency": one.currency,
    }  # fmt: skip


def _sent(name: str, value: Any) -> Any:
    return sql.to_json(value) if name in _DOCUMENTS else value


async def suppress(tx: AsyncConnection, entries: Sequence[tuple[str, str, UUID | None]]) -> None:
    """Put addresses on the list of those that get no letters: address, why, and the letter that came back."""
    if entries:
        addresses, reasons, letters = map(list, zip(*entries, strict=True))
        await tx.execute(_SUPPRESS, {"addresses": addresses, "reasons": reasons, "letters": letters})


async def unsuppress(tx: AsyncConnection, address: str) -> bool:
    """Take an address off the list; whether it stood there."""
    gone = await tx.execute(delete(t.suppressed).where(t.suppressed.c.address == address.strip().lower()))
    return bool(gone.rowcount)
