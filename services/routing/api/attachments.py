"""Files on a case: what people of the house add, checked as what customers send is, and always given as a download."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import NotFound, Problem
from shared.base.security import allow
from shared.base.uploads import MOST_BYTES, MOST_FILES, Refused, Upload, take
from shared.spine.effects import Effect

from ..handlers import commands
from ..handlers.flow import wrong
from ..model import Case
from ..store import attachments
from .base import READERS, WORKERS, Desk, expected, tagged
from .cases import read_case

PATHS = ("/v1/cases/*/attachments", "/desk/cases/*/attachments")
LIMIT = MOST_BYTES + 1_000_000  # the files together, and what a form needs around them
_REFUSED = {
    "empty": "This file is empty.",
    "program": "Programs are not taken.",
    "type": "This kind of file is not taken.",
    "picture": "This picture cannot be read.",
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "version": {"type": "integer"},
                    },
                }
            }
        },
    }
}


def router(desk: Desk) -> APIRouter:
    """The routes of a case's files."""
    routes = APIRouter(prefix="/v1/cases/{complaint_id}/attachments", tags=["work"])

    @routes.post("", summary="Add files", openapi_extra=_FORM)
    @allow(*WORKERS)
    async def add(request: Request, response: Response, complaint_id: UUID) -> list[dict[str, Any]]:
        """At most 10 files, 25 MB together, as `multipart/form-data`. The type is what the bytes are; pictures are
        written anew without what hides in them; programs are refused. A file that the case has is not added twice."""
        case = await take_in(desk, request, complaint_id)
        response.headers.update(tagged(case))
        async with desk.spine.db.read() as tx:
            return await attachments.listed(tx, complaint_id)

    @routes.get("")
    @allow(*READERS)
    async def all_files(request: Request, complaint_id: UUID) -> list[dict[str, Any]]:
        """The files that people of the house added."""
        await read_case(desk, request, complaint_id)
        async with desk.spine.db.read() as tx:
            return await attachments.listed(tx, complaint_id)

    @routes.get("/{attachment_id}")
    @allow(*READERS)
    async def one(request: Request, complaint_id: UUID, attachment_id: UUID) -> Response:
        """One file, as a download."""
        await read_case(desk, request, complaint_id)
        async with desk.spine.db.read() as tx:
            found = await attachments.content(tx, complaint_id, attachment_id)
        if found is None:
            raise NotFound("attachment")
        return download(found.name, found.media_type, found.content)

    return routes


def download(name: str, media_type: str, content: bytes) -> Response:
    """A file to keep, never a page of ours."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)


async def take_in(desk: Desk, request: Request, complaint_id: UUID) -> Case:
    """The files of a form join the case. Raises Problem for files that are not taken, and when the case has changed."""
    actor = await desk.actor(request)
    files, version = await _read(request, desk.drawing)

    def act(case: Case, now: datetime) -> Iterable[Effect]:
        return [effect for file in files for effect in commands.attach(case, file, actor, now)]

    return await desk.command(complaint_id, act, expected=expected(request, version))


async def _read(request: Request, drawing: asyncio.Semaphore) -> tuple[list[Upload], int | None]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(415, "Unsupported media type", "Send the files as multipart/form-data.")
    try:
        form = await request.form(max_files=MOST_FILES + 1, max_fields=10)
    except MultiPartException as error:
        raise Problem(400, "Bad request", error.message) from None
    try:
        version = form.get("version")
        sent = [value for _, value in form.multi_items() if isinstance(value, UploadFile) and value.filename]
        if not sent or len(sent) > MOST_FILES:
            raise wrong("/file", f"Send between 1 and {MOST_FILES} files.")
        if sum(file.size or 0 for file in sent) > MOST_BYTES:
            raise Problem(413, "Content too large", f"At most {MOST_BYTES} bytes together.")
        if version is not None and not (isinstance(version, str) and version.isdecimal()):
            raise wrong("/version", "The version is a number.")
        files = [await _taken(n, file, drawing) for n, file in enumerate(sent)]
        return files, int(version) if isinstance(version, str) else None
    finally:
        await form.close()


async def _taken(n: int, file: UploadFile, drawing: asyncio.Semaphore) -> Upload:
    try:
        async with drawing:
            return await asyncio.to_thread(take, (file.filename or "").replace("\x00", ""), await file.read())
    except Refused as refusal:
        raise wrong(f"/file/{n}", _REFUSED[refusal.why]) from None
