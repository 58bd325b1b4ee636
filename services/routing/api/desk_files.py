"""Files on the case page: what people of the house add, and what the customer sent."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import NotFound, Problem
from shared.base.security import allow, bearer

from ..peer import Unavailable
from ..store import attachments as kept
from ..store import views
from . import desk_case, deskforms, deskviews
from .attachments import download, take_in
from .base import WORKERS, Desk
from .cases import read_case
from .deskbase import Screen, to


async def add(screen: Screen, request: Request, complaint_id: UUID) -> Response:
    """Files from the form join the case; one that is not taken is told on the page, and none is added."""
    deskforms.own_site(request)
    try:
        await take_in(screen.desk, request, complaint_id)
    except Problem as refusal:
        actor = await screen.desk.actor(request)
        return await desk_case.show(screen, request, actor, complaint_id, refusal=refusal, opened="attachments")
    return to(f"/desk/cases/{complaint_id}?done=1#files")


async def fetched(desk: Desk, token: str, complaint_id: UUID, attachment_id: UUID) -> tuple[str, bytes]:
    """A customer's file from intake: its type and bytes. Raises Problem 404 or 503."""
    try:
        found = await desk.intake.file(token, complaint_id, attachment_id)
    except Unavailable as error:
        if error.status == 404:
            raise NotFound("attachment") from None
        detail = "What customers sent cannot be reached right now."
        raise Problem(503, "Unavailable", detail, headers={"Retry-After": "5"}) from None
    return found.headers.get("content-type", "application/octet-stream"), found.content


async def give(screen: Screen, request: Request, complaint_id: UUID, attachment_id: UUID) -> Response:
    """One file, as a download: ours, or the customer's out of intake with the person's own token."""
    desk = screen.desk
    await read_case(desk, request, complaint_id)
    async with desk.spine.db.read() as tx:
        own = await kept.content(tx, complaint_id, attachment_id)
        history = await views.history(tx, complaint_id) if own is None else []
    if own is not None:
        return download(own.name, own.media_type, own.content)
    sent = {file["id"]: file["name"] for file in deskviews.sent_files(history)}
    if str(attachment_id) not in sent:
        raise NotFound("attachment")
    media_type, content = await fetched(desk, bearer(request) or "", complaint_id, attachment_id)
    return download(sent[str(attachment_id)] or str(attachment_id), media_type, content)


def router(screen: Screen) -> APIRouter:
    """`/desk/cases/{id}/attachments`."""
    routes = APIRouter(prefix="/desk/cases/{complaint_id}/attachments", include_in_schema=False)

    @routes.post("")
    @allow(*WORKERS)
    async def post(request: Request, complaint_id: UUID) -> Response:
        return await add(screen, request, complaint_id)

    @routes.get("/{attachment_id}")
    @allow(*WORKERS)
    async def get(request: Request, complaint_id: UUID, attachment_id: UUID) -> Response:
        return await give(screen, request, complaint_id, attachment_id)

    return routes
