"""The agent's form: what a caller says, written down while customer and earlier complaints are found."""

import json
import secrets
from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.agentform import AgentForm, beginnings
from services.intake.commands import Said, Staffed
from services.intake.entry import own_words
from services.intake.forms import post
from services.intake.identity import uuid7
from services.intake.store import cases, finding
from services.intake.store.finding import Found
from shared.base.errors import Conflict, Problem
from shared.base.pages import HEADERS, moment
from shared.base.security import COOKIE, Caller, allow, authorize, caller, public

from . import Desk
from .complaints import entry_of, staffed
from .pages import refusing
from .site import Site, address

log = structlog.get_logger()


@allow("handler", "lead", "manager")
async def staff_only() -> None:
    """Carries who may use the form; `authorize` reads it."""


class AgentPages:
    """The routes' parts."""

    def __init__(self, site: Site) -> None:
        self.site, self.desk = site, site.desk

    async def who(self, request: Request) -> Caller | None:
        """Who is signed in; None for everybody who may not use the form."""
        try:
            await authorize(request, staff_only)
        except Problem:
            return None
        return caller(request)

    async def sign_in(self, request: Request) -> Response:
        """Keep a valid token in a cookie."""
        await self.site.slow_down(request)
        token = (await self.site.read(request)).fields.get("token", "")
        known = await request.app.state.auth.caller(token) if token.count(".") == 2 else None
        if known is None or known.role not in ("handler", "lead", "manager"):
            log.info("sign-in refused", address=address(request))
            return self.site.render(request, "agent_sign_in.html", 403, wrong=True)
        answer = RedirectResponse("/agent", 303, headers=HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, max_age=43_200, httponly=True, samesite="strict", secure=secure)
        return answer

    async def found(self, typed: str, who: Caller) -> list[Found]:
        """The customers that may be meant."""
        wanted = beginnings(typed, self.desk.settings.phone_region)
        if not any(wanted.values()):
            return []
        async with self.desk.work.db.read() as tx:
            people = await finding.customers(tx, **wanted)
        log.info("customers searched", by=who.name, role=who.role, found=len(people))
        return people

    async def show(self, request: Request, who: Caller, form: AgentForm, status: int = 200, **more: Any) -> Response:
        """The form, with what was found."""
        people = await self.found(form["q"], who)
        values = {"errors": {}, "done": None, **self.results(request, people, form), **more}
        key = form["key"][:100] or secrets.token_urlsafe(16)
        return self.site.render(request, "agent.html", status, form=form, key=key, who=who, **values)

    def results(self, request: Request, people: list[Found], form: AgentForm) -> dict[str, Any]:
        """What the list of findings needs."""
        language = self.site.language(request)
        zone = self.site.zones.get(language, "UTC")
        return {
            "people": people,
            "q": form["q"],
            "picked": form,
            "when": lambda value: moment(value, language, zone),
            "words": lambda body: own_words(body).get("subject") or own_words(body).get("text", "")[:90],
        }

    async def take(self, request: Request, who: Caller) -> Response:
        """Find once more, or keep what was said."""
        sent = await self.site.read(request)
        form = AgentForm(sent.fields, self.desk.settings.phone_region)
        if form["do"] == "find":
            return await self.show(request, who, form)
        language = self.site.language(request)
        if errors := form.errors(language):
            return await self.show(request, who, form, 422, errors=errors)
        try:
            done = await (self._said(form, who, language) if form.about else self._new(form, who, language))
        except Conflict as conflict:
            return await self.show(request, who, form, 409, errors={"word": conflict.detail})
        return await self.show(request, who, AgentForm({}, self.desk.settings.phone_region), done=done)

    async def _said(self, form: AgentForm, who: Caller, language: str) -> str:
        async with self.desk.work.db.read() as tx:
            about = await cases.id_of(tx, form.about or "")
        if about is None:
            raise Conflict("There is no such complaint.")
        id = self.desk.conversation.id_for(who.name, f"agent {form['key']}")
        promised = form.promised_at(self.site.zones.get(language, "UTC"))
        word = form.word
        said = Said(
            id=id, channel="hotline", text=form["text"], promised_at=promised if word == "call-me" else None,
            staff=await self._staffed(about, who) if word == "withdraw" else None,
        )  # fmt: skip
        body = json.dumps({"text": form["text"], "promised": form["promised"]}, ensure_ascii=False)
        await self.desk.conversation.say(about, word, said, source=who.name, body=body)
        if promised and word != "call-me":
            await self._call_back(about, form, who, promised)
        return form.about or ""

    async def _staffed(self, about: UUID, who: Caller) -> Staffed:
        async with self.desk.work.db.read() as tx:
            case = (await self.desk.work.store.load(tx, [about]))[about]
        return staffed(self.desk, case, who)

    async def _new(self, form: AgentForm, who: Caller, language: str) -> str:
        body, raw = post(form.body(language, await self._known(form["who"])), [])
        entry = entry_of(
            self.desk, body, raw, source=who.name, key=f"agent {form['key']}"[:200] if form["key"] else None,
            scopes=frozenset(),
        )  # fmt: skip
        answer = await self.desk.coalescer.put(entry)
        if promised := form.promised_at(self.site.zones.get(language, "UTC")):
            await self._call_back(entry.id, form, who, promised)
        return answer.reference

    async def _call_back(self, about: UUID, form: AgentForm, who: Caller, promised: Any) -> None:
        id = self.desk.conversation.id_for(who.name, f"agent {form['key'] or uuid7()} call-me")
        said = Said(id=id, channel="hotline", promised_at=promised)
        body = json.dumps({"promised": form["promised"]})
        await self.desk.conversation.say(about, "call-me", said, source=who.name, body=body)

    async def _known(self, customer: str) -> dict[str, str]:
        """The contact by which a chosen customer is found again."""
        try:
            wanted = UUID(customer)
        except ValueError:
            return {}
        return await self.desk.directory.contact_of(wanted)


def router(desk: Desk, site: Site) -> APIRouter:
    """`/agent`: open to look at, of use to who signs in."""
    api = APIRouter(include_in_schema=False)
    pages = AgentPages(site)

    @api.get("/agent")
    @public
    async def form(request: Request) -> Response:
        who = await pages.who(request)
        if who is None:
            return site.render(request, "agent_sign_in.html", 401, wrong=False)
        given = {n: request.query_params.get(n, "")[:200] for n in ("q", "phone", "name")}
        given["q"] = given["q"] or given["phone"]  # a telephone system opens the page with the caller's number
        return await refusing(site, request, pages.show(request, who, AgentForm(given, desk.settings.phone_region)))

    @api.post("/agent")
    @public
    async def take(request: Request) -> Response:
        who = await pages.who(request)
        if who is None:
            return site.render(request, "agent_sign_in.html", 401, wrong=False)
        return await refusing(site, request, pages.take(request, who))

    @api.post("/agent/sign-in")
    @public
    async def sign_in(request: Request) -> Response:
        return await refusing(site, request, pages.sign_in(request))

    @api.get("/agent/find")
    @allow("handler", "lead", "manager")
    async def find(request: Request) -> Response:
        """The list of findings alone, for the page that asks while somebody types."""
        form = AgentForm(
            {n: request.query_params.get(n, "") for n in ("q", "who", "about")}, desk.settings.phone_region
        )
        people = await pages.found(form["q"], caller(request))
        return site.render(request, "agent_found.html", **pages.results(request, people, form))

    return api
