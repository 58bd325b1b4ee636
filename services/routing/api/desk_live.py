"""The desk's live stream: server-sent events that say what to look at again, never the contents themselves."""

import random
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.base.errors import Problem
from shared.base.security import allow, bearer, caller

from ..live import Desk as OpenDesk
from ..live import Full, Hub
from .base import WORKERS, Desk

BEAT = 15.0  # seconds: shorter than proxies wait for an answer that says nothing
LIFE = 600.0  # a stream is opened anew, so that a token that ended or changed its role is noticed
HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",  # a proxy that gathers the answer first would keep the news
    "X-Content-Type-Options": "nosniff",
}


def session_of(request: Request) -> str:
    """What names a session to the streams of all replicas, without being worth stealing."""
    return sha256((bearer(request) or "").encode()).hexdigest()[:32]


def router(desk: Desk) -> APIRouter:
    """`GET /desk/live`: what changed, for the page that is open."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)

    @routes.get("/live")
    @allow(*WORKERS)
    async def live(request: Request, case: UUID | None = None, since: str = "") -> Response:
        """Events `work`, `queue` and `case`, each with an id to go on from (`Last-Event-ID`, or `since`)."""
        hub, who = desk.news.hub, caller(request).name
        after = request.headers.get("last-event-id", since)[:64]
        stream = _events(desk, hub, who, session_of(request), case, after)
        try:
            first = await anext(stream)  # refused before anything is sent
        except Full:
            problem = Problem(503, "Unavailable", "Too many desks are open.", headers={"Retry-After": "30"})
            raise problem from None
        return StreamingResponse(_from(first, stream), media_type="text/event-stream", headers=HEADERS)

    return routes


async def _from(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for text in rest:
        yield text


async def _events(desk: Desk, hub: Hub, who: str, session: str, case: UUID | None, since: str) -> AsyncIterator[str]:
    with hub.open(who, session, case, since) as opened:
        desk.news.subscribed()
        yield "retry: 2000\nevent: open\ndata: {}\n\n"
        async for text in _told(hub, opened):
            yield text


async def _told(hub: Hub, opened: OpenDesk) -> AsyncIterator[str]:
    until = time.monotonic() + LIFE * random.uniform(0.8, 1.0)
    while not opened.ended and time.monotonic() < until:
        found = await opened.next(BEAT)
        if found is None:
            yield ": still here\n\n"
        else:
            name, n = found
            yield f"id: {hub.id(n)}\nevent: {name}\ndata: {{}}\n\n"
