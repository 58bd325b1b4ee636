"""Who calls: bearer tokens, roles, and a default of no."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, get_args

import jwt
from starlette.requests import HTTPConnection, Request

from .errors import Problem

Role = Literal["channel", "handler", "lead", "manager", "approver", "auditor", "quality", "ops", "service"]
ROLES: tuple[Role, ...] = get_args(Role)
ALGORITHM = "HS256"
COOKIE = "amends_token"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: the name stands in events as the actor."""

    name: str
    role: Role
    scopes: frozenset[str] = frozenset()
    session: str = ""  # the id of a person's sign-in; empty for tokens that were issued by hand
    since: float = field(default=0.0, compare=False)  # when the token was signed, Unix time


Lookup = Callable[[str], Awaitable[Caller | None]]
Confirm = Callable[[Caller, str], Awaitable[Caller | None]]


class Authenticator:
    """Turns a bearer token into a Caller: tokens that one of `keys` signed, then the service's own `lookup`.

    A token that belongs to a session counts only as long as `confirm` says so; without it such tokens are refused.
    """

    def __init__(self, *keys: str, lookup: Lookup | None = None, confirm: Confirm | None = None) -> None:
        self._keys, self._lookup, self._confirm = keys, lookup, confirm

    async def caller(self, token: str) -> Caller | None:
        """The caller, or None when the token is not valid (any more)."""
        if token.count(".") != 2:
            return await self._lookup(token) if self._lookup else None
        known = next(filter(None, (verify(token, key) for key in self._keys)), None)
        if known is None or not known.session:
            return known
        return await self._confirm(known, token) if self._confirm else None


def issue(key: str, *, name: str, role: Role, scopes: Sequence[str] = (), days: float = 365, session: str = "") -> str:
    """A signed bearer token. `name` is the actor's id: a handler's token carries the handler's id."""
    now = datetime.now(UTC)
    claims = {"sub": name, "role": role, "scope": " ".join(scopes), "iat": now, "exp": now + timedelta(days=days)}
    return jwt.encode(claims | ({"sid": session} if session else {}), key, algorithm=ALGORITHM)


def verify(token: str, key: str) -> Caller | None:
    """The caller of a signed token; None when it is forged, expired or of an unknown role."""
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options={"require": ["sub", "role", "exp"]}, leeway=30)
    except jwt.PyJWTError:
        return None
    if claims["role"] not in ROLES:
        return None
    scopes = frozenset(str(claims.get("scope", "")).split())
    return Caller(claims["sub"], claims["role"], scopes, str(claims.get("sid", "")), float(claims.get("iat", 0)))


def key_hash(key: str) -> bytes:
    """What is stored of a channel key: 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def allow(*roles: Role, scope: str | None = None) -> Callable[[F], F]:
    """Declare who may call a route; for channels, the scope that their key must have."""

    def mark(endpoint: F) -> F:
        endpoint.__access__ = (frozenset(roles), scope)  # type: ignore[attr-defined]
        return endpoint

    return mark


def public(endpoint: F) -> F:
    """Declare a route open to everybody: health, and the customer's own pages."""
    endpoint.__access__ = (None, None)  # type: ignore[attr-defined]
    return endpoint


UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="amends"'}


def bearer(request: HTTPConnection) -> str | None:
    """The token of a request: its header's, else the page's cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    # A page's cookie counts for pages and their forms only; SameSite=Strict keeps other sites' forms out.
    return request.cookies.get(COOKIE)


async def authorize(request: HTTPConnection, endpoint: Callable[..., Any]) -> None:
    """Refuse (401, 403) or leave the Caller in `request.state.caller`, before anything is looked up."""
    roles, scope = getattr(endpoint, "__access__", (frozenset(), None))
    if roles is None:
        return
    token = bearer(request)
    caller = await request.app.state.auth.caller(token) if token else None
    if caller is None:
        raise Problem(401, "Unauthorized", "A valid bearer token is needed.", headers=UNAUTHORIZED)
    if caller.role not in roles or (caller.role == "channel" and scope and scope not in caller.scopes):
        raise Problem(403, "Forbidden", "This token may not do that.")
    request.state.caller = caller


async def guard(request: Request) -> None:
    """The application-wide dependency: every route goes through `authorize`."""
    route = request.scope.get("route")
    await authorize(request, getattr(route, "endpoint", guard))


def caller(request: Request) -> Caller:
    """Who makes this request. Only for routes with `@allow`."""
    found: Caller = request.state.caller
    return found
