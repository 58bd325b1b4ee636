"""Server-rendered pages: one look for customers and handlers, in Chinese and English, without a build chain."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

# Pages load nothing from elsewhere and are never framed; forms go to ourselves only.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def preferred_language(request: Request, *, cookie: str = "") -> str:
    """`zh` or `en`: the visible switch (`?lang=`), the choice kept in a cookie, then Accept-Language by its weights."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(cookie)):
        if chosen in ("zh", "en"):
            return str(chosen)
    weighed = []
    for n, part in enumerate(request.headers.get("accept-language", "").split(",")[:20]):
        tag, _, q = part.strip().partition(";q=")
        try:
            weighed.append((-float(q or 1), n, tag.lower()[:2]))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(weighed) if tag in ("zh", "en")), "en")


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def day(value: date, language: str) -> str:
    """A date as people write it, whatever the process's locale: `9 June 2026` or `2026年6月9日`."""
    if language == "zh":
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime, language: str, zone: str = "UTC") -> str:
    """A date and time as people write it in a zone: `9 June 2026, 14:05` or `2026年6月9日 14:05`."""
    local = value.astimezone(ZoneInfo(zone))
    return f"{day(local, language)}{' ' if language == 'zh' else ', '}{local:%H:%M}"


class Pages:
    """The templates of one service, over the shared base page."""

    def __init__(self, service: str, *, zones: Mapping[str, str], cookie: str = "") -> None:
        """`zones`: language → the zone in which its readers are told times. `cookie` keeps a chosen language."""
        self._cookie = cookie
        self.environment = Environment(
            loader=ChoiceLoader([PackageLoader(f"services.{service}"), PackageLoader("shared.base")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters["moment"] = lambda value, lang: moment(value, lang, zones.get(lang, "UTC"))

    def language(self, request: Request) -> str:
        """The language of the page that answers this request."""
        return preferred_language(request, cookie=self._cookie)

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The page as text. A name that the context lacks is an error, never a hole."""
        return self.environment.get_template(name).render(context)

    def response(
        self, request: Request, name: str, context: Mapping[str, Any], *, status: int = 200, language: str | None = None
    ) -> HTMLResponse:
        """The page as an answer, with the headers that keep it ours."""
        language = language or self.language(request)
        text = self.render(name, {"lang": language, "path": request.url.path, **context})
        answer = HTMLResponse(text, status, headers=HEADERS)
        if self._cookie and request.query_params.get("lang") == language:
            answer.set_cookie(self._cookie, language, max_age=31_536_000, httponly=True, samesite="lax")
        return answer
