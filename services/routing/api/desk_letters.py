"""Letters on the desk: the paper, and what a person decides about one that was held back or lost."""

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import Problem
from shared.base.security import allow, bearer

from ..peer import Unavailable
from . import desk_case, deskforms
from .base import WORKERS
from .deskbase import Screen, to

DECISIONS = ("approve", "reject", "resend")


def refused(error: Unavailable) -> Problem:
    """The notifier's refusal as ours, or that it does not answer."""
    if error.status is None or error.status >= 500:
        return Problem(503, "Unavailable", "The letters cannot be reached right now.", headers={"Retry-After": "5"})
    title, detail = error.problem.get("title"), error.problem.get("detail")
    return Problem(error.status, str(title or "Refused"), str(detail or title or "Refused"))


def router(screen: Screen) -> APIRouter:
    """`/desk/letters/…`, carried to the notifier with the person's own token."""
    routes, desk = APIRouter(prefix="/desk/letters", include_in_schema=False), screen.desk

    @routes.get("/{letter_id}.pdf")
    @allow(*WORKERS)
    async def paper(request: Request, letter_id: UUID) -> Response:
        try:
            found = await desk.notifier.pdf(bearer(request) or "", letter_id)
        except Unavailable as error:
            raise refused(error) from None
        headers = {
            "Content-Disposition": found.headers.get("content-disposition", "inline"),
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(found.content, media_type="application/pdf", headers=headers)

    @routes.post("/{letter_id}/{what}")
    @allow(*WORKERS)
    async def decide(request: Request, letter_id: UUID, what: str) -> Response:
        form = await deskforms.fields(request)
        if what not in DECISIONS:
            raise Problem(404, "Not found", "There is no such command.")
        try:
            case = UUID(form.get("case", ""))
        except ValueError:
            raise Problem(400, "Bad request", "The form names no case.") from None
        reason = form.get("reason", "")[:1000]
        body = None if what == "resend" else {"reason": reason or None} if what == "approve" else {"reason": reason}
        try:
            await desk.notifier.act(bearer(request) or "", letter_id, what, body)
        except Unavailable as error:
            actor = await desk.actor(request)
            return await desk_case.show(screen, request, actor, case, refusal=refused(error))
        return to(f"/desk/cases/{quote(str(case))}?done=1")

    return routes
