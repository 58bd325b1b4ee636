"""The whole file of a case as one bundle; who took it stands in the case's history."""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow

from ..bundle import Attached, Parts, archive, document
from ..handlers.flow import Actor
from ..store import attachments, people, views
from .base import WORKERS, Desk
from .cases import explained, read_case
from .documents import case_document

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
        """The complete file as a ZIP: conversation, letters, decisions, clocks, attachments; for who accepts
        `application/json` only, its `case.json` alone. People other than the customer are taken out, our own stand by
        their role, remarks for colleagues are left out. Who took it, and its SHA-256, is recorded in the history."""
        actor = await desk.actor(request)
        case = await read_case(desk, request, complaint_id)
        async with desk.spine.db.read() as tx:
            history, offers = await views.history(tx, complaint_id), await views.offers(tx, complaint_id)
            staff = await people.everybody(tx)
            files = await attachments.contents(tx, complaint_id)
        parts = Parts(
            case_document(case, actor), history, offers, await explained(desk, case),
            [Attached(f.name, f.media_type, f.content) for f in files],
        )  # fmt: skip
        roles, names = {h.id: h.role_title for h in staff}, {h.id: h.name for h in staff}
        only_json = request.headers.get("accept", "").split(";")[0].strip() == "application/json"
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
    return archive(parts, redacted, at), "application/zip"


async def _record(desk: Desk, tx: Any, complaint_id: UUID, actor: Actor, content: bytes, now: datetime) -> None:
    case = (await desk.store.load(tx, [complaint_id]))[complaint_id]
    case.note(now, "file_taken", actor.name, role=actor.role, sha256=hashlib.sha256(content).hexdigest())
    await desk.store.save(tx, [case])
