"""Channel keys: who may call, for what, until when. Only the SHA-256 of a key is kept."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t


class Key(NamedTuple):
    key_hash: bytes
    name: str
    scopes: tuple[str, ...]
    per_minute: int | None = None


async def valid(tx: AsyncConnection) -> list[Key]:
    """Every key that opens something now."""
    k = t.channel_key.c
    query = select(k.key_hash, k.name, k.scopes, k.per_minute).where(
        k.revoked_at.is_(None), or_(k.expires_at.is_(None), k.expires_at > func.now())
    )
    return [Key(bytes(row.key_hash), row.name, tuple(row.scopes), row.per_minute) for row in await tx.execute(query)]


async def newest(tx: AsyncConnection, name: str) -> Key | None:
    """The channel's newest valid key; None when it has none."""
    k = t.channel_key.c
    query = (
        select(k.key_hash, k.name, k.scopes, k.per_minute)
        .where(k.name == name, k.revoked_at.is_(None), or_(k.expires_at.is_(None), k.expires_at > func.now()))
        .order_by(k.created_at.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).one_or_none()
    return Key(bytes(row.key_hash), row.name, tuple(row.scopes), row.per_minute) if row else None


async def add(
    tx: AsyncConnection, key_hash: bytes, name: str, scopes: Sequence[str], per_minute: int | None = None
) -> None:
    """A new key. `per_minute`: requests; None is the house's limit."""
    row = {
        "key_hash": key_hash, "name": name, "scopes": list(scopes), "created_at": func.now(), "per_minute": per_minute
    }  # fmt: skip
    await tx.execute(t.channel_key.insert().values(row))


async def expire(tx: AsyncConnection, name: str, after: timedelta) -> None:
    """Let the channel's present keys end after the overlap."""
    k = t.channel_key
    ends = func.now() + after
    await tx.execute(
        update(k)
        .where(k.c.name == name, k.c.revoked_at.is_(None), or_(k.c.expires_at.is_(None), k.c.expires_at > ends))
        .values(expires_at=ends)
    )


async def revoke(tx: AsyncConnection, name: str) -> int:
    """End all keys of the channel at once. How many there were."""
    k = t.channel_key
    statement = update(k).where(k.c.name == name, k.c.revoked_at.is_(None)).values(revoked_at=func.now())
    return (await tx.execute(statement)).rowcount
