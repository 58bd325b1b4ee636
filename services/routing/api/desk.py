"""The desk: home, offers, presence. Its pages post the same commands as the API and work without JavaScript."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import Problem
from shared.base.security import allow, public

from ..finding import TooShort
from ..handlers.flow import Actor
from ..store import views
from . import (
    desk_bulk,
    desk_case,
    desk_decide,
    desk_files,
    desk_letters,
    desk_live,
    desk_quality,
    desk_team,
    deskforms,
    deskviews,
)
from .base import WORKERS, Desk
from .deskbase import Screen, asset, to


async def home(
    screen: Screen, request: Request, *, message: str | None = None, lines: Sequence[str] = (), status: int = 200
) -> Response:
    """My work, offers, the queue, and what a lead sees besides. `message`: what was refused, `lines`: in detail."""
    desk, q = screen.desk, request.query_params.get("q", "").strip()[:200]
    actor = await desk.actor(request)
    since = desk.news.hub.position
    async with desk.spine.db.read() as tx:
        lists = await deskviews.lists(tx, actor)
        found = await _found(tx, q) if q else None
    return screen.page(
        request,
        "home",
        actor,
        status,
        here="/desk" if request.method == "POST" else None,
        since=since,
        q=q,
        **desk_bulk.around(screen, request, actor, lists["owners"], "home", message, lines),
        found=deskviews.shown(found) if found is not None else None,
        **lists,
    )


async def _found(tx: AsyncConnection, q: str) -> list[dict[str, Any]]:
    try:
        return await views.cases(tx, q=q, limit=50) if q.isprintable() else []
    except TooShort:
        return []


async def answer_offer(screen: Screen, request: Request, actor: Actor, offer_id: UUID, name: str) -> Response:
    """Accept or decline what is offered."""
    desk, form = screen.desk, await deskforms.fields(request)
    async with desk.spine.db.read() as tx:
        complaint_id = await views.offer_case(tx, offer_id)
    if complaint_id is None:
        return to("/desk")
    offers, reason = desk.offers, form.get("reason", "")[:200] or "no reason given"
    try:
        if name == "accept":
            await desk.command(complaint_id, lambda c, now: offers.accept(c, offer_id, actor, now))
        else:
            await desk.command(complaint_id, lambda c, now: offers.decline(c, offer_id, reason, actor, now))
    except Problem as refusal:
        return await home(screen, request, message=refusal.detail)
    return to(f"/desk/cases/{complaint_id}" if name == "accept" else "/desk")


async def say_presence(screen: Screen, request: Request, actor: Actor) -> Response:
    """Say that one is there or not."""
    chosen = deskforms.PRESENCES.get((await deskforms.fields(request)).get("presence", ""))
    if chosen is not None:
        await screen.desk.present(actor.name, chosen)
    return to("/desk")


def router(screen: Screen) -> APIRouter:
    """The pages. Open without a token is the form to sign in, and nothing else."""
    routes, desk = APIRouter(prefix="/desk", include_in_schema=False), screen.desk

    @routes.get("")
    @public
    async def show_home(request: Request) -> Response:
        actor = await screen.actor(request)
        if actor is None and await screen.actor(request, desk_quality.quality_only):
            return to("/desk/quality")
        return await home(screen, request) if actor else screen.sign_in(request)

    @routes.post("/offers/{offer_id}/{name}")
    @allow(*WORKERS)
    async def offer(request: Request, offer_id: UUID, name: str) -> Response:
        return await answer_offer(screen, request, await desk.actor(request), offer_id, name)

    @routes.post("/presence")
    @allow(*WORKERS)
    async def presence(request: Request) -> Response:
        return await say_presence(screen, request, await desk.actor(request))

    @routes.get("/{name}.{ending}")
    @public
    async def file(name: str, ending: str, v: str | None = None) -> Response:
        return asset(f"{name}.{ending}", v)

    return routes


def routers(desk: Desk) -> list[APIRouter]:
    """Everything under /desk."""
    screen = Screen(desk)
    return [
        desk_live.router(desk),
        desk_letters.router(screen),
        desk_team.router(screen),
        desk_quality.router(screen),
        desk_bulk.router(screen, {"home": home, "team": desk_team.team}),
        desk_decide.router(screen),
        desk_files.router(screen),
        desk_case.router(screen),
        router(screen),
    ]
