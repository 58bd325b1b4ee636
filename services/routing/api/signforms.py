"""What every way to sign in shares: where one goes afterwards, the cookie, and the form's parts."""

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import COOKIE

from ..accounts import Signed
from ..settings import Settings
from .base import WORKERS

HOME, ACCOUNT = "/desk", "/desk/account"


def next_of(request: Request, given: str, settings: Settings) -> str:
    """Where to go after signing in: a path of ours, or a page of another service at this host; else nowhere (empty)."""
    if not given or len(given) > 500 or "\\" in given or not given.isprintable():
        return ""
    try:
        parts = urlsplit(given)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if not parts.scheme and not parts.netloc:
        return given if given.startswith("/") and not given.startswith("//") else ""
    ours = (settings.cookie_domain or "").lstrip(".")
    if parts.netloc and parts.netloc == request.headers.get("host"):
        return next_of(request, given.partition(parts.netloc)[2], settings)
    near = host == request.url.hostname or bool(ours and (host == ours or host.endswith(f".{ours}")))
    return given if parts.scheme in ("http", "https") and near else ""


def view(request: Request, settings: Settings, given: str | None = None) -> dict[str, Any]:
    """What the form shows besides what was wrong."""
    wanted = request.query_params.get("next", "") if given is None else given
    if not wanted and request.method == "GET" and request.url.path.startswith("/desk/cases/"):
        wanted = request.url.path
    return {
        "next": next_of(request, wanted, settings),
        "provider": settings.oidc_issuer is not None,
        "provider_label": settings.oidc_label,
    }


def keep(answer: Response, request: Request, settings: Settings, token: str, seconds: int) -> Response:
    """Put a token into the cookie that pages and their forms send: not readable by scripts, not sent by other sites."""
    answer.set_cookie(
        COOKIE,
        token,
        max_age=seconds,
        httponly=True,
        samesite="strict",
        secure=_https(request, settings),
        domain=settings.cookie_domain,
    )
    return answer


def drop(answer: Response, settings: Settings) -> Response:
    """Take the cookie back."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", domain=settings.cookie_domain)
    return answer


def _https(request: Request, settings: Settings) -> bool:
    return request.url.scheme == "https" or (settings.desk_url or "").startswith("https:")


def landing(signed: Signed, wanted: str) -> str:
    """The page after signing in: the one that was wanted, the desk for those who work there, else one's account."""
    return wanted or (HOME if signed.role in WORKERS else ACCOUNT)
