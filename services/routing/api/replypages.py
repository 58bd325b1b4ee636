"""The reply library's pages: leads and quality keep it, handlers take a reply from it into a case."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.base.answers import invalid
from shared.base.errors import NotFound, Problem
from shared.base.pages import HEADERS
from shared.base.security import allow

from ..replies import PLACES, Reply
from ..store import replies as store
from . import deskforms
from .base import WORKERS, Desk
from .deskbase import Screen
from .replies import CAUSES, KEEPERS, ReplyIn, change, gated, make, offered

FIELDS = ("cause", "language", "title", "text", "owner")


class ReplyPages:
    """The pages' parts."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.pages = desk, Screen(desk)

    async def library(self, request: Request) -> Response:
        """All replies by cause."""
        asked = {name: request.query_params.get(name, "")[:200] for name in ("cause", "language", "q")}
        archived = "archived" in request.query_params
        cause = asked["cause"] if asked["cause"] in CAUSES else ""
        words = asked["q"].strip() if asked["q"].isprintable() else ""
        async with self.desk.spine.db.read() as tx:
            found = await store.find(tx, cause=cause, language=asked["language"], q=words, archived=archived)
        actor = await self.desk.actor(request)
        return self.pages.page(
            request, "replies", actor, found=found, causes=CAUSES, asked=asked, archived=archived,
            keeps=actor.role in KEEPERS,
        )  # fmt: skip

    async def edit(
        self,
        request: Request,
        reply: Reply | None,
        typed: dict[str, str] | None = None,
        refusal: Problem | None = None,
    ) -> Response:
        """The form of a reply, new or known, with its versions."""
        actor = await self.desk.actor(request)
        versions: list[dict[str, Any]] = []
        if reply:
            async with self.desk.spine.db.read() as tx:
                versions = await store.versions(tx, reply.reply_id)
        begun = {"cause": request.query_params.get("cause", ""), "language": "zh", "owner": actor.name}
        shown = vars(reply) if reply else {"title": "", "text": "", **begun}
        return self.pages.page(
            request, "reply", actor, refusal.status if refusal else 200, reply=reply, causes=CAUSES, places=PLACES,
            v={**shown, **(typed or {})}, versions=versions, refusal=refusal, saved="saved" in request.query_params,
        )  # fmt: skip

    async def known(self, reply_id: UUID) -> Reply:
        """A reply. Raises NotFound."""
        async with self.desk.spine.db.read() as tx:
            found = await store.get(tx, reply_id)
        if found is None:
            raise NotFound("reply")
        return found

    async def save(self, request: Request, reply_id: UUID | None) -> Response:
        """Keep what the form says: a new reply, or the next version of one."""
        form = await deskforms.fields(request)
        before = await self.known(reply_id) if reply_id else None
        try:
            given = _body(form, before)
            actor = await self.desk.actor(request)
            await gated(self.desk, request, given, actor.name)
            if before:
                kept = await change(self.desk, before.reply_id, given, actor.name, given.version)
            else:
                kept = await make(self.desk, given, actor.name)
        except Problem as refusal:
            return await self.edit(request, before, {name: form.get(name, "") for name in FIELDS}, refusal)
        return RedirectResponse(f"/desk/replies/{kept.reply_id}?saved=1", 303, headers=HEADERS)

    async def use(self, request: Request, complaint_id: UUID) -> Response:
        """What fits a case, each in a form that sends it."""
        case = await self.desk.case(complaint_id)
        found = await offered(self.desk, complaint_id)
        actor = await self.desk.actor(request)
        return self.pages.page(request, "use_reply", actor, case=case, found=found, keeps=actor.role in KEEPERS)


def _body(form: dict[str, str], before: Reply | None) -> ReplyIn:
    """What the form says, checked as over the API. Raises Problem 422."""
    given: dict[str, Any] = {name: form[name] for name in FIELDS if form.get(name)}
    if before:
        given["archived"] = form.get("do") == "archive" or (before.archived and form.get("do") != "restore")
        given["version"] = int(form["version"]) if form.get("version", "").isdecimal() else None
    try:
        return ReplyIn.model_validate(given)
    except ValidationError as problem:
        raise invalid(problem) from None


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)
    pages = ReplyPages(desk)

    @routes.get("/replies")
    @allow(*WORKERS, "quality")
    async def library(request: Request) -> Response:
        return await pages.library(request)

    @routes.get("/replies/new")
    @allow(*KEEPERS)
    async def blank(request: Request) -> Response:
        return await pages.edit(request, None)

    @routes.post("/replies/new")
    @allow(*KEEPERS)
    async def add(request: Request) -> Response:
        return await pages.save(request, None)

    @routes.get("/replies/{reply_id}")
    @allow(*KEEPERS)
    async def edit(request: Request, reply_id: UUID) -> Response:
        return await pages.edit(request, await pages.known(reply_id))

    @routes.post("/replies/{reply_id}")
    @allow(*KEEPERS)
    async def save(request: Request, reply_id: UUID) -> Response:
        return await pages.save(request, reply_id)

    @routes.get("/cases/{complaint_id}/replies")
    @allow(*WORKERS)
    async def use(request: Request, complaint_id: UUID) -> Response:
        return await pages.use(request, complaint_id)

    return routes
