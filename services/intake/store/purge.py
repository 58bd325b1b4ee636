"""What has lived its time goes: words, names, contacts, files. What proves that nothing was lost stays.

Rows of complaints, calls and arrivals keep their ids, hashes, times and outcomes, so a key that was used stays used and
the account stays true; everything that says who and what is emptied. A legal hold keeps everything of its complaint,
also the raw mail and the calls that belong to it.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OVER = "delete_after < now() AND NOT legal_hold"
# Only what is no longer worked on, though its time be over.
_DUE = text(
    "SELECT c.complaint_id FROM complaint c LEFT JOIN tracking t USING (complaint_id) "
    f"WHERE c.{_OVER} AND NOT coalesce(t.open, c.kind = 'complaint') "
    "ORDER BY c.delete_after LIMIT :n FOR UPDATE OF c SKIP LOCKED"
)
_OF = "WHERE complaint_id = ANY(CAST(:ids AS uuid[]))"
# What belongs to a complaint that is worked on, or held, is not erased though its own time be over.
_NEEDED = (
    "EXISTS (SELECT 1 FROM complaint c LEFT JOIN tracking t USING (complaint_id) WHERE c.complaint_id = {of} "
    "AND (c.legal_hold OR coalesce(t.open, c.kind = 'complaint')))"
)
_GONE = "body = '{}', class = 'erased', delete_after = NULL"


def _over(table: str, key: str) -> str:
    """The keys of a batch of rows of a complaint whose own time is over."""
    needed = _NEEDED.format(of=f"{table}.complaint_id")
    chosen = f"SELECT {key} FROM {table} WHERE {_OVER} AND NOT {needed} LIMIT :n FOR UPDATE SKIP LOCKED"
    return f"WHERE {key} = ANY(ARRAY({chosen}))"


_EMPTIED = {
    "letters": f"DELETE FROM letter {_OF} AND NOT legal_hold",
    "messages": f"UPDATE message SET {_GONE} {_OF} AND NOT legal_hold AND class <> 'erased'",
    "attachments": f"DELETE FROM attachment {_OF} AND NOT legal_hold",
    "timelines": f"DELETE FROM tracking {_OF}",
    "orders": f"DELETE FROM matter {_OF}",
    "complaints": f"UPDATE complaint SET {_GONE}, email = NULL, phone = NULL, represented_by = NULL {_OF}",
}
_ALONE = {
    "letters": f"DELETE FROM letter {_over('letter', 'letter_id')}",
    "messages": f"UPDATE message SET {_GONE} {_over('message', 'message_id')}",
    "attachments": f"DELETE FROM attachment {_over('attachment', 'attachment_id')}",
    "calls": "UPDATE call SET document = '{}', said = '', class = 'erased', delete_after = NULL "
    + _over("call", "call_key").replace(_OVER, f"{_OVER} AND settle_at IS NULL"),
    "raw mails": "DELETE FROM raw_mail WHERE sha256 = ANY(ARRAY("
    f"SELECT sha256 FROM raw_mail r WHERE {_OVER} AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.sha256 = r.sha256 "
    f"AND (m.outcome IS NULL OR {_NEEDED.format(of='m.complaint_id')})) LIMIT :n FOR UPDATE SKIP LOCKED))",
    "files": f"DELETE FROM file WHERE sha256 = ANY(ARRAY(SELECT sha256 FROM file f WHERE {_OVER} AND NOT EXISTS "
    "(SELECT 1 FROM attachment a WHERE a.sha256 = f.sha256) LIMIT :n FOR UPDATE SKIP LOCKED))",
    # A customer whom no directory names lives as long as something they told us.
    "customers": "DELETE FROM customer WHERE customer_id = ANY(ARRAY(SELECT customer_id FROM customer c WHERE "
    "external_id IS NULL AND NOT legal_hold AND EXISTS (SELECT 1 FROM complaint x WHERE x.customer_id = c.customer_id "
    "AND x.class = 'erased') AND NOT EXISTS (SELECT 1 FROM complaint x WHERE x.customer_id = c.customer_id "
    "AND x.class <> 'erased') LIMIT :n FOR UPDATE SKIP LOCKED))",
    "contacts": "DELETE FROM contact WHERE (kind, value) IN (SELECT kind, value FROM contact k WHERE NOT EXISTS "
    "(SELECT 1 FROM customer c WHERE c.customer_id = k.customer_id) LIMIT :n)",
    "attempts": "DELETE FROM attempt WHERE who = ANY(ARRAY(SELECT who FROM attempt WHERE "
    "since < now() - interval '1 day' LIMIT :n FOR UPDATE SKIP LOCKED))",
    "webhooks": "DELETE FROM webhook WHERE id = ANY(ARRAY(SELECT id FROM webhook WHERE "
    "settled_at < now() - interval '30 days' AND NOT legal_hold LIMIT :n FOR UPDATE SKIP LOCKED))",
}
NAMES = tuple(_EMPTIED | _ALONE)
_HOLD = text("UPDATE complaint SET legal_hold = :held WHERE reference = :reference")


async def sweep(tx: AsyncConnection, n: int) -> dict[str, int]:
    """One batch of at most `n` rows of each sort: what went, by sort."""
    ids: list[UUID] = list((await tx.execute(_DUE, {"n": n})).scalars())
    gone = dict.fromkeys(NAMES, 0)
    for name, statement in _EMPTIED.items() if ids else ():
        gone[name] += (await tx.execute(text(statement), {"ids": ids})).rowcount
    for name, statement in _ALONE.items():
        gone[name] += (await tx.execute(text(statement), {"n": n})).rowcount
    return gone


async def hold(tx: AsyncConnection, reference: str, *, held: bool) -> bool:
    """Keep everything of a complaint until it is released. False: there is no such complaint."""
    return bool((await tx.execute(_HOLD, {"reference": reference, "held": held})).rowcount)
