"""The ability sheet's pages, and who leads whom. A sheet is seen by its handler and his lead, and by nobody else."""

from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.base.errors import NotFound, Problem
from shared.base.pages import HEADERS
from shared.base.security import Role, allow

from .. import abilities
from ..abilities import Quarter, Side
from ..handlers.flow import Actor
from ..model import Handler
from ..presence import zone_of
from ..store import abilities as store
from ..store import people
from . import deskforms
from .base import Desk
from .deskbase import Screen
from .fields import Body, Id
from .people import HandlerId

log = structlog.get_logger()
COACHED: tuple[Role, ...] = ("handler", "lead")
OTHER: dict[Side, Side] = {"self": "lead", "lead": "self"}


class LeadIn(Body):
    """`{"lead": "lena"}`; null: nobody."""

    lead: Id | None


class AbilityPages:
    """The pages' parts."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.pages = desk, Screen(desk)

    async def home(self, request: Request) -> Response:
        """One's own sheet, or, for who only leads, the team by name."""
        actor = await self.desk.actor(request)
        async with self.desk.spine.db.read() as tx:
            team = await store.team(tx, actor.name)
        if actor.handler and not team:
            return await self.sheet(request, actor.name)
        return self.pages.page(request, "ability_team", actor, team=team)

    async def sheet(self, request: Request, handler_id: str) -> Response:
        """One sheet of one quarter, for one of the two who may see it."""
        actor = await self.desk.actor(request)
        handler, side = await self._allowed(actor, handler_id)
        quarter, this = self._quarter(handler, request.query_params.get("quarter", ""))
        zone = zone_of(handler.zone)
        async with self.desk.spine.db.read() as tx:
            marks = await store.sheet(tx, handler_id, str(quarter))
            figures = await store.figures(tx, handler_id, *quarter.bounds(zone))
            team = await store.team(tx, actor.name)
        log.info("ability sheet read", actor=actor.name, handler=handler_id, quarter=str(quarter))
        return self.pages.page(
            request,
            "abilities",
            actor,
            person=handler,
            side=side,
            quarter=quarter,
            this=this,
            behaviours=abilities.behaviours(),
            mine=marks.get(side),
            # Neither side writes down what the other has said.
            theirs=marks.get(OTHER[side]) if side in marks else None,
            waits=OTHER[side] in marks and side not in marks,
            figures=figures,
            least=abilities.LEAST,
            marks=abilities.MARKS,
            team=team,
            saved="saved" in request.query_params,
        )

    async def save(self, request: Request, handler_id: str) -> Response:
        """Keep one's marks."""
        form = await deskforms.fields(request)
        actor = await self.desk.actor(request)
        handler, side = await self._allowed(actor, handler_id)
        quarter, _ = self._quarter(handler, form.get("quarter", ""))
        async with self.desk.spine.db.transaction() as tx:
            words = form.get("words", "")[: abilities.MOST_WORDS]
            await store.put(tx, handler_id, str(quarter), side, actor.name, abilities.scores_of(form), words)
        log.info("ability sheet filled in", actor=actor.name, handler=handler_id, quarter=str(quarter))
        return RedirectResponse(f"/desk/abilities/{handler_id}?quarter={quarter}&saved=1", 303, headers=HEADERS)

    async def _allowed(self, actor: Actor, handler_id: str) -> tuple[Handler, Side]:
        async with self.desk.spine.db.read() as tx:
            handler, lead = await people.get(tx, handler_id), await store.lead_of(tx, handler_id)
        side = abilities.side_of(actor.name, actor.role, handler_id, lead)
        if handler is None or side is None:
            raise Problem(403, "Forbidden", "An ability sheet is seen by its handler and his lead alone.")
        return handler, side

    def _quarter(self, handler: Handler, asked: str) -> tuple[Quarter, Quarter]:
        """The quarter that is asked for, and the present one; there is none after it. Raises NotFound."""
        this = Quarter.of(datetime.now(UTC).astimezone(zone_of(handler.zone)).date())
        quarter = Quarter.read(asked) if asked else this
        if quarter is None or quarter > this:
            raise NotFound("quarter")
        return quarter, this


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    pages = AbilityPages(desk)
    hidden: dict[str, Any] = {"include_in_schema": False}

    @routes.get("/desk/abilities", **hidden)
    @allow(*COACHED)
    async def home(request: Request) -> Response:
        return await pages.home(request)

    @routes.get("/desk/abilities/{handler_id}", **hidden)
    @allow(*COACHED)
    async def sheet(request: Request, handler_id: HandlerId) -> Response:
        return await pages.sheet(request, handler_id)

    @routes.post("/desk/abilities/{handler_id}", **hidden)
    @allow(*COACHED)
    async def save(request: Request, handler_id: HandlerId) -> Response:
        return await pages.save(request, handler_id)

    @routes.put("/v1/handlers/{handler_id}/lead", tags=["people"])
    @allow("manager", "ops", "service")
    async def put_lead(handler_id: HandlerId, body: LeadIn) -> dict[str, str | None]:
        """Say who leads a handler: the two see his ability sheet. Not for leads themselves."""
        if body.lead == handler_id:
            raise Problem(422, "Unprocessable content", "Nobody leads himself.")
        async with desk.spine.db.transaction() as tx:
            if not await store.set_lead(tx, handler_id, body.lead):
                raise NotFound("handler")
        return {"handler": handler_id, "lead": body.lead}

    return routes
