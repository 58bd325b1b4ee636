"""What quality sees: mystery customers once their cases are closed, and whether one contact is enough."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.base.security import allow, public

from ..store import matters, people, views
from .deskbase import Screen

MOST = 100
DAYS = 90


@allow("quality")
async def quality_only() -> None:
    """Carries who may know a mystery customer; `authorize` reads it."""


async def show(screen: Screen, request: Request) -> Response:
    """Closed cases of mystery customers, the latest first, and how long each took."""
    desk, now = screen.desk, datetime.now(UTC)
    async with desk.spine.db.read() as tx:
        rows = [_row(row) for row in await views.mystery(tx, MOST)]
        first = await matters.first_contacts(tx, now - timedelta(days=DAYS), now)
        staff = await people.everybody(tx)
    took = sorted(row["took"] for row in rows)
    return screen.page(
        request,
        "quality",
        await desk.actor(request),
        rows=rows,
        took=took[len(took) // 2] if took else None,
        first=first,
        share=matters.share(first),
        owners={h.id: h.name for h in staff},
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    closed = datetime.fromisoformat(row["closed_at"])
    return {**row, "closed_at": closed, "took": (closed - row["received_at"]).total_seconds()}


def router(screen: Screen) -> APIRouter:
    """`/desk/quality`."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)

    @routes.get("/quality")
    @public
    async def show_quality(request: Request) -> Response:
        actor = await screen.actor(request, quality_only)
        return await show(screen, request) if actor else screen.sign_in(request, status=403)

    return routes
