"""Editions of templates: kept, listed, put into use."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from .. import tables as t

PACKAGE = 1  # the edition that comes with the program


class Editions:
    """Statements about templates."""

    async def listed(self, tx: AsyncConnection) -> Sequence[Any]:
        """All editions that were uploaded, the newest first, without their documents."""
        of = t.template.c
        query = select(of.language, of.edition, of.author, of.note, of.made_at).order_by(of.made_at.desc())
        return (await tx.execute(query)).all()

    async def in_use(self, tx: AsyncConnection) -> dict[str, int]:
        """Language → edition in use, for those that do not use the package's."""
        rows = await tx.execute(select(t.template_in_use.c.language, t.template_in_use.c.edition))
        return {row.language: row.edition for row in rows}

    async def document(self, tx: AsyncConnection, language: str, edition: int) -> str | None:
        """The document of an edition."""
        query = select(t.template.c.document).where(t.template.c.language == language, t.template.c.edition == edition)
        found: str | None = (await tx.execute(query)).scalar_one_or_none()
        return found

    async def add(self, tx: AsyncConnection, language: str, document: str, author: str, note: str) -> int:
        """Keep a new edition; its number. Two uploads at once: the second one's number is taken, and it fails."""
        newest = select(func.coalesce(func.max(t.template.c.edition), PACKAGE)).where(t.template.c.language == language)
        edition: int = (await tx.execute(newest)).scalar_one() + 1
        await tx.execute(
            insert(t.template).values(
                language=language, edition=edition, document=document, author=author, note=note, made_at=func.now()
            )
        )
        return edition

    async def use(self, tx: AsyncConnection, language: str, edition: int, by: str) -> None:
        """Put an edition into use."""
        row = {"edition": edition, "since": func.now(), "by": by}
        statement = insert(t.template_in_use).values(language=language, **row)
        await tx.execute(statement.on_conflict_do_update(index_elements=["language"], set_=row))
