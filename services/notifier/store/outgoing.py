"""The sender's statements: claim, settle, lapse. Each takes many letters at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.deliver.ledger import Outcome
from shared.spine import traces

from .. import tables as t
from ..letter import Commitment
from ..promises import due_at, promise_id
from .attempts import Attempt
from .cases import CLASS, commitments

_COLUMNS = (
    "letter.id, complaint_id, customer_id, kind, language, letter.channel, trigger, letter.address, "
    "to_name, reference, subject, text, thread, promises, attempts, deadline_at, automatic, by_person, decision_id, "
    "template_version, EXISTS (SELECT 1 FROM suppressed AS s WHERE s.address = lower(letter.address)) AS suppressed, "
    "inputs ->> 'short' AS short, inputs ? 'large_print' AS large, probe"
)
_CLAIM = sql.Statement(
    "UPDATE letter SET state = 'sending', attempts = attempts + 1, "
    "lease_until = now() + make_interval(secs => :lease) WHERE id = ANY(ARRAY("
    "SELECT id FROM letter WHERE state IN ('ready', 'retry') AND next_try_at <= now() "
    f"ORDER BY next_try_at LIMIT :n FOR UPDATE SKIP LOCKED)) RETURNING {_COLUMNS}"
)
# A letter that was declared unknown may still turn out to have been sent or refused: the one who sent it knows.
_SETTLE = sql.Statement(
    "UPDATE letter SET state = u.state, sent_at = u.sent_at, next_try_at = u.next_try_at, reason = u.reason, "
    "lease_until = NULL FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:sent AS timestamptz[]), "
    "CAST(:next AS timestamptz[]), CAST(:reasons AS text[])) AS u(id, state, sent_at, next_try_at, reason) "
    "WHERE letter.id = u.id "
    "AND letter.state IN ('sending', CASE WHEN u.state IN ('sent', 'failed') THEN 'unknown' END) RETURNING letter.id"
)
_LAPSED = sql.Statement(
    "SELECT id, complaint_id FROM letter WHERE state = 'sending' AND lease_until < now() ORDER BY lease_until LIMIT 100"
)
_LAPSE = sql.Statement(
    "UPDATE letter SET state = 'unknown', lease_until = NULL, reason = 'the sender was lost after DATA may have begun' "
    f"WHERE id = ANY(CAST(:ids AS uuid[])) AND state = 'sending' AND lease_until < now() RETURNING {_COLUMNS}"
)
_KEEP = sql.Statement(
    "UPDATE promise SET state = 'kept', settled_at = u.at, evidence = 'letter ' || u.letter_id "
    "FROM unnest(CAST(:complaints AS uuid[]), CAST(:kinds AS text[]), CAST(:times AS timestamptz[]), "
    "CAST(:letters AS uuid[])) AS u(complaint_id, kind, at, letter_id) "
    "WHERE promise.complaint_id = u.complaint_id AND promise.kind = u.kind AND promise.state = 'open' "
    "AND promise.due_at >= u.at "
    "RETURNING promise.id, promise.complaint_id, promise.kind, promise.due_at, promise.evidence, u.at"
)
_CANCEL_DELAYS = sql.Statement(
    "UPDATE letter SET state = 'cancelled', reason = 'the answer has gone out' "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[])) AND kind = 'delay_apology' "
    "AND state IN ('owed', 'ready', 'retry', 'blocked', 'no_address')"
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an attempt, and when; `next_try_at` is set exactly for a retry."""

    attempt: Attempt
    outcome: Outcome
    at: datetime
    next_try_at: datetime | None = None


class Outgoing:
    """The statements of the sender's loops."""

    async def claim(self, tx: AsyncConnection, *, n: int, lease: float) -> list[Attempt]:
        """Take up to `n` letters that are due: they are `sending` once this transaction has committed."""
        rows = await _CLAIM.rows(tx, {"n": n, "lease": lease})
        claimed = [_attempt(row) for row in rows]
        found = await traces.parents(tx, [one.complaint_id for one in claimed])
        return [replace(one, traceparent=found.get(one.complaint_id)) for one in claimed] if found else claimed

    async def settle(self, tx: AsyncConnection, settled: Sequence[Settled]) -> list[Settled]:
        """Record outcomes. Gives those that count: of a letter whose fate was settled otherwise nothing is said."""
        rows = await _SETTLE.rows(
            tx,
            {
                "ids": [s.attempt.id for s in settled],
                "states": [s.outcome.state for s in settled],
                "sent": [s.at if s.outcome.state == "sent" else None for s in settled],
                "next": [s.next_try_at for s in settled],
                "reasons": [reason(s.outcome) for s in settled],
            },
        )
        taken = {row.id for row in rows}
        return [s for s in settled if s.attempt.id in taken]

    async def lapsed(self, tx: AsyncConnection) -> list[tuple[UUID, UUID]]:
        """Letters (id, complaint) whose sender was lost."""
        return [(row.id, row.complaint_id) for row in await _LAPSED.rows(tx)]

    async def lapse(self, tx: AsyncConnection, ids: Sequence[UUID]) -> list[Attempt]:
        """Declare them unknown, those that still are lost."""
        return [_attempt(row) for row in await _LAPSE.rows(tx, {"ids": list(ids)})]

    async def keep(self, tx: AsyncConnection, kept: Sequence[tuple[UUID, str, datetime, UUID]]) -> Sequence[Any]:
        """Promises (complaint, kind) that letters sent at a time keep: id, complaint_id, kind, due_at, evidence, at."""
        if not kept:
            return []
        complaints, kinds, times, letters = map(list, zip(*kept, strict=True))
        arguments = {"complaints": complaints, "kinds": kinds, "times": times, "letters": letters}
        return await _KEEP.rows(tx, arguments)

    async def promise(self, tx: AsyncConnection, sent: Sequence[Settled], now: datetime) -> None:
        """Record what sent letters promise."""
        rows = [_promise(s, n, one, now) for s in sent for n, one in enumerate(s.attempt.promises)]
        await sql.insert(tx, t.promise, rows)

    async def cancel_delays(self, tx: AsyncConnection, complaints: Sequence[UUID]) -> None:
        """The answer went out: an apology for its delay that still waits would come too late."""
        if complaints:
            await _CANCEL_DELAYS.rows(tx, {"ids": list(complaints)})


def reason(outcome: Outcome) -> str | None:
    """Why a letter did not go out, short: the reply code, or what was lost when."""
    if outcome.state == "sent":
        return None
    return " ".join(filter(None, [str(outcome.code) if outcome.code else "", outcome.detail])) or outcome.state


def _attempt(row: Any) -> Attempt:
    return Attempt(**{**row, "promises": commitments(row.promises)})


def _promise(settled: Settled, n: int, one: Commitment, now: datetime) -> dict[str, Any]:
    attempt = settled.attempt
    return {
        "id": promise_id(attempt.id, n),
        "complaint_id": attempt.complaint_id,
        "letter_id": attempt.id,
        "kind": one.kind,
        "state": "open",
        "what": one.what,
        "due_at": due_at(one),
        "remedy_id": one.remedy_id,
        "amount": one.amount,
        "currency": one.currency,
        "made_at": now,
        "class": CLASS,
        "delete_after": None,
        "legal_hold": False,
    }
