"""Bulk actions that were asked for under a key: what was asked, and the answer."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

_BEGIN = text(
    "INSERT INTO bulk (actor, key, asked, at) VALUES (:actor, :key, :asked, now()) "
    "ON CONFLICT (actor, key) DO UPDATE SET key = EXCLUDED.key RETURNING asked, answer"
).columns(answer=JSONB)
_OLD = text("DELETE FROM bulk WHERE at < now() - interval '30 days'")
_END = text("UPDATE bulk SET answer = CAST(:answer AS jsonb) WHERE actor = :actor AND key = :key")


async def begin(tx: AsyncConnection, actor: str, key: str, asked: bytes) -> tuple[bytes, Any]:
    """What was first asked under this key (its hash), and its answer if there is one. Keys are kept for 30 days."""
    await tx.execute(_OLD)
    row = (await tx.execute(_BEGIN, {"actor": actor, "key": key, "asked": asked})).one()
    return bytes(row.asked), row.answer


async def end(tx: AsyncConnection, actor: str, key: str, answer: Any) -> None:
    """Keep the answer for who asks again."""
    await tx.execute(_END, {"actor": actor, "key": key, "answer": sql.to_json(answer)})
