"""The bound of a request's body, in front of everything else that looks at a request."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import Trouble, problem_response, refusal
from .errors import Problem

DRAINED = 8  # times the limit: read that far, since most callers see no answer before they have sent all


def _like(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern in which `*` stands for one part."""
    parts, wanted = path.split("/"), pattern.split("/")
    return (
        "*" in wanted and len(parts) == len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=True))
    )


def _too_large(limit: int) -> Problem:
    return Problem(413, "Content too large", f"At most {limit} bytes.")


def _asks_first(scope: Scope) -> bool:
    """Whether the caller waits for leave before it sends the body."""
    return (b"expect", b"100-continue") in scope["headers"]


class BodyLimit:
    """Refuses larger bodies with 413: by Content-Length at once, else while reading. `larger`: path → its own limit.

    A path there that ends with a slash stands for all below it; `*` stands for one part of a path.
    """

    def __init__(
        self, app: ASGIApp, limit: int, larger: Mapping[str, int] = MappingProxyType({}), trouble: Trouble | None = None
    ) -> None:
        self.app, self.limit, self.larger, self.trouble = app, limit, larger, trouble

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        limit = self.larger.get(path) or next(
            (n for p, n in self.larger.items() if (p[-1] == "/" and path.startswith(p)) or _like(path, p)), self.limit
        )
        for name, value in scope["headers"]:
            if name == b"content-length":
                # The server lets no more through than was announced, so nothing needs to be counted.
                if value.isdigit() and int(value) <= limit:
                    await self.app(scope, receive, send)
                else:
                    await self._refuse(scope, receive, send, limit)
                return
        await self._counting(scope, receive, send, limit)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        answer = refusal(Request(scope), _too_large(limit), self.trouble)
        left = 0 if _asks_first(scope) else limit * DRAINED
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        await answer(scope, receive, send)

    async def _counting(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        seen, too_large = 0, _too_large(limit)

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise too_large
            return message

        async def unless_too_large(message: Message) -> None:
            # Frameworks turn an error while reading into an answer of their own: ours takes its place.
            if seen <= limit:
                await send(message)

        try:
            await self.app(scope, counted, unless_too_large)
        except Problem:
            if seen <= limit:
                raise
        if seen > limit:
            await problem_response(too_large)(scope, receive, send)
