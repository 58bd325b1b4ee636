"""The case page: one case with what can be done about it now, and the commands that its forms post."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared.base.errors import Problem
from shared.base.security import allow, bearer, public

from ..desk_words import Words
from ..handlers import commands
from ..handlers.flow import Actor
from ..peer import Unavailable
from ..store import desk as kept
from ..store import people, views
from . import cases, deskforms, deskviews
from .base import WORKERS
from .deskbase import Screen, to
from .documents import SEES_EVIDENCE

T = TypeVar("T")
# States of letters in which a person has to decide something.
HELD, LOST = ("blocked",), ("unknown", "failed")


async def show(
    screen: Screen,
    request: Request,
    actor: Actor,
    complaint_id: UUID,
    *,
    refusal: Problem | None = None,
    opened: str = "",
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """One case. Reading it is logged. `refusal`: why what was just posted was not done, `typed`: what it said."""
    desk, words = screen.desk, screen.words(request)
    since = desk.news.hub.position
    found = await cases.read_case(desk, request, complaint_id)
    async with desk.spine.db.read() as tx:
        history = await views.history(tx, complaint_id)
        staff = await people.everybody(tx)
        earlier = await kept.earlier(tx, found.customer_id, complaint_id) if found.customer_id else []
        draft = await kept.draft(tx, complaint_id, actor.name, "decide")
    view = deskviews.case(found, history, staff, desk.policy.queues, actor, words)
    why = await cases.explained(desk, found)
    message = words.t("done") if "done" in request.query_params else None
    if refusal is not None:
        message = words.t("changed_meanwhile") if "version" in refusal.more else refusal.detail or refusal.title
    return screen.page(
        request,
        "case",
        actor,
        refusal.status if refusal else 200,
        message=message,
        trouble=refusal is not None,
        errors=refusal.errors if refusal else [],
        opened=opened,
        typed=typed or {},
        since=since,
        earlier=earlier,
        draft_at=draft[1] if draft else None,
        why=why,
        not_these=deskviews.not_these(why, words),
        evidence=found.evidence if view["owner"] or actor.role in SEES_EVIDENCE else [],
        **view,
        **await _told(screen, request, complaint_id, view["talk"], words),
    )


async def _told(
    screen: Screen, request: Request, complaint_id: UUID, talk: Sequence[Mapping[str, Any]], words: Words
) -> dict[str, Any]:
    """Letters and promises as the notifier knows them; without it, the letters that went out."""
    token, notifier = bearer(request) or "", screen.desk.notifier
    letters, promises = await asyncio.gather(
        _or_none(notifier.letters(token, complaint_id)), _or_none(notifier.promises(token, complaint_id))
    )
    if letters is None:
        rows = [
            {
                "id": e["letter_id"], "name": e["letter"], "state": "sent", "at": e["at"], "text": True,
                "reason": None, "findings": [], "approve": False, "resend": False,
            }
            for e in talk if e["letter_id"]
        ]  # fmt: skip
    else:
        rows = [_letter(row, words) for row in letters]
    made = [{**p, "due": deskforms.moment(p["due_at"])} for p in promises] if promises is not None else None
    return {"letters": list(reversed(rows)), "promises": made}


async def _or_none(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except Unavailable:
        return None


def _letter(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    at = row["sent_at"] or row["created_at"]
    return {
        "id": row["id"],
        "name": words.letter(row["kind"]),
        "state": row["state"],
        "at": deskforms.moment(at),
        "text": bool(row["text"]),
        "channel": row["channel"],
        "reason": row["reason"] if row["state"] != "sent" else None,
        "findings": row["findings"] if row["state"] in HELD else [],
        "approve": row["state"] in HELD,
        "resend": row["state"] in LOST,
    }


async def command(screen: Screen, request: Request, actor: Actor, complaint_id: UUID, name: str) -> Response:
    """One command of the case page."""
    if name not in deskforms.BODIES:
        raise Problem(404, "Not found", "There is no such command.")
    form = await deskforms.fields(request)
    back = form.pop("back", "")
    try:
        given = deskforms.body(name, form)
        await screen.work.do(complaint_id, name, given, actor, given.version)
    except Problem as refusal:
        section = deskviews.opened(name)
        return await show(screen, request, actor, complaint_id, refusal=refusal, opened=section, typed=form)
    return to("/desk/team" if back == "team" else f"/desk/cases/{complaint_id}?done=1")


async def answer(screen: Screen, request: Request, actor: Actor, complaint_id: UUID, enquiry_id: UUID) -> Response:
    """A department's answer, entered by who has it."""
    text = (await deskforms.fields(request)).get("answer", "")[:20_000]
    try:
        await screen.desk.command(complaint_id, lambda c, now: commands.answer_enquiry(c, enquiry_id, text, actor, now))
    except Problem as refusal:
        return await show(screen, request, actor, complaint_id, refusal=refusal)
    return to(f"/desk/cases/{complaint_id}?done=1")


def router(screen: Screen) -> APIRouter:
    """One case and its commands; after the routes whose last part is a fixed word."""
    routes, desk = APIRouter(prefix="/desk/cases/{complaint_id}", include_in_schema=False), screen.desk

    @routes.get("")
    @public
    async def case(request: Request, complaint_id: UUID) -> Response:
        actor = await screen.actor(request)
        return await show(screen, request, actor, complaint_id) if actor else screen.sign_in(request)

    @routes.post("/enquiries/{enquiry_id}")
    @allow(*WORKERS)
    async def answer_enquiry(request: Request, complaint_id: UUID, enquiry_id: UUID) -> Response:
        return await answer(screen, request, await desk.actor(request), complaint_id, enquiry_id)

    @routes.post("/{name}")
    @allow(*WORKERS)
    async def do(request: Request, complaint_id: UUID, name: str) -> Response:
        return await command(screen, request, await desk.actor(request), complaint_id, name)

    return routes
