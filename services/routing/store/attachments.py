"""Files that people of the house added to a case."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql

from .. import tables as t
from ..model import Case

_a = t.attachment.c
_LISTED = (_a.attachment_id, _a.name, _a.media_type, _a.sha256, _a.added_at, _a.added_by)


async def keep(tx: AsyncConnection, cases: Sequence[Case]) -> None:
    """Write the files that were added: one statement."""
    rows = [{**vars(row), "class": case.kind} for case in cases for row in case.pending.files]
    await sql.insert(tx, t.attachment, rows)


async def listed(tx: AsyncConnection, complaint_id: UUID) -> list[dict[str, Any]]:
    """What files there are, in the order in which they were added."""
    query = select(*_LISTED).where(_a.complaint_id == complaint_id).order_by(_a.added_at, _a.attachment_id)
    return [{**row._mapping, "sha256": row.sha256.hex()} for row in await tx.execute(query)]


async def content(tx: AsyncConnection, complaint_id: UUID, attachment_id: UUID) -> Any:
    """One file with its bytes (`name`, `media_type`, `content`), or None."""
    query = select(_a.name, _a.media_type, _a.content).where(
        _a.complaint_id == complaint_id, _a.attachment_id == attachment_id
    )
    return (await tx.execute(query)).one_or_none()


async def contents(tx: AsyncConnection, complaint_id: UUID) -> Sequence[Any]:
    """All files with their bytes."""
    query = select(_a.attachment_id, _a.name, _a.media_type, _a.content).where(_a.complaint_id == complaint_id)
    return (await tx.execute(query.order_by(_a.added_at, _a.attachment_id))).all()
