"""Templates: read, upload after a check, roll back."""

from asyncio import to_thread
from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.base.errors import NotFound, Problem
from shared.base.fields import Said
from shared.base.security import Role, allow, caller
from shared.spine.spine import Spine

from ..editions import Shelf, Unusable
from ..model import Matter
from ..store.editions import PACKAGE, Editions

READERS: tuple[Role, ...] = ("lead", "manager", "approver", "auditor", "quality")


class EditionOut(BaseModel):
    """An edition of a language's templates; edition 1 comes with the program."""

    language: str
    edition: int
    author: str
    note: str
    made_at: datetime
    in_use: bool


class TemplatesOut(BaseModel):
    in_use: dict[str, int]
    editions: list[EditionOut]


class DocumentOut(BaseModel):
    language: str
    edition: int
    document: str


class UploadIn(BaseModel):
    """A whole language as one YAML document, and why it changes."""

    model_config = ConfigDict(extra="forbid")
    document: Said = Field(min_length=1, max_length=500_000)
    note: Said = Field(min_length=1, max_length=1000)


class RollbackIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    edition: int = Field(ge=1)


def router(spine: Spine[Matter], store: Editions, shelf: Shelf) -> APIRouter:
    """The routes about templates."""
    routes = APIRouter(prefix="/v1/templates")

    def known(language: str) -> None:
        if language not in shelf.using:
            raise NotFound("language")

    @routes.get("")
    @allow(*READERS)
    async def editions() -> TemplatesOut:
        """All editions that were uploaded, and which is in use; a language without one uses edition 1."""
        async with spine.db.read() as tx:
            used, rows = await store.in_use(tx), await store.listed(tx)
        found = [EditionOut(**row._mapping, in_use=used.get(row.language) == row.edition) for row in rows]
        return TemplatesOut(in_use={code: used.get(code, PACKAGE) for code in shelf.using}, editions=found)

    @routes.get("/{language}")
    @allow(*READERS)
    async def document(language: str) -> DocumentOut:
        """The templates in use, as a document to edit."""
        known(language)
        return DocumentOut(language=language, edition=shelf.using[language], document=shelf.current(language))

    @routes.post("/{language}")
    @allow("manager")
    async def upload(language: str, request: Request, wanted: UploadIn) -> DocumentOut:
        """Put new templates into use. They write the whole generated set first; what the gate stops is refused."""
        known(language)
        try:
            # Seconds of reckoning: a thread keeps them away from the sender's loop.
            await to_thread(shelf.checked, language, wanted.document)
        except Unusable as error:
            raise Problem(422, "Unprocessable Content", str(error)) from None
        author = caller(request).name
        async with spine.db.transaction() as tx:
            edition = await store.add(tx, language, wanted.document, author, wanted.note)
            await store.use(tx, language, edition, author)
        shelf.take(language, edition, wanted.document)
        return DocumentOut(language=language, edition=edition, document=wanted.document)

    @routes.post("/{language}/rollback")
    @allow("manager")
    async def rollback(language: str, request: Request, wanted: RollbackIn) -> DocumentOut:
        """Put an earlier edition into use again; 1 is the one that came with the program."""
        known(language)
        async with spine.db.transaction() as tx:
            found = await store.document(tx, language, wanted.edition)
            if found is None and wanted.edition != PACKAGE:
                raise NotFound("edition")
            await store.use(tx, language, wanted.edition, caller(request).name)
        shelf.take(language, wanted.edition, found)
        return DocumentOut(language=language, edition=wanted.edition, document=shelf.current(language))

    return routes
