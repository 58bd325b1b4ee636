"""Mail may be large; nothing else may."""

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.base.web import BodyLimit


class SmallerBodies:
    """The smaller body limit for every path but the `larger` ones."""

    def __init__(self, app: ASGIApp, limit: int, larger: tuple[str, ...]) -> None:
        self._app, self._small, self._larger = app, BodyLimit(app, limit), larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bound = self._app if scope.get("path") in self._larger else self._small
        await bound(scope, receive, send)
