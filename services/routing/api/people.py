"""Handlers, their presence and their offers."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request

from shared.base.errors import NotFound, Problem
from shared.base.security import allow

from ..store import offers, people, views
from .base import READERS, STAFFERS, WORKERS, Desk
from .bodies import DeclineIn, HandlerIn, PresenceIn
from .documents import case_document, handler_document

HandlerId = Annotated[str, Path(pattern=r"^[\w.@-]{1,64}$")]


def router(desk: Desk) -> APIRouter:
    """The routes of the staff list and of offers."""
    routes = APIRouter(prefix="/v1", tags=["people"])

    @routes.put("/handlers/{handler_id}")
    @allow(*STAFFERS)
    async def put_handler(handler_id: HandlerId, body: HandlerIn) -> dict[str, Any]:
        """Write a handler's entry. A new handler is away until he says that he is there."""
        async with desk.spine.db.transaction() as tx:
            await people.put(tx, body.handler(handler_id))
            found = await people.get(tx, handler_id)
        desk.wake()
        assert found is not None
        return handler_document(found)

    @routes.get("/handlers")
    @allow(*READERS)
    async def list_handlers() -> list[dict[str, Any]]:
        """Everybody on the staff with presence and load."""
        async with desk.spine.db.read() as tx:
            return [handler_document(h) for h in await people.everybody(tx)]

    @routes.get("/handlers/{handler_id}")
    @allow(*READERS)
    async def get_handler(handler_id: HandlerId) -> dict[str, Any]:
        """One handler with presence and load."""
        async with desk.spine.db.read() as tx:
            found = await people.get(tx, handler_id)
        if found is None:
            raise NotFound("handler")
        return handler_document(found)

    @routes.put("/handlers/{handler_id}/presence")
    @allow(*WORKERS)
    async def put_presence(request: Request, handler_id: HandlerId, body: PresenceIn) -> dict[str, Any]:
        """Say that one is there or not; a handler for himself, a lead for anybody."""
        actor = await desk.actor(request)
        if actor.name != handler_id and not actor.leads:
            raise Problem(403, "Forbidden", "A handler sets only his own presence.")
        found = await desk.present(handler_id, body.presence)
        if found is None:
            raise NotFound("handler")
        return handler_document(found)

    @routes.get("/handlers/{handler_id}/offers")
    @allow(*WORKERS)
    async def get_offers(request: Request, handler_id: HandlerId) -> list[dict[str, Any]]:
        """What is offered to a handler now."""
        actor = await desk.actor(request)
        if actor.name != handler_id and not actor.leads:
            raise Problem(403, "Forbidden", "A handler sees only his own offers.")
        async with desk.spine.db.read() as tx:
            return await views.open_offers(tx, handler_id)

    @routes.get("/offers/figures")
    @allow(*READERS)
    async def figures(days: Annotated[int, Query(ge=1, le=366)] = 30) -> list[dict[str, Any]]:
        """How offers of the last days ended, by cause: what is declined most, and why, the first."""
        async with desk.spine.db.read() as tx:
            return await offers.by_cause(tx, days)

    @routes.post("/offers/{offer_id}/accept")
    @allow(*WORKERS)
    async def accept(request: Request, offer_id: UUID) -> dict[str, Any]:
        """Take the case. The same answer again when it was taken by this offer; 409 when it expired or is taken."""
        actor = await desk.actor(request)
        complaint_id = await _case_of(desk, offer_id)
        case = await desk.command(complaint_id, lambda case, now: desk.offers.accept(case, offer_id, actor, now))
        return case_document(case, actor)

    @routes.post("/offers/{offer_id}/decline")
    @allow(*WORKERS)
    async def decline(request: Request, offer_id: UUID, body: DeclineIn | None = None) -> dict[str, Any]:
        """Give it back; it goes to the next handler with its original age."""
        actor = await desk.actor(request)
        complaint_id = await _case_of(desk, offer_id)
        reason = (body or DeclineIn()).reason
        case = await desk.command(
            complaint_id, lambda case, now: desk.offers.decline(case, offer_id, reason, actor, now)
        )
        return {"offer_id": offer_id, "outcome": "declined", "complaint_id": complaint_id, "state": case.state}

    return routes


async def _case_of(desk: Desk, offer_id: UUID) -> UUID:
    async with desk.spine.db.read() as tx:
        found = await views.offer_case(tx, offer_id)
    if found is None:
        raise NotFound("offer")
    return found
