"""The pages on which customers tell us something, and the promise. They work without JavaScript."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.forms import FORMS, Form, post
from services.intake.promise import promise
from shared.base.errors import Problem
from shared.base.pages import HEADERS
from shared.base.security import public

from . import Desk
from .bodies import stored
from .complaints import entry_of, id_of
from .site import Site

SOURCE = "web-form"
Page = Callable[[Request], Awaitable[Response]]


class FormPages:
    """The complaint form, the quick form and the comment card: one way in for all of them."""

    def __init__(self, site: Site) -> None:
        self.site, self.desk = site, site.desk

    def empty(self, request: Request, page: str) -> Response:
        """The form as it is found. A link may fill fields in: `/comment?kind=praise&site=Shop+3`."""
        given = {name: value[:200] for name, value in request.query_params.items() if name in ("kind", "site")}
        return self._show(request, FORMS[page](given, self.desk.settings.phone_region))

    async def take(self, request: Request, page: str) -> Response:
        """A filled form: kept, or shown again with what was typed, what was attached and what is wrong."""
        sent = await self.site.read(request)
        language = self.site.language(request)
        form = FORMS[page](sent.fields, self.desk.settings.phone_region)
        errors = form.errors(language)
        if sent.wrong_files:
            errors["files"] = " ".join(sent.wrong_files)
        await self.site.slow_down(request)
        if errors:
            held = [] if form["website"] else await self.site.hold(sent.files)
            return self._show(request, form, 422, errors=errors, held=held)
        key = form["key"][:100]
        digests = [(f.name, f.media_type, f.sha256) for f in sent.files]
        body, raw = post(form.body(language), digests)
        key = key if key.isascii() else ""
        id = id_of(self.desk, SOURCE, key)
        files = stored(sent.files, id)
        entry = entry_of(self.desk, body, raw, source=SOURCE, key=key, scopes=frozenset(), id=id, files=files)
        answer = await self.desk.coalescer.put(entry)
        where = answer.tracking_url.partition("/track/")[2]
        return RedirectResponse(f"/track/{where}&welcome=1", 303, headers=HEADERS)

    def _show(self, request: Request, form: Form, status: int = 200, **more: Any) -> Response:
        values = {"errors": {}, "held": [], **more}
        key = form["key"][:100] or secrets.token_urlsafe(16)
        return self.site.render(request, f"{form.page}.html", status, form=form, key=key, **values)


def router(desk: Desk, site: Site) -> APIRouter:
    """The routes. A refusal is a page too: customers do not read JSON."""
    api = APIRouter(include_in_schema=False)
    forms = FormPages(site)

    @api.get("/")
    @public
    async def home() -> Response:
        return RedirectResponse("/complain", 307)

    for page in FORMS:
        api.get(f"/{page}", name=f"{page}_form")(_empty(site, forms, page))
        api.post(f"/{page}", name=f"{page}_sent")(_take(site, forms, page))

    @api.get("/promise")
    @public
    async def our_promise(request: Request) -> Response:
        """The published promise, from the policy in force."""
        told = promise(await desk.policies.packs(), site.language(request))
        return site.render(request, "promise.html", promise=told, reopen_days=await desk.reopen_days())

    return api


def _empty(site: Site, forms: FormPages, page: str) -> Page:
    @public
    async def empty(request: Request) -> Response:
        return forms.empty(request, page)

    return empty


def _take(site: Site, forms: FormPages, page: str) -> Page:
    @public
    async def take(request: Request) -> Response:
        return await refusing(site, request, forms.take(request, page))

    return take


async def refusing(site: Site, request: Request, page: Awaitable[Response]) -> Response:
    """The page, or the page that says why there is none."""
    try:
        return await page
    except Problem as problem:
        return site.trouble(request, problem)
