"""Mail that began nothing, for the people who look at a sample of it each day."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.base.security import allow, caller

from . import Desk

log = structlog.get_logger()
Outcome = Literal["quarantined", "spam", "auto_reply", "bounce"]


def router(desk: Desk) -> APIRouter:
    """`GET /v1/mails`, `GET /v1/mails/{raw_id}`, `POST /v1/mails/{raw_id}/rescue`."""
    api = APIRouter(tags=["mail"])

    @api.get("/v1/mails")
    @allow("lead", "manager", "auditor", "quality", "ops")
    async def sample(
        request: Request,
        outcome: Outcome = "spam",
        day: Annotated[date | None, Query(description="A day in UTC; without one the newest mails")] = None,
        size: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> dict[str, Any]:
        """A sample of the mails with an outcome: chosen by chance, the same for everybody who asks for the same day."""
        log.info("mails looked at", outcome=outcome, by=caller(request).name, role=caller(request).role)
        return {"days": await desk.review.counts(), "mails": await desk.review.sample(outcome, day, size)}

    @api.get("/v1/mails/{raw_id}")
    @allow("lead", "manager", "auditor", "quality", "ops")
    async def show(request: Request, raw_id: UUID) -> dict[str, Any]:
        """One mail: what became of it and why, who wrote, and its beginning."""
        log.info("mail looked at", raw_id=str(raw_id), by=caller(request).name, role=caller(request).role)
        return await desk.review.show(raw_id)

    @api.post("/v1/mails/{raw_id}/rescue", status_code=202)
    @allow("lead", "manager", "quality", "ops")
    async def rescue(request: Request, raw_id: UUID) -> Response:
        """It was misjudged: a person wrote this. It is decided anew, with the time at which it was received."""
        await desk.review.rescue(raw_id, by=caller(request).name)
        log.info("mail rescued", raw_id=str(raw_id), by=caller(request).name)
        return JSONResponse({"raw_id": str(raw_id), "outcome": "pending"}, 202)

    return api
