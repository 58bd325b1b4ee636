"""What the role quality may know: which customers of closed cases were mystery customers."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from shared.base.security import allow

from ..store import views
from .base import Desk


def router(desk: Desk) -> APIRouter:
    """The route for quality."""
    routes = APIRouter(prefix="/v1", tags=["quality"])

    @routes.get("/mystery")
    @allow("quality")
    async def mystery_customers(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[dict[str, Any]]:
        """Closed cases of mystery customers, the latest first. While such a case is open nobody is told."""
        async with desk.spine.db.read() as tx:
            return await views.mystery(tx, limit)

    return routes
