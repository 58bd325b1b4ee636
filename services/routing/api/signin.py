"""Signing in and out, one's sessions and password: once for the desk, the agents' form and the gallery of letters."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, StringConstraints
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.base.errors import NotFound, Problem
from shared.base.fields import clean
from shared.base.pages import HEADERS
from shared.base.security import ROLES, allow, authorize, caller, public

from ..accounts import MOST, PEOPLE, Signed
from ..store import accounts as store
from . import deskforms, signforms
from .base import Desk
from .desk_live import session_of
from .deskbase import Screen
from .fields import Body

SIGNED_IN = tuple(r for r in ROLES if r != "channel")
Password = Annotated[str, StringConstraints(max_length=MOST), AfterValidator(clean)]
Name = Annotated[str, StringConstraints(max_length=64), AfterValidator(clean)]


class SessionIn(Body):
    name: Name
    password: Password


@allow(*PEOPLE)
async def _anybody_signed_in() -> None:
    """Carries who has an account page; `authorize` reads it."""


class SignInPages:
    """The pages' parts."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.accounts, self.settings, self.pages = desk, desk.accounts, desk.settings, Screen(desk)

    async def form(self, request: Request) -> Response:
        """The form; who is signed in goes on."""
        wanted = signforms.next_of(request, request.query_params.get("next", ""), self.settings)
        try:
            await authorize(request, _anybody_signed_in)
        except Problem:
            return self.pages.sign_in(request)
        return self.go(request, wanted or signforms.ACCOUNT)

    async def sign_in(self, request: Request) -> Response:
        """With name and password, or with a token that operations issued."""
        form = await deskforms.fields(request)
        wanted = signforms.next_of(request, form.get("next", ""), self.settings)
        if token := form.get("token"):
            return await self._with_token(request, token, wanted)
        try:
            device = request.headers.get("user-agent", "")
            signed = await self.accounts.with_password(form.get("name", "")[:64], form.get("password", ""), device)
        except Problem as refusal:
            return self._again(request, refusal.status, "sign_in_wait", wanted, refusal.headers)
        if signed is None:
            return self._again(request, 401, "sign_in_wrong", wanted)
        return self.signed_in(request, signed, wanted)

    async def _with_token(self, request: Request, token: str, wanted: str) -> Response:
        known = await request.app.state.auth.caller(token)
        if known is None or known.role not in PEOPLE:
            return self._again(request, 401, "token_wrong", wanted)
        answer = self.go(request, signforms.landing(Signed(known.name, known.role, token, datetime.now(UTC)), wanted))
        return signforms.keep(answer, request, self.settings, token, 43_200)

    def _again(
        self, request: Request, status: int, wrong: str, wanted: str, headers: dict[str, str] | None = None
    ) -> Response:
        shown = signforms.view(request, self.settings, wanted)
        answer = self.pages.page(request, "sign_in", None, status, wrong=wrong, **shown)
        answer.headers.update(headers or {})
        return answer

    def signed_in(self, request: Request, signed: Signed, wanted: str, *, from_outside: bool = False) -> Response:
        """Keep the token and go on."""
        target = signforms.landing(signed, wanted)
        seconds = int((signed.ends_at - datetime.now(UTC)).total_seconds())
        answer = self.go(request, target, from_outside=from_outside)
        return signforms.keep(answer, request, self.settings, signed.token, seconds)

    def go(self, request: Request, target: str, *, from_outside: bool = False) -> Response:
        """To a page of ours at once; elsewhere, or coming from a provider's site, by a page of its own.

        A browser would not send the new cookie along a redirect that began elsewhere, nor follow one of a form
        to another port or host.
        """
        if target.startswith("/") and not from_outside:
            return RedirectResponse(target, 303, headers=HEADERS)
        return self.pages.page(request, "signed_in", None, target=target)

    async def sign_out(self, request: Request) -> Response:
        """End this session; with `everywhere` every one of this person."""
        form = await deskforms.fields(request)
        try:
            await authorize(request, _anybody_signed_in)
        except Problem:
            pass
        else:
            who = caller(request)
            self.desk.news.signed_out(session_of(request))
            if form.get("everywhere"):
                await self.accounts.end(who.name, who.name)
                self.desk.news.signed_out_everywhere(who.name)
            elif who.session:
                await self.accounts.end(who.name, who.name, UUID(who.session))
        return signforms.drop(RedirectResponse("/desk", 303, headers=HEADERS), self.settings)

    async def account(self, request: Request, *, status: int = 200, message: str = "", trouble: str = "") -> Response:
        """One's sessions and password."""
        who = caller(request)
        async with self.desk.spine.db.read() as tx:
            account, sessions = await store.account(tx, who.name), await store.sessions(tx, who.name)
        actor = await self.desk.actor(request)
        return self.pages.page(
            request,
            "account",
            actor,
            status,
            role=who.role,
            this=who.session,
            sessions=sessions,
            has_password=account is not None and account.password is not None,
            message=message,
            trouble=trouble,
        )

    async def end(self, request: Request, session_id: UUID) -> Response:
        """End one of one's sessions."""
        await deskforms.fields(request)
        who = caller(request)
        await self.accounts.end(who.name, who.name, session_id)
        return RedirectResponse(signforms.ACCOUNT, 303, headers=HEADERS)

    async def password(self, request: Request) -> Response:
        """A new password, for who knows the old one."""
        form, who = await deskforms.fields(request), caller(request)
        if form.get("password") != form.get("again"):
            return await self.account(request, status=422, trouble="password_differs")
        try:
            wrong = await self.accounts.change_password(
                who.name, form.get("before", ""), form.get("password", ""), who.session
            )
        except Problem as refusal:
            return await self.account(request, status=refusal.status, trouble="sign_in_wait")
        if wrong:
            return await self.account(request, status=422, trouble=wrong)
        return await self.account(request, message="password_changed")


def router(desk: Desk) -> APIRouter:
    """Pages and API of sign-in."""
    routes = APIRouter()
    _page_routes(routes, SignInPages(desk))
    _api_routes(routes, desk)
    return routes


def _page_routes(routes: APIRouter, pages: SignInPages) -> None:
    hidden: dict[str, Any] = {"include_in_schema": False}

    @routes.get("/desk/sign-in", **hidden)
    @public
    async def form(request: Request) -> Response:
        return await pages.form(request)

    @routes.post("/desk/sign-in", **hidden)
    @public
    async def sign_in(request: Request) -> Response:
        return await pages.sign_in(request)

    @routes.post("/desk/sign-out", **hidden)
    @public
    async def sign_out(request: Request) -> Response:
        return await pages.sign_out(request)

    @routes.get("/desk/account", **hidden)
    @allow(*PEOPLE)
    async def account(request: Request) -> Response:
        return await pages.account(request)

    @routes.post("/desk/account/password", **hidden)
    @allow(*PEOPLE)
    async def password(request: Request) -> Response:
        return await pages.password(request)

    @routes.post("/desk/account/sessions/{session_id}/end", **hidden)
    @allow(*PEOPLE)
    async def end(request: Request, session_id: UUID) -> Response:
        return await pages.end(request, session_id)


def _api_routes(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/v1/sessions", status_code=201, tags=["sign-in"])
    @public
    async def open_session(request: Request, body: SessionIn) -> dict[str, Any]:
        """Sign in with a local account: a bearer token for every service. 401 for whatever does not fit, 429 for too
        many tries."""
        device = request.headers.get("user-agent", "")
        signed = await desk.accounts.with_password(body.name, body.password, device)
        if signed is None:
            raise Problem(401, "Unauthorized", "Name or password is wrong.")
        return {"name": signed.name, "role": signed.role, "token": signed.token, "ends_at": signed.ends_at}

    @routes.get("/v1/session", tags=["sign-in"])
    @allow(*SIGNED_IN)
    async def this_session(request: Request) -> dict[str, Any]:
        """Who the token stands for, as the account is now; 401 when the session ended. The other services ask here."""
        who = caller(request)
        return {"name": who.name, "role": who.role, "session": who.session or None}

    @routes.get("/v1/sessions", tags=["sign-in"])
    @allow(*PEOPLE)
    async def my_sessions(request: Request) -> list[dict[str, Any]]:
        """Where one is signed in."""
        who = caller(request)
        async with desk.spine.db.read() as tx:
            found = await store.sessions(tx, who.name)
        return [
            {
                "session_id": s.session_id,
                "way": s.way,
                "device": s.device,
                "made_at": s.made_at,
                "ends_at": s.ends_at,
                "this": str(s.session_id) == who.session,
            }
            for s in found
        ]

    @routes.delete("/v1/sessions", tags=["sign-in"])
    @allow(*PEOPLE)
    async def end_all(request: Request) -> dict[str, int]:
        """Sign out everywhere."""
        who = caller(request)
        return {"ended": await desk.accounts.end(who.name, who.name)}

    @routes.delete("/v1/sessions/{session_id}", tags=["sign-in"])
    @allow(*PEOPLE)
    async def end_one(request: Request, session_id: UUID) -> dict[str, int]:
        """Sign out one of one's sessions."""
        who = caller(request)
        ended = await desk.accounts.end(who.name, who.name, session_id)
        if not ended:
            raise NotFound("open session of yours")
        return {"ended": ended}
