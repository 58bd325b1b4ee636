"""Mailboxes: who fetches one, how far it is fetched, and what the server has that we have not."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LEASE = text(
    "INSERT INTO mailbox AS m (name, uidvalidity, uid, holder, held_until, on_server, waiting) "
    "VALUES (:name, 0, 0, :holder, now() + CAST(:lease AS interval), 0, 0) ON CONFLICT (name) DO UPDATE "
    "SET holder = :holder, held_until = now() + CAST(:lease AS interval) "
    "WHERE m.holder = :holder OR m.held_until IS NULL OR m.held_until < now() RETURNING uidvalidity, uid"
)
_HELD = "name = :name AND holder = :holder AND held_until > now()"
_RELEASE = text("UPDATE mailbox SET held_until = NULL WHERE name = :name AND holder = :holder")
_RESTART = text(f"UPDATE mailbox SET uidvalidity = :validity, uid = 0 WHERE {_HELD}")
_ADVANCE = text(f"UPDATE mailbox SET uid = GREATEST(uid, :uid) WHERE {_HELD} AND uidvalidity = :validity")
_COMPARED = text(
    "UPDATE mailbox SET on_server = :on_server, waiting = :waiting, compared_at = now() WHERE name = :name"
)
_KEPT = text(
    "SELECT uid FROM mail WHERE source = :name AND uidvalidity = :validity AND uid = ANY(CAST(:uids AS bigint[]))"
)


class Cursor(NamedTuple):
    """How far a mailbox is fetched. UIDs mean something only together with their UIDVALIDITY."""

    uidvalidity: int
    uid: int


async def lease(tx: AsyncConnection, name: str, holder: str, length: timedelta) -> Cursor | None:
    """Become or stay the one who fetches this mailbox. None while somebody else is."""
    row = (await tx.execute(_LEASE, {"name": name, "holder": holder, "lease": length})).one_or_none()
    return Cursor(row.uidvalidity, row.uid) if row else None


async def release(tx: AsyncConnection, name: str, holder: str) -> None:
    """Let another one fetch at once."""
    await tx.execute(_RELEASE, {"name": name, "holder": holder})


async def restart(tx: AsyncConnection, name: str, holder: str, validity: int) -> bool:
    """The server gave all messages new UIDs: begin at the first. False: the lease is lost."""
    return bool((await tx.execute(_RESTART, {"name": name, "holder": holder, "validity": validity})).rowcount)


async def advance(tx: AsyncConnection, name: str, holder: str, cursor: Cursor) -> bool:
    """Move the cursor, in the transaction that keeps the mail. False: the lease is lost, so nothing may be kept."""
    arguments = {"name": name, "holder": holder, "validity": cursor.uidvalidity, "uid": cursor.uid}
    return bool((await tx.execute(_ADVANCE, arguments)).rowcount)


async def compared(tx: AsyncConnection, name: str, *, on_server: int, waiting: int) -> None:
    """Write what a comparison with the server found: messages there, and those of them that we have not."""
    await tx.execute(_COMPARED, {"name": name, "on_server": on_server, "waiting": waiting})


async def kept(tx: AsyncConnection, name: str, validity: int, uids: Sequence[int]) -> set[int]:
    """Those of these UIDs whose messages we have."""
    return set(await tx.scalars(_KEPT, {"name": name, "validity": validity, "uids": list(uids)}))
