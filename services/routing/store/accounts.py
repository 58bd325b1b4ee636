"""Who may sign in, who is signed in, and who tried."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t

_a, _s, _t = t.account.c, t.session.c, t.attempt.c
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(encode(CAST(:name_hash AS bytea), 'hex'), 0))")
KEPT = timedelta(days=30)


async def now(tx: AsyncConnection) -> datetime:
    """The database's time."""
    at: datetime = (await tx.execute(select(func.now()))).scalar_one()
    return at


async def account(tx: AsyncConnection, name: str) -> Any:
    """One account's row, or None."""
    return (await tx.execute(select(t.account).where(_a.name == name))).one_or_none()


async def account_of(tx: AsyncConnection, subject: str) -> Any:
    """The account of an identity provider's subject, or None."""
    return (await tx.execute(select(t.account).where(_a.subject == subject))).one_or_none()


async def accounts(tx: AsyncConnection) -> list[Any]:
    """All accounts by name, with `sessions`: how many are open."""
    opened = (
        select(func.count())
        .where(_s.name == _a.name, _s.ended_at.is_(None), _s.ends_at > func.now())
        .correlate(t.account)
        .scalar_subquery()
    )
    return list(await tx.execute(select(t.account, opened.label("sessions")).order_by(_a.name)))


async def add(tx: AsyncConnection, name: str, role: str, *, password: str | None, subject: str | None) -> bool:
    """Make an account. False when there is one of this name or subject."""
    at = await now(tx)
    row = {"name": name, "role": role, "password": password, "subject": subject, "made_at": at, "changed_at": at}
    if subject is not None and await account_of(tx, subject) is not None:
        return False
    return bool(await sql.insert(tx, t.account, [row], ignore="name", returning="name"))


async def change(tx: AsyncConnection, name: str, **values: Any) -> bool:
    """Set columns of an account. False when there is none."""
    changed = update(t.account).where(_a.name == name).values(**values, changed_at=func.now()).returning(_a.name)
    return (await tx.execute(changed)).first() is not None


async def begin_attempt(tx: AsyncConnection, name_hash: bytes, window: timedelta) -> tuple[int, datetime | None]:
    """Note a try: how many stood within the window before it, and since when the oldest does. One at a time a name."""
    await tx.execute(_TURN, {"name_hash": name_hash})
    await tx.execute(delete(t.attempt).where(_t.at < func.now() - window))
    found = select(func.count(), func.min(_t.at)).where(_t.name_hash == name_hash)
    count, oldest = (await tx.execute(found)).one()
    return count, oldest


async def note_attempt(tx: AsyncConnection, name_hash: bytes) -> None:
    """One more try of this name."""
    row = {"name_hash": name_hash, "at": (await tx.execute(select(func.clock_timestamp()))).scalar_one()}
    await sql.insert(tx, t.attempt, [row], ignore="name_hash, at")


async def forget_attempts(tx: AsyncConnection, name_hash: bytes) -> None:
    """The name's owner has signed in."""
    await tx.execute(delete(t.attempt).where(_t.name_hash == name_hash))


async def open_session(tx: AsyncConnection, session_id: UUID, name: str, way: str, device: str, ends: datetime) -> None:
    """Keep a new session, and forget those that ended long ago."""
    at = await now(tx)
    row = {"session_id": session_id, "name": name, "way": way, "device": device, "made_at": at, "ends_at": ends}
    await sql.insert(tx, t.session, [row])
    await tx.execute(delete(t.session).where(_s.ends_at < at - KEPT))


async def live(tx: AsyncConnection, session_id: UUID) -> Any:
    """`name`, `role` and `ends_at` of a session that is good now, or None."""
    query = (
        select(_s.name, _a.role, _s.ends_at)
        .join_from(t.session, t.account, _s.name == _a.name)
        .where(
            _s.session_id == session_id, _s.ended_at.is_(None), _s.ends_at > func.now(), _a.disabled_at.is_(None)
        )
    )  # fmt: skip
    return (await tx.execute(query)).one_or_none()


async def sessions(tx: AsyncConnection, name: str) -> list[Any]:
    """The open sessions of one person, the newest first."""
    query = select(t.session).where(_s.name == name, _s.ended_at.is_(None), _s.ends_at > func.now())
    return list(await tx.execute(query.order_by(_s.made_at.desc())))


async def end(tx: AsyncConnection, name: str, by: str, session_id: UUID | None = None) -> int:
    """End one open session of a person, or all; how many there were."""
    ended = update(t.session).where(_s.name == name, _s.ended_at.is_(None), _s.ends_at > func.now())
    if session_id is not None:
        ended = ended.where(_s.session_id == session_id)
    done = await tx.execute(ended.values(ended_at=func.now(), ended_by=by).returning(_s.session_id))
    return len(done.all())
