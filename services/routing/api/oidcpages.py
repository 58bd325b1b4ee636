"""Signing in with the identity provider: out to it, and back."""

import re

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.base.errors import NotFound
from shared.base.pages import HEADERS
from shared.base.security import public

from ..accounts import NAME
from ..oidc import MINUTES, Identity, Provider, Refused
from ..store import accounts as store
from . import signforms
from .base import Desk
from .signin import SignInPages

log = structlog.get_logger()
COOKIE = "amends_oidc"
PATH = "/desk/oidc"


class OidcPages:
    """The two steps."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sign_in = desk, SignInPages(desk)
        self.provider = Provider(desk.settings) if desk.settings.oidc_issuer else None

    async def begin(self, request: Request) -> Response:
        """To the provider."""
        provider = self._provider()
        wanted = signforms.next_of(request, request.query_params.get("next", ""), self.desk.settings)
        try:
            begun = await provider.begin(wanted)
        except Refused as refusal:
            return self._refused(request, refusal, 503)
        answer = RedirectResponse(begun.url, 303, headers=HEADERS)
        # Lax: the provider's page sends the browser back to us, and the cookie has to come along.
        secure = provider.redirect.startswith("https:")
        answer.set_cookie(
            COOKIE, begun.cookie, max_age=60 * MINUTES, path=PATH, httponly=True, samesite="lax", secure=secure
        )
        return answer

    async def finish(self, request: Request) -> Response:
        """Back from the provider."""
        provider = self._provider()
        try:
            who, wanted = await provider.finish(request.query_params, request.cookies.get(COOKIE, ""))
            name = await self._account(who)
        except Refused as refusal:
            return self._refused(request, refusal, 403)
        device = request.headers.get("user-agent", "")
        signed = await self.desk.accounts.open(name, who.role, "oidc", device)
        answer = self.sign_in.signed_in(request, signed, wanted, from_outside=True)
        answer.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")
        return answer

    async def _account(self, who: Identity) -> str:
        """The name of the person's account, made at the first sign-in; its role is what the provider says now.

        Raises Refused. An account belongs to a subject: its name stays, and whoever else the provider calls so, or a
        local account is called so already, does not become that person.
        """
        async with self.desk.spine.db.transaction() as tx:
            known = await store.account_of(tx, who.subject)
            if known is None:
                if not re.fullmatch(NAME, who.name):
                    raise Refused("this name cannot be an account's")
                if not await store.add(tx, who.name, who.role, password=None, subject=who.subject):
                    raise Refused("the name belongs to another account")
            elif known.disabled_at is not None:
                raise Refused("the account is disabled")
            elif known.role != who.role:
                await store.change(tx, known.name, role=who.role)
            return str(known.name if known else who.name)

    def _provider(self) -> Provider:
        if self.provider is None:
            raise NotFound("identity provider")
        return self.provider

    def _refused(self, request: Request, refusal: Refused, status: int) -> Response:
        log.warning("sign-in with the identity provider refused", reason=str(refusal))
        shown = signforms.view(request, self.desk.settings)
        answer = self.sign_in.pages.page(request, "sign_in", None, status, wrong="provider_refused", **shown)
        answer.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")
        return answer


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=PATH, include_in_schema=False)
    pages = OidcPages(desk)

    @routes.get("")
    @public
    async def begin(request: Request) -> Response:
        return await pages.begin(request)

    @routes.get("/callback")
    @public
    async def finish(request: Request) -> Response:
        return await pages.finish(request)

    return routes
