"""Proposed links: listed, confirmed, rejected, undone; as JSON and as a page."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.entry import own_words
from services.intake.linker import DECISIONS, Linker
from services.intake.store import cases
from services.intake.store import links as store
from shared.base.errors import Conflict, NotFound
from shared.base.pages import HEADERS, moment
from shared.base.security import allow, caller, public

from . import Desk
from .agent import AgentPages
from .pages import refusing
from .site import Site

State = Literal["proposed", "confirmed", "rejected", "undone"]


def router(desk: Desk, site: Site, linker: Linker) -> APIRouter:
    """`/v1/links` and the page `/agent/links`."""
    api = APIRouter(tags=["links"])
    agents = AgentPages(site)

    @api.get("/v1/links")
    @allow("handler", "lead", "manager", "auditor", "quality", "service")
    async def listed(state: State | None = None, about: UUID | None = None) -> list[dict[str, Any]]:
        """Links between complaints of one matter, and between customers who are one person, the newest first."""
        async with desk.work.db.read() as tx:
            return [asdict(link) for link in await store.listed(tx, state=state, about=about)]

    @api.post("/v1/links/{link_id}/{decision}")
    @allow("handler", "lead", "manager")
    async def decide(request: Request, link_id: UUID, decision: Literal["confirm", "reject", "undo"]) -> dict[str, Any]:
        """A person's word. Confirming tells both complaints' handlers; undoing takes it back."""
        return asdict(await linker.decide(link_id, decision, by=caller(request).name))

    @api.get("/agent/links", include_in_schema=False)
    @public
    async def page(request: Request) -> Response:
        who = await agents.who(request)
        if who is None:
            return site.render(request, "agent_sign_in.html", 401, wrong=False)
        return await refusing(site, request, _page(desk, site, request, who.name))

    @api.post("/agent/links/{link_id}/{decision}", include_in_schema=False)
    @public
    async def decided(request: Request, link_id: UUID, decision: str) -> Response:
        who = await agents.who(request)
        if who is None:
            return site.render(request, "agent_sign_in.html", 401, wrong=False)

        async def apply() -> Response:
            if decision not in DECISIONS:
                raise NotFound("page")
            with suppress(Conflict):  # somebody else was faster: the list shows what holds now
                await linker.decide(link_id, decision, by=who.name)
            return RedirectResponse("/agent/links", 303, headers=HEADERS)

        return await refusing(site, request, apply())

    return api


async def _page(desk: Desk, site: Site, request: Request, who: str) -> Response:
    language = site.language(request)
    zone = site.zones.get(language, "UTC")
    async with desk.work.db.read() as tx:
        found = await store.listed(tx, state="proposed", n=30) + await store.listed(tx, state="confirmed", n=10)
        pairs = []
        for link in [link for link in found if link.kind == "complaint"]:
            known = await desk.work.store.load(tx, [link.one, link.other])
            told = [(known[i].origin, own_words(await cases.body_of(tx, i) or "{}")) for i in (link.one, link.other)]
            pairs.append((link, told))
    values: dict[str, Any] = {"pairs": pairs, "who": who, "when": lambda value: moment(value, language, zone)}
    return site.render(request, "links.html", **values)
