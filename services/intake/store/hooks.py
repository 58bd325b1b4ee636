"""Where channels want to be told how their complaints go on, and what they are owed."""

from collections.abc import Sequence
from uuid import uuid5

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import tables as t
from services.intake.model import Case
from services.intake.statuses import EVENT, body
from shared.base import sql
from shared.base.sql import to_json
from shared.deliver.webhooks import LIFE

# Channels that want to be told nothing cost a look into a small table.
_NAMES = sql.Statement("SELECT name FROM channel_hook")
# One statement for any number of cases.
_OWE = text(
    "INSERT INTO webhook (id, target, about, event, body, state, attempts, created_at, next_try_at, "
    "deadline_at, class) "
    "SELECT u.id, u.target, u.about, :event, u.body, 'ready', 0, now(), now(), now() + CAST(:life AS interval), "
    "'webhook' FROM unnest(CAST(:ids AS uuid[]), CAST(:targets AS text[]), CAST(:abouts AS uuid[]), "
    "CAST(:bodies AS text[])) AS u(id, target, about, body) JOIN channel_hook h ON h.name = u.target "
    "ON CONFLICT (id) DO NOTHING"
)
_PUT = text(
    "INSERT INTO channel_hook (name, url, version, created_at) VALUES (:name, :url, 1, now()) "
    "ON CONFLICT (name) DO UPDATE SET url = EXCLUDED.url, version = channel_hook.version + 1 RETURNING version"
)


async def owe(tx: AsyncConnection, cases: Sequence[Case]) -> None:
    """Write into the ledger what has become of these complaints, for the channels that want to know."""
    names = {row.name for row in await _NAMES.rows(tx)}
    told = [case for case in cases if case.origin and case.origin.source in names]
    if not told:
        return
    await tx.execute(
        _OWE,
        {
            "ids": [uuid5(case.complaint_id, f"status {case.version}") for case in told],
            "targets": [case.origin.source for case in told if case.origin],
            "abouts": [case.complaint_id for case in told],
            "bodies": [to_json(body(case)) for case in told],
            "event": EVENT,
            "life": LIFE,
        },
    )


async def put(tx: AsyncConnection, name: str, url: str) -> int:
    """Tell this channel at this address from now on. The version of its secret, a new one each time."""
    version: int = (await tx.execute(_PUT, {"name": name, "url": url})).scalar_one()
    return version


async def remove(tx: AsyncConnection, name: str) -> bool:
    """Tell this channel no more."""
    return bool((await tx.execute(delete(t.channel_hook).where(t.channel_hook.c.name == name))).rowcount)


async def find(tx: AsyncConnection, name: str) -> tuple[str, int] | None:
    """Address and version of a channel's hook."""
    h = t.channel_hook.c
    row = (await tx.execute(select(h.url, h.version).where(h.name == name))).one_or_none()
    return (row.url, row.version) if row else None


async def dead(tx: AsyncConnection) -> int:
    """How many deliveries wait for a person."""
    found: int = (await tx.execute(select(func.count()).select_from(text("webhook WHERE state = 'dead'")))).scalar_one()
    return found
