"""What people ask for: letters of a complaint, one letter, promises, totals."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .. import tables as t
from ..model import Facts


class Reading:
    """Read-only statements."""

    async def facts(self, tx: AsyncConnection, complaint_id: UUID) -> Facts | None:
        """The complaint as letters know it."""
        query = select(t.matter.c.document).where(t.matter.c.complaint_id == complaint_id)
        document = (await tx.execute(query)).scalar_one_or_none()
        return None if document is None else Facts.model_validate(document)

    async def letters(self, tx: AsyncConnection, complaint_id: UUID) -> Sequence[Any]:
        """All letters of a complaint, in the order in which they came to be owed."""
        query = select(t.letter).where(t.letter.c.complaint_id == complaint_id)
        return (await tx.execute(query.order_by(t.letter.c.created_at, t.letter.c.id))).all()

    async def letter(self, tx: AsyncConnection, letter_id: UUID) -> Any | None:
        """One letter."""
        return (await tx.execute(select(t.letter).where(t.letter.c.id == letter_id))).one_or_none()

    async def held(self, tx: AsyncConnection, states: Sequence[str], limit: int) -> Sequence[Any]:
        """Letters in these states, the oldest first."""
        query = select(t.letter).where(t.letter.c.state.in_(states))
        return (await tx.execute(query.order_by(t.letter.c.created_at).limit(limit))).all()

    async def approvals(self, tx: AsyncConnection, limit: int) -> Sequence[Any]:
        """Letters that wait for an approver, the most urgent first."""
        due = t.letter.c.inputs["approval"]["due_at"].astext
        query = select(t.letter).where(t.letter.c.state == "blocked", due.is_not(None))
        return (await tx.execute(query.order_by(cast(due, DateTime(timezone=True))).limit(limit))).all()

    async def notice(self, tx: AsyncConnection, notice_id: UUID) -> Sequence[Any]:
        """Letters (id, complaint_id) of a notice to many that still wait for approval."""
        c = t.letter.c
        query = select(c.id, c.complaint_id).where(
            c.inputs["notice"].astext == str(notice_id), c.kind == "bulk_notice", c.state == "blocked"
        )
        return (await tx.execute(query.order_by(c.complaint_id))).all()

    async def promises(self, tx: AsyncConnection, state: str | None, limit: int) -> Sequence[Any]:
        """Promises, the most urgent first."""
        query = select(t.promise).order_by(t.promise.c.due_at, t.promise.c.id).limit(limit)
        return (await tx.execute(query.where(t.promise.c.state == state) if state else query)).all()

    async def promises_of(self, tx: AsyncConnection, complaint_id: UUID) -> Sequence[Any]:
        """All promises of a complaint, the most urgent first."""
        query = select(t.promise).where(t.promise.c.complaint_id == complaint_id)
        return (await tx.execute(query.order_by(t.promise.c.due_at, t.promise.c.id))).all()

    async def promise(self, tx: AsyncConnection, promise_id: UUID) -> Any | None:
        """One promise."""
        return (await tx.execute(select(t.promise).where(t.promise.c.id == promise_id))).one_or_none()

    async def suppressed(self, tx: AsyncConnection, limit: int) -> Sequence[Any]:
        """Addresses that get no letters, the newest first."""
        return (await tx.execute(select(t.suppressed).order_by(t.suppressed.c.at.desc()).limit(limit))).all()
