"""The customer's pages: to complain, and to see where it stands. They work without JavaScript."""

import json
import secrets
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.intake import identity, reference, timeline
from services.intake.commands import COMMANDS, NEEDS_TEXT, Said, possible
from services.intake.entry import own_words
from services.intake.forms import ComplaintForm
from services.intake.model import Case
from services.intake.store import cases
from services.intake.throttle import Throttle
from shared.base.errors import Conflict, NotFound, Problem
from shared.base.pages import preferred_language
from shared.base.security import public

from . import Desk
from .complaints import entry_of

FORM, TRACKING = "web-form", "tracking-page"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def _environment() -> Environment:
    loaders = [PackageLoader("services.intake"), PackageLoader("shared.base")]
    return Environment(loader=ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def language_of(request: Request) -> str:
    """The page's language: the switch, the last choice, then what the browser prefers."""
    return preferred_language(request, cookie="lang")


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Problem for what no form of ours sends."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "Unsupported media type", "Send the form.")
    raw = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=60)
    except ValueError:
        raise Problem(400, "Bad request", "Too many fields.") from None
    return {name: value.replace("\x00", "").replace("\r\n", "\n").strip() for name, value in pairs}


class Pages:
    """The routes, and what they share."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.templates = _environment()
        self.zones = {language: ZoneInfo(name) for language, name in desk.settings.time_zones.items()}
        self.attempts = Throttle(limit=10, seconds=600)
        self.callers = Throttle(limit=200, seconds=600)  # one address may be a whole company, or our own proxy
        self.posts = Throttle(limit=desk.settings.form_posts, seconds=60)

    def render(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        lang = language_of(request)
        page = self.templates.get_template(name).render(lang=lang, path=request.url.path, t=timeline, **values)
        response = HTMLResponse(page, status, headers=_HEADERS)
        if request.query_params.get("lang") == lang:
            response.set_cookie("lang", lang, max_age=31_536_000, samesite="lax")
        return response

    async def ask(self, request: Request) -> Response:
        """The empty form."""
        return self.render(request, "complain.html", form=ComplaintForm({}), key=secrets.token_urlsafe(16), errors={})

    async def take(self, request: Request) -> Response:
        """A filled form: kept, or shown again with what was typed and what is wrong."""
        typed = await fields(request)
        form = ComplaintForm(typed)
        key = typed.get("key", "")[:100]
        errors = form.errors(language_of(request), self.desk.settings.phone_region)
        if typed.get("website"):  # a field that people do not see: only a machine fills it
            errors["text"] = {"zh": "无法提交。", "en": "This could not be sent."}[language_of(request)]
        if not errors and not self.posts.allow(_address(request)):
            raise Problem(429, "Too many requests", "Please wait a minute.", headers={"Retry-After": "60"})
        if errors:
            key = key or secrets.token_urlsafe(16)
            return self.render(request, "complain.html", 422, form=form, key=key, errors=errors)
        post, raw = form.post(language_of(request))
        entry = entry_of(
            self.desk, post, raw, source=FORM, key=key if key.isascii() and key else None, scopes=frozenset()
        )
        answer = await self.desk.coalescer.put(entry)
        where = self.desk.links.url(answer.reference, answer.created_at).partition("/track/")[2]
        return RedirectResponse(f"/track/{where}&welcome=1", 303, headers=_HEADERS)

    async def find(self, request: Request) -> Response:
        """Ask for the reference, then go on as if it stood in the address."""
        given = request.query_params.get("reference", "")
        if parsed := reference.parse(given):
            return RedirectResponse(f"/track/{parsed}", 303, headers=_HEADERS)
        return self.render(request, "unlock.html", reference=given, ask_reference=True, failed=bool(given))

    async def show(self, request: Request, given: str) -> Response:
        """The story of one complaint, for who holds a signed link; otherwise the question who asks."""
        token = request.query_params.get("t", "")
        case = await self._unlocked(given, token)
        if case is None:
            return self.render(request, "unlock.html", reference=given, ask_reference=False, failed=bool(token))
        return await self._story(request, case, token)

    async def unlock(self, request: Request, given: str) -> Response:
        """Somebody tells their contact: right → a signed link; wrong contact and unknown reference look the same."""
        typed = await fields(request)
        if not (self.attempts.allow(given.upper()) and self.callers.allow(_address(request))):
            raise Problem(429, "Too many requests", "Please try again in ten minutes.", headers={"Retry-After": "600"})
        case = await self._case(given)
        if self._knows(case, typed.get("contact", "")) and case and case.origin:
            url = self.desk.links.url(case.origin.reference, datetime.now(UTC))
            return RedirectResponse("/track/" + url.partition("/track/")[2], 303, headers=_HEADERS)
        return self.render(request, "unlock.html", 403, reference=given, ask_reference=False, failed=True)

    async def say(self, request: Request, given: str, word: str) -> Response:
        """One of the actions of the tracking page."""
        typed = await fields(request)
        token = typed.get("t", "")
        case = await self._unlocked(given, token)
        if case is None or word not in COMMANDS:
            raise NotFound("page")
        text = typed.get("text", "")[:20_000]
        if word in NEEDS_TEXT and not text:
            return RedirectResponse(f"/track/{given}?t={token}#say", 303, headers=_HEADERS)
        id = self.desk.conversation.id_for(TRACKING, f"{case.complaint_id} {word} {typed.get('key') or UUID(int=0)}")
        said = Said(id=id, channel="web", text=text)
        done = word
        try:
            await self.desk.conversation.say(
                case.complaint_id, word, said, source=TRACKING, body=json.dumps({"text": text}, ensure_ascii=False)
            )
        except Conflict:
            done = "late"  # the case moved on while the page was open: the page shows what is possible now
        return RedirectResponse(f"/track/{given}?t={token}&done={done}", 303, headers=_HEADERS)

    async def _case(self, given: str) -> Case | None:
        parsed = reference.parse(given) or reference.new()  # a malformed one costs the same look-up
        async with self.desk.work.db.read() as tx:
            found = await cases.id_of(tx, parsed) or UUID(int=0)
            case = (await self.desk.work.store.load(tx, [found]))[found]
        return case if case.origin else None

    async def _unlocked(self, given: str, token: str) -> Case | None:
        if not self.desk.links.valid(given, token, datetime.now(UTC)):
            return None
        return await self._case(given)

    def _knows(self, case: Case | None, told: str) -> bool:
        email, phone = identity.email(told), identity.phone(told, self.desk.settings.phone_region)
        pin = self.desk.links.pin(case.complaint_id if case else UUID(int=0))
        if case is None or case.origin is None:
            return False
        origin = case.origin
        if origin.email is None and origin.phone is None:
            return secrets.compare_digest(pin, "".join(told.split()) if told.isascii() else "")
        return bool((email and email == origin.email) or (phone and phone == origin.phone))

    async def _story(self, request: Request, case: Case, token: str) -> Response:
        async with self.desk.work.db.read() as tx:
            letters = await cases.letters_of(tx, case.complaint_id)
            body = await cases.body_of(tx, case.complaint_id)
        lang = language_of(request)
        welcome = request.query_params.get("welcome")
        # The customer's zone, not the reader's: the page and the letters name the same hour.
        zone = self.zones.get(case.origin.language if case.origin else lang) or ZoneInfo("UTC")
        promised = timeline.promises(case, lang, zone)
        anonymous = case.origin and not case.origin.email and not case.origin.phone
        return self.render(
            request,
            "track.html",
            case=case,
            token=token,
            words=own_words(body or "{}"),
            letters={str(letter.letter_id): letter for letter in letters},
            promised=promised,
            lines=[(e, timeline.sentence(e.what, e.with_, lang, zone)) for e in reversed(case.timeline)],
            when=lambda moment: timeline.date(moment, lang, zone, time=True),
            welcome=welcome,
            again=welcome == "1" and not promised,
            pin=self.desk.links.pin(case.complaint_id) if anonymous else None,
            possible=possible(case) if case.origin and case.origin.kind == "complaint" else ["messages"],
            done=request.query_params.get("done"),
            key=secrets.token_urlsafe(12),
        )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def router(desk: Desk) -> APIRouter:
    """The pages' routes. A refusal is a page too: customers do not read JSON."""
    api = APIRouter(include_in_schema=False)
    pages = Pages(desk)

    async def shown(request: Request, page: Awaitable[Response]) -> Response:
        try:
            return await page
        except Problem as problem:
            refusal = pages.render(request, "trouble.html", problem.status, code=problem.status)
            refusal.headers.update(problem.headers)
            return refusal

    @api.get("/")
    @public
    async def home() -> Response:
        return RedirectResponse("/complain", 307)

    @api.get("/complain")
    @public
    async def ask(request: Request) -> Response:
        return await shown(request, pages.ask(request))

    @api.post("/complain")
    @public
    async def take(request: Request) -> Response:
        return await shown(request, pages.take(request))

    @api.get("/track")
    @public
    async def find(request: Request) -> Response:
        return await shown(request, pages.find(request))

    @api.get("/track/{given}")
    @public
    async def show(request: Request, given: str) -> Response:
        return await shown(request, pages.show(request, given))

    @api.post("/track/{given}")
    @public
    async def unlock(request: Request, given: str) -> Response:
        return await shown(request, pages.unlock(request, given))

    @api.post("/track/{given}/{word}")
    @public
    async def say(request: Request, given: str, word: str) -> Response:
        return await shown(request, pages.say(request, given, word))

    return api
