"""What all pages of the desk share: who is signed in, the language, the look, the files that browsers load."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.base.errors import Problem
from shared.base.pages import Pages, preferred_language
from shared.base.security import allow, authorize

from ..desk_words import Words
from ..handlers.flow import Actor
from . import signforms
from .base import WORKERS, Desk
from .work import Work

LANGUAGE = "amends_lang"
SAMPLERS = ("lead", "manager", "quality")
_ASSETS = {
    "desk.css": ("desk.css", "text/css"),
    "desk.js": ("desk.js", "text/javascript"),
    "replies.js": ("replies.js", "text/javascript"),
    "htmx.min.js": ("vendor/htmx.min.js", "text/javascript"),
    "idiomorph-ext.min.js": ("vendor/idiomorph-ext.min.js", "text/javascript"),
}


@allow(*WORKERS)
async def workers_only() -> None:
    """Carries who may use the desk; `authorize` reads it."""


@lru_cache
def _asset(name: str) -> tuple[bytes, str, str] | None:
    if name not in _ASSETS:
        return None
    path, kind = _ASSETS[name]
    content = (files("services.routing") / "static" / path).read_bytes()
    return content, kind, sha256(content).hexdigest()[:12]


def address_of(name: str) -> str:
    """Where browsers load a file from: the address changes with the content, so they may keep it for ever."""
    found = _asset(name)
    assert found is not None
    return f"/desk/{name}?v={found[2]}"


def asset(name: str, version: str | None) -> Response:
    """One of our files, kept for ever by who asked for this version of it. Raises Problem 404."""
    found = _asset(name)
    if found is None:
        raise Problem(404, "Not found", "There is no such file.")
    keep = "public, max-age=31536000, immutable" if version == found[2] else "public, max-age=300"
    headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
    return Response(found[0], media_type=found[1], headers=headers)


class Screen:
    """Makes pages. One for all routes of the desk."""

    def __init__(self, desk: Desk) -> None:
        self.zones = desk.spine.settings.time_zones
        self.desk, self.work, self.pages = desk, Work(desk), Pages("routing", zones=self.zones)
        self.pages.environment.globals["asset"] = address_of
        names = {code: tongue.name for code, tongue in desk.spine.settings.tongues.all.items()}
        self.pages.environment.globals["languages"] = names

    def language(self, request: Request) -> str:
        """`zh` or `en`."""
        return preferred_language(request, cookie=LANGUAGE)

    def words(self, request: Request) -> Words:
        """The words of the caller's language."""
        return Words(self.language(request), self.zones)

    async def actor(self, request: Request, guard: Callable[..., Any] = workers_only) -> Actor | None:
        """Who is signed in and may see the page, by cookie or header; None for everybody else."""
        try:
            await authorize(request, guard)
        except Problem:
            return None
        return await self.desk.actor(request)

    def page(self, request: Request, name: str, actor: Actor | None, status: int = 200, **context: Any) -> HTMLResponse:
        """A page in the caller's language, which is remembered when it was chosen."""
        language = self.language(request)
        may = {"work": actor is not None and actor.role in WORKERS, "sample": actor and actor.role in SAMPLERS}
        may["quality"] = actor is not None and actor.role == "quality"
        values = {"w": Words(language, self.zones), "actor": actor, "can": may, "now": datetime.now(UTC), **context}
        answer = self.pages.response(request, f"desk/{name}.html", values, status=status, language=language)
        if request.query_params.get("lang") == language:
            answer.set_cookie(LANGUAGE, language, max_age=31_536_000, httponly=True, samesite="strict")
        return answer

    def sign_in(self, request: Request, *, status: int = 200) -> HTMLResponse:
        """The form to sign in."""
        return self.page(request, "sign_in", None, status, wrong="", **signforms.view(request, self.desk.settings))


def to(path: str) -> Response:
    """Go there, with a GET."""
    return RedirectResponse(path, 303)
