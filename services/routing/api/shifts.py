"""The shift plan as a file: over the API and on the leads' page."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from shared.base.errors import Problem
from shared.base.security import allow

from .. import shiftplan
from ..shiftplan import Wrong
from ..store import people, shifts
from . import deskforms
from .base import STAFFERS, Desk
from .deskbase import Screen

_CSV = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}},
    "responses": {"422": {"description": "Everything that is wrong, by line and column; nothing was applied"}},
}


def refused(wrong: Sequence[Wrong]) -> Problem:
    """The answer to a plan with mistakes: all of them."""
    return Problem(
        422,
        "Unprocessable content",
        f"{len(wrong)} thing(s) are wrong; nothing was applied.",
        errors=[{"pointer": f"/{w.line}/{w.name}", "detail": f"line {w.line}: {w.detail}"} for w in wrong],
        wrong=[{"line": w.line, "column": w.column, "name": w.name, "detail": w.detail} for w in wrong],
    )


async def bring_in(desk: Desk, raw: bytes, *, dry_run: bool) -> list[shifts.Changed]:
    """Apply a plan, or say what it would do. Raises Problem 422 with everything that is wrong."""
    async with desk.spine.db.transaction() as tx:
        plan, changed = await shifts.bring_in(tx, raw, dry_run=dry_run)
    if plan.wrong:
        raise refused(plan.wrong)
    if not dry_run:
        desk.wake()
    return changed


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/v1/shifts", tags=["people"], openapi_extra=_CSV)
    @allow(*STAFFERS)
    async def import_shifts(request: Request, dry_run: bool = False) -> dict[str, Any]:
        """Bring in a shift plan (CSV: handler, days or date, start, end; zone, from, until). It replaces the shifts of
        the handlers that it names. With one mistake nothing is applied, and all mistakes are told."""
        changed = await bring_in(desk, await request.body(), dry_run=dry_run)
        return {"applied": not dry_run, "handlers": [vars(c) for c in changed]}

    pages = Screen(desk)

    async def page(request: Request, status: int = 200, **context: Any) -> Response:
        async with desk.spine.db.read() as tx:
            staff = await people.everybody(tx)
        given = {"wrong": [], "changed": None, "tried": False, "columns": shiftplan.COLUMNS} | context
        return pages.page(request, "shifts", await desk.actor(request), status, staff=staff, **given)

    @routes.get("/desk/shifts", include_in_schema=False)
    @allow("lead", "manager")
    async def form(request: Request) -> Response:
        return await page(request)

    @routes.post("/desk/shifts", include_in_schema=False)
    @allow("lead", "manager")
    async def upload(request: Request) -> Response:
        deskforms.own_site(request)
        async with request.form(max_files=1, max_fields=4, max_part_size=shiftplan.MOST_BYTES) as sent:
            file = sent.get("file")
            raw = await file.read() if isinstance(file, UploadFile) else b""
            dry_run = sent.get("do") != "apply"
        async with desk.spine.db.transaction() as tx:
            plan, changed = await shifts.bring_in(tx, raw, dry_run=dry_run)
        if plan.wrong:
            return await page(request, 422, wrong=plan.wrong)
        if not dry_run:
            desk.wake()
        return await page(request, changed=changed, tried=dry_run)

    return routes
