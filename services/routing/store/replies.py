"""The reply library's rows: the replies as they are, and every version of each."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import replies
from .. import tables as t
from ..replies import Reply

_r, _v = t.reply.c, t.reply_version.c
MOST = 500


def _reply(row: Any) -> Reply:
    return Reply(row.reply_id, row.cause, row.language, row.title, row.text, row.owner, row.version, row.archived)


async def ship(tx: AsyncConnection) -> None:
    """Put the house's replies in that are not there yet; what people made of them stays."""
    at = (await tx.execute(select(func.now()))).scalar_one()
    rows = [_row(reply, replies.HOUSE, at) for reply in replies.house_replies()]
    new = await sql.insert(tx, t.reply, rows, ignore="reply_id", returning="reply_id")
    fresh = {row.reply_id for row in new}
    shipped = [_version(reply, "created", replies.HOUSE, at) for reply in replies.house_replies()]
    await sql.insert(tx, t.reply_version, [v for v in shipped if v["reply_id"] in fresh])


async def find(
    tx: AsyncConnection, *, cause: str = "", language: str = "", q: str = "", archived: bool = False
) -> list[Reply]:
    """The library by cause and title. `q`: words in title or text; `archived`: those too."""
    query = select(t.reply).order_by(_r.cause, _r.language, _r.title, _r.reply_id).limit(MOST)
    if not archived:
        query = query.where(~_r.archived)
    if cause:
        query = query.where(_r.cause == cause)
    if language:
        query = query.where(_r.language == language)
    if q:
        words = q.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        query = query.where(or_(func.lower(_r.title).like(f"%{words}%"), func.lower(_r.text).like(f"%{words}%")))
    return [_reply(row) for row in await tx.execute(query)]


async def get(tx: AsyncConnection, reply_id: UUID) -> Reply | None:
    """One reply as it is."""
    row = (await tx.execute(select(t.reply).where(_r.reply_id == reply_id))).one_or_none()
    return _reply(row) if row else None


async def versions(tx: AsyncConnection, reply_id: UUID) -> list[dict[str, Any]]:
    """Who made what of a reply, the newest first."""
    query = select(t.reply_version).where(_v.reply_id == reply_id).order_by(_v.version.desc())
    return [dict(row._mapping) for row in await tx.execute(query)]


async def add(tx: AsyncConnection, reply: Reply, by: str) -> None:
    """A new reply."""
    at = (await tx.execute(select(func.now()))).scalar_one()
    await sql.insert(tx, t.reply, [_row(reply, by, at)])
    await sql.insert(tx, t.reply_version, [_version(reply, "created", by, at)])


async def change(tx: AsyncConnection, reply: Reply, what: str, by: str) -> bool:
    """Write the next version; `reply.version` is the one it replaces. False when it is another by now."""
    at = (await tx.execute(select(func.now()))).scalar_one()
    following = _row(reply, by, at) | {"version": reply.version + 1}
    written = update(t.reply).where(_r.reply_id == reply.reply_id, _r.version == reply.version)
    if (await tx.execute(written.values(**following).returning(_r.reply_id))).first() is None:
        return False
    await sql.insert(tx, t.reply_version, [_version(reply, what, by, at) | {"version": reply.version + 1}])
    return True


def _row(reply: Reply, by: str, at: Any) -> dict[str, Any]:
    return {**vars(reply), "changed_at": at, "changed_by": by}


def _version(reply: Reply, what: str, by: str, at: Any) -> dict[str, Any]:
    kept = {name: value for name, value in vars(reply).items() if name != "archived"}
    return {**kept, "what": what, "by": by, "at": at}
