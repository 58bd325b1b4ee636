"""The web application that every service starts from: problems, bounds, health and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import Trouble, pointers, problem_response, refusal
from .bounds import BodyLimit
from .db import STATEMENT_ERRORS, InDoubt, is_transient
from .errors import Problem
from .security import Authenticator, guard, public

log = structlog.get_logger()
OnErrors = dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]]


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    sign_in = request.app.state.sign_in
    if error.status == 401 and sign_in and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        # Somebody opened a page in a browser: they sign in, and come back.
        return RedirectResponse(f"{sign_in}?{urlencode({'next': str(request.url)})}", 303)
    return problem_response(error)


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        return problem_response(Problem(400, "Bad request", "The body is not valid JSON."))
    # FastAPI puts where the value came from in front; the pointer of a body field starts at the body.
    trimmed = [{**e, "loc": e["loc"][1:] if e["loc"][:1] == ("body",) else e["loc"]} for e in found]
    return problem_response(Problem(422, "Unprocessable content", "Some fields are wrong.", errors=pointers(trimmed)))


async def _on_database(_: Request, error: Exception) -> Response:
    if not is_transient(error):
        raise error
    said = "The database cannot be reached right now."
    if isinstance(error, InDoubt):
        said = "The database was lost while this was kept. Look whether it was done before you send it again."
    return problem_response(Problem(503, "Unavailable", said, headers={"Retry-After": "2"}))


class _Plain:
    """One route without a router: the same answers, without the layers that cost as much as such a route itself."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]], on_error: OnErrors) -> None:
        self.endpoint, self.on_error = endpoint, on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["endpoint"] = self.endpoint  # as the router does: a trace names the route by it
        request = Request(scope, receive)
        try:
            answer = await self.endpoint(request)
        except ClientDisconnect:
            return
        except Exception as error:
            handle = next((self.on_error[kind] for kind in type(error).__mro__ if kind in self.on_error), None)
            if handle is None:
                raise
            answer = await handle(request, error)
        await answer(scope, receive, send)


async def whole_body(request: Request) -> bytes:
    """The body of a request that nothing has read yet; most come in one message. Raises ClientDisconnect."""
    message = await request.receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await request.receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return body


@public
async def _healthz(request: Request) -> Response:
    supervisor = getattr(request.app.state, "supervisor", None)
    stalled = supervisor.stalled() if supervisor else []
    return JSONResponse({"status": "stalled" if stalled else "ok", "stalled": stalled}, 503 if stalled else 200)


@public
async def _readyz(request: Request) -> Response:
    try:
        async with asyncio.timeout(2):
            reason = await request.app.state.ready()
    except Exception as error:
        reason = f"database: {type(error).__name__}"
    return JSONResponse({"status": reason or "ok"}, 503 if reason else 200)


@public
async def _metrics(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class _Application(FastAPI):
    """FastAPI with the body's limit in front of its layers, which cost a call per message each.

    Hot routes, by method and path, are served before anything of the framework is reached. They stand in the router
    as well, for its documents and the table of roles.
    """

    in_front: Callable[[ASGIApp], ASGIApp]
    hot: Mapping[tuple[str, str], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        return self.in_front(super().build_middleware_stack())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hot = self.hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if hot is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await hot(scope, receive, send)


def _answers_to_errors(trouble: Trouble | None) -> OnErrors:
    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return refusal(request, Problem(error.status_code, str(error.detail), headers=error.headers), trouble)

    return {
        Problem: _on_problem,
        RequestValidationError: _on_validation,
        HTTPException: on_http,
        **dict.fromkeys(STATEMENT_ERRORS, _on_database),
        PoolTimeout: _on_database,
        OSError: _on_database,
        TimeoutError: _on_database,
    }


def _serve(app: FastAPI, routers: Sequence[APIRouter], routes: Sequence[Route]) -> None:
    """A service's own routes, and those that every service has."""
    app.router.routes.extend(routes)
    for path, endpoint in (("/healthz", _healthz), ("/readyz", _readyz), ("/metrics", _metrics)):
        app.router.routes.append(Route(path, endpoint, methods=["GET"]))

    @public
    async def openapi(_: Request) -> Response:
        return JSONResponse(app.openapi())

    app.router.routes.append(Route("/openapi.json", openapi, methods=["GET"]))
    for router in routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=str(files("shared.base") / "static")), name="static")


def web_app(
    service: str,
    routers: Sequence[APIRouter],
    *,
    auth: Authenticator,
    ready: Callable[[], Awaitable[str | None]],
    routes: Sequence[Route] = (),
    body_limit: int = 2 << 20,
    larger_bodies: Mapping[str, int] = MappingProxyType({}),
    trouble: Trouble | None = None,
    desk_url: str | None = None,
) -> FastAPI:
    """A service's application. `ready` gives None or why not; `routes` are plain Starlette routes for hot paths.

    `trouble` shows people what is refused before a route is reached. `desk_url`: where people sign in who open a page
    without having done so.
    """

    on_error = _answers_to_errors(trouble)
    app = _Application(
        title=f"Amends {service}",
        version="1",
        dependencies=[Depends(guard)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        exception_handlers=on_error,
    )
    app.state.auth, app.state.ready = auth, ready
    app.state.sign_in = f"{desk_url.rstrip('/')}/desk/sign-in" if desk_url is not None else None
    _serve(app, routers, routes)

    def in_front(layers: ASGIApp) -> ASGIApp:
        return BodyLimit(layers, body_limit, larger_bodies, trouble)

    app.in_front = in_front
    app.hot = {
        (method, route.path): BodyLimit(
            _Plain(route.endpoint, on_error), larger_bodies.get(route.path, body_limit), trouble=trouble
        )
        for route in routes
        for method in route.methods or ()
    }
    return app
