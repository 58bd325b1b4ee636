"""The whole file of a case as one bundle; who took it stands in the case's history."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow, bearer

from ..bundle import Attached, Parts, archive, document, without_third_parties
from ..handlers.flow import Actor
from ..peer import Unavailable
from ..store import attachments, people, views
from .base import WORKERS, Desk
from .cases import explained, read_case
from .deskviews import sent_files
from .documents import case_document

MOST_PAPERS = 60
MOST_SENT = 100_000_000  # bytes of the customer's files
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}, "application/json": {}},
    }
}


def router(desk: Desk) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1/cases", tags=["cases"])

    @routes.get("/{complaint_id}/file", responses=_ANSWERS, response_class=Response)
    @allow(*WORKERS, "approver", "auditor", "quality")
    async def get_file(request: Request, complaint_id: UUID) -> Response:
        """The complete file as a ZIP: conversation, letters (with their PDFs), decisions, clocks, our
        files and the customer's; for who accepts
        `application/json` only, its `case.json` alone. People other than the customer are taken out, our own stand by
        their role, remarks for colleagues are left out. Who took it, and its SHA-256, is recorded in the history."""
        actor = await desk.actor(request)
        case = await read_case(desk, request, complaint_id)
        async with desk.spine.db.read() as tx:
            history, offers = await views.history(tx, complaint_id), await views.offers(tx, complaint_id)
            staff = await people.everybody(tx)
            files = await attachments.contents(tx, complaint_id)
        roles, names = {h.id: h.role_title for h in staff}, {h.id: h.name for h in staff}
        only_json = request.headers.get("accept", "").split(";")[0].strip() == "application/json"
        token = bearer(request) or ""
        sent, missing = ([], []) if only_json else await _sent(desk, token, complaint_id, history)
        parts = Parts(
            case_document(case, actor), history, offers, await explained(desk, case),
            [Attached(f.name, f.media_type, f.content) for f in files], sent,
            {} if only_json else await _papers(desk, token, history), missing,
        )  # fmt: skip
        content, media_type = await asyncio.to_thread(_made, parts, roles, names, datetime.now(UTC), only_json)
        async with desk.spine.work.unit([complaint_id]) as unit:
            # The case itself does not change, so its version stays and nobody's work is refused because of it.
            await _record(desk, unit.tx, complaint_id, actor, content, unit.now)
        ending = "json" if only_json else "zip"
        headers = {
            "Content-Disposition": f'attachment; filename="{case.reference or complaint_id}.{ending}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Response(content, media_type=media_type, headers=headers)

    return routes


def _made(
    parts: Parts, roles: dict[str, str], names: dict[str, str], at: datetime, only_json: bool
) -> tuple[bytes, str]:
    redacted = document(parts, roles, names)
    if only_json:
        return to_json(redacted), "application/json"
    return archive(without_third_parties(parts, roles, names), redacted, at), "application/zip"


async def _papers(desk: Desk, token: str, history: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The sent letters as the PDFs that the notifier prints; when it does not answer, the text has to do."""
    papers: dict[str, bytes] = {}
    for letter_id in [e["data"]["letter_id"] for e in history if e["kind"] == "letter_sent"][:MOST_PAPERS]:
        try:
            papers[letter_id] = (await desk.notifier.pdf(token, UUID(letter_id))).content
        except Unavailable as error:
            if error.status is None:
                break
    return papers


async def _sent(
    desk: Desk, token: str, complaint_id: UUID, history: Sequence[Mapping[str, Any]]
) -> tuple[list[Attached], list[str]]:
    """The customer's own files out of intake, and the names of those that could not be had."""
    found: list[Attached] = []
    missing: list[str] = []
    room = MOST_SENT
    for file in sent_files(history):
        name = file["name"] or file["id"]
        try:
            if file["size"] > room:
                raise Unavailable
            answer = await desk.intake.file(token, complaint_id, UUID(file["id"]))
        except Unavailable:
            missing.append(name)
            continue
        found.append(Attached(name, file["media_type"], answer.content))
        room -= len(answer.content)
    return found, missing


async def _record(desk: Desk, tx: Any, complaint_id: UUID, actor: Actor, content: bytes, now: datetime) -> None:
    case = (await desk.store.load(tx, [complaint_id]))[complaint_id]
    case.note(now, "file_taken", actor.name, role=actor.role, sha256=hashlib.sha256(content).hexdigest())
    await desk.store.save(tx, [case])
