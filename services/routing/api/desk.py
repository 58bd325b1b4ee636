"""The handler's and lead's page. It posts the same commands as the API and works without JavaScript."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.base.errors import Problem
from shared.base.pages import Pages, preferred_language
from shared.base.security import allow, authorize, public

from .. import states
from ..desk_words import Words
from ..handlers import commands
from ..handlers.flow import Actor
from ..model import Presence
from ..store import views
from . import deskforms, deskviews, signforms
from .base import WORKERS, Desk
from .work import Work

LANGUAGE = "amends_lang"
PRESENCES: tuple[Presence, ...] = ("available", "on_call", "wrap_up", "break", "away")
_ASSETS = {"desk.css": "text/css", "desk.js": "text/javascript", "replies.js": "text/javascript"}


@allow(*WORKERS)
async def _people_only() -> None:
    """Carries who may use the desk; `authorize` reads it."""


class DeskPages:
    """The pages' parts."""

    def __init__(self, desk: Desk) -> None:
        self.zones = desk.spine.settings.time_zones
        self.desk, self.work, self.pages = desk, Work(desk), Pages("routing", zones=self.zones)

    async def actor(self, request: Request) -> Actor | None:
        """Who is signed in, by cookie or header; None for everybody else."""
        try:
            await authorize(request, _people_only)
        except Problem:
            return None
        return await self.desk.actor(request)

    def page(self, request: Request, name: str, actor: Actor | None, status: int = 200, **context: Any) -> HTMLResponse:
        """A page in the caller's language, which is remembered when it was chosen."""
        language = _language(request)
        values = {"w": Words(language, self.zones), "actor": actor, "now": datetime.now(UTC), **context}
        answer = self.pages.response(request, f"desk/{name}.html", values, status=status, language=language)
        if request.query_params.get("lang") == language:
            answer.set_cookie(LANGUAGE, language, max_age=31_536_000, httponly=True, samesite="strict")
        return answer

    def sign_in(self, request: Request) -> HTMLResponse:
        return self.page(request, "sign_in", None, wrong="", **signforms.view(request, self.desk.settings))

    async def home(self, request: Request, actor: Actor, template: str, **more: Any) -> HTMLResponse:
        """The lists: my work, offers, the queue, and what a lead sees besides."""
        q = request.query_params.get("q", "").strip()[:200]
        async with self.desk.spine.db.read() as tx:
            lists = await deskviews.lists(tx, actor, q if q.isprintable() else "")
        query = f"?{urlencode({'q': q})}" if q else ""
        return self.page(request, template, actor, q=q, query=query, **lists, **more)

    async def case(
        self, request: Request, actor: Actor, complaint_id: UUID, *, refusal: Problem | None = None, opened: str = ""
    ) -> HTMLResponse:
        """One case with what can be done about it now."""
        words = Words(_language(request), self.zones)
        seen = await deskviews.case(self.desk, request, actor, complaint_id, words)
        message = words.t("done") if "done" in request.query_params else None
        if refusal is not None:
            message = words.t("changed_meanwhile") if "version" in refusal.more else refusal.detail or refusal.title
        return self.page(
            request,
            "case",
            actor,
            refusal.status if refusal else 200,
            message=message,
            trouble=refusal is not None,
            errors=refusal.errors if refusal else [],
            opened=opened,
            **seen,
        )

    async def decide_form(
        self,
        request: Request,
        actor: Actor,
        complaint_id: UUID,
        form: Mapping[str, str],
        refusal: Problem | None = None,
    ) -> HTMLResponse:
        """The decision's form with what was typed so far."""
        words = Words(_language(request), self.zones)
        case = await self.desk.case(complaint_id)
        if not states.possible(case.state, "decide"):
            return await self.case(request, actor, complaint_id, refusal=states.refusal(case.state, "decide"))
        async with self.desk.spine.db.read() as tx:
            history = await views.history(tx, complaint_id)
        view = deskviews.decide_form(case, history, form, words)
        message = words.t("wrong") if refusal and refusal.errors else refusal.detail if refusal else None
        errors = refusal.errors if refusal else []
        return self.page(
            request, "decide", actor, refusal.status if refusal else 200, message=message, errors=errors, **view
        )

    async def decide(self, request: Request, actor: Actor, complaint_id: UUID) -> Response:
        """More rows, or the decision itself."""
        form = await deskforms.fields(request)
        if form.get("do") in ("issue", "remedy"):
            name, least = ("issues", 1) if form["do"] == "issue" else ("remedies", 0)
            more = {name: str(deskforms.rows(form, name, least) + 1)}
            return await self.decide_form(request, actor, complaint_id, {**form, **more})
        form.pop("do", None)
        try:
            given = deskforms.body("decide", form)
            await self.work.do(complaint_id, "decide", given, actor, given.version)
        except Problem as refusal:
            return await self.decide_form(request, actor, complaint_id, form, refusal)
        return _to(f"/desk/cases/{complaint_id}?done=1")

    async def command(self, request: Request, actor: Actor, complaint_id: UUID, name: str) -> Response:
        """One command of the case page."""
        if name not in deskforms.BODIES:
            raise Problem(404, "Not found", "There is no such command.")
        form = await deskforms.fields(request)
        try:
            given = deskforms.body(name, form)
            await self.work.do(complaint_id, name, given, actor, given.version)
        except Problem as refusal:
            return await self.case(request, actor, complaint_id, refusal=refusal, opened=deskviews.opened(name))
        return _to(f"/desk/cases/{complaint_id}?done=1")

    async def offer(self, request: Request, actor: Actor, offer_id: UUID, name: str) -> Response:
        """Accept or decline what is offered."""
        form = await deskforms.fields(request)
        async with self.desk.spine.db.read() as tx:
            complaint_id = await views.offer_case(tx, offer_id)
        if complaint_id is None:
            return _to("/desk")
        offers, reason = self.desk.offers, form.get("reason", "")[:200] or "no reason given"
        try:
            if name == "accept":
                await self.desk.command(complaint_id, lambda c, now: offers.accept(c, offer_id, actor, now))
            else:
                await self.desk.command(complaint_id, lambda c, now: offers.decline(c, offer_id, reason, actor, now))
        except Problem as refusal:
            return await self.home(request, actor, "home", message=refusal.detail, trouble=True)
        return _to(f"/desk/cases/{complaint_id}" if name == "accept" else "/desk")

    async def presence(self, request: Request, actor: Actor) -> Response:
        """Say that one is there or not."""
        asked = (await deskforms.fields(request)).get("presence")
        chosen = next((p for p in PRESENCES if p == asked), None)
        if chosen is not None:
            await self.desk.present(actor.name, chosen)
        return _to("/desk")

    async def answer(self, request: Request, actor: Actor, complaint_id: UUID, enquiry_id: UUID) -> Response:
        """A department's answer, entered by who has it."""
        answer = (await deskforms.fields(request)).get("answer", "")[:20_000]
        try:
            await self.desk.command(
                complaint_id, lambda c, now: commands.answer_enquiry(c, enquiry_id, answer, actor, now)
            )
        except Problem as refusal:
            return await self.case(request, actor, complaint_id, refusal=refusal)
        return _to(f"/desk/cases/{complaint_id}?done=1")


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)


def _language(request: Request) -> str:
    return preferred_language(request, cookie=LANGUAGE)


def router(desk: Desk) -> APIRouter:
    """The pages. Open without a token is the form to sign in, and nothing else."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)
    pages = DeskPages(desk)

    @routes.get("")
    @public
    async def home(request: Request) -> Response:
        actor = await pages.actor(request)
        if actor is None:
            return pages.sign_in(request)
        return await pages.home(request, actor, "home", message=None, trouble=False)

    @routes.get("/lists")
    @allow(*WORKERS)
    async def lists(request: Request) -> Response:
        return await pages.home(request, await desk.actor(request), "lists")

    @routes.get("/{name}.{ending}")
    @public
    async def asset(name: str, ending: str) -> Response:
        kind = _ASSETS.get(f"{name}.{ending}")
        if kind is None:
            raise Problem(404, "Not found", "There is no such file.")
        content = (files("services.routing") / "static" / f"{name}.{ending}").read_bytes()
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    _case_routes(routes, desk, pages)
    return routes


def _case_routes(routes: APIRouter, desk: Desk, pages: DeskPages) -> None:
    @routes.post("/presence")
    @allow(*WORKERS)
    async def presence(request: Request) -> Response:
        return await pages.presence(request, await desk.actor(request))

    @routes.get("/cases/{complaint_id}")
    @public
    async def case(request: Request, complaint_id: UUID) -> Response:
        actor = await pages.actor(request)
        return await pages.case(request, actor, complaint_id) if actor else pages.sign_in(request)

    @routes.get("/cases/{complaint_id}/decide")
    @allow(*WORKERS)
    async def decide_form(request: Request, complaint_id: UUID) -> Response:
        return await pages.decide_form(request, await desk.actor(request), complaint_id, {})

    @routes.post("/cases/{complaint_id}/decide")
    @allow(*WORKERS)
    async def decide(request: Request, complaint_id: UUID) -> Response:
        return await pages.decide(request, await desk.actor(request), complaint_id)

    @routes.post("/cases/{complaint_id}/enquiries/{enquiry_id}")
    @allow(*WORKERS)
    async def answer(request: Request, complaint_id: UUID, enquiry_id: UUID) -> Response:
        return await pages.answer(request, await desk.actor(request), complaint_id, enquiry_id)

    @routes.post("/cases/{complaint_id}/{name}")
    @allow(*WORKERS)
    async def command(request: Request, complaint_id: UUID, name: str) -> Response:
        return await pages.command(request, await desk.actor(request), complaint_id, name)

    @routes.post("/offers/{offer_id}/{name}")
    @allow(*WORKERS)
    async def offer(request: Request, offer_id: UUID, name: str) -> Response:
        return await pages.offer(request, await desk.actor(request), offer_id, name)
