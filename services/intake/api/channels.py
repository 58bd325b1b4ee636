"""Calls of the hotline, and mail."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.intake.requests import CallIn, CallOut, MailOut
from shared.base.errors import Problem
from shared.base.security import allow, caller

from . import Desk
from .bodies import expects, json_body, parse

MAIL_TYPES = ("message/rfc822", "message/global", "application/octet-stream")


def router(desk: Desk) -> APIRouter:
    """`POST /v1/hotline/calls` and `POST /v1/emails`."""
    api = APIRouter(tags=["channels"])

    @api.post("/v1/hotline/calls", response_model=CallOut, status_code=201, openapi_extra=expects(CallIn))
    @allow("channel", "handler", "lead", "service", scope="calls")
    async def call(request: Request) -> Response:
        """One message about a call: 201 for an unknown call, 200 when it was merged into a known one."""
        who = caller(request)
        given = parse(CallIn, await json_body(request))
        tier_counts = who.role == "service" or "tier" in who.scopes
        told, new = await desk.switchboard.heard(given, source=who.name, tier_counts=tier_counts)
        return JSONResponse(told.model_dump(mode="json", exclude_none=True), 201 if new else 200)

    @api.post(
        "/v1/emails",
        response_model=MailOut,
        status_code=201,
        responses={202: {"description": "Kept; the outcome follows", "model": MailOut}},
        openapi_extra={
            "requestBody": {"required": True, "content": {"message/rfc822": {"schema": {"type": "string"}}}}
        },
    )
    @allow("channel", "service", scope="emails")
    async def mail(request: Request) -> Response:
        """One raw mail. 201 with its outcome; 202 when it is kept and its outcome follows. No content is refused."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in MAIL_TYPES:
            raise Problem(415, "Unsupported media type", "Send message/rfc822.")
        told = await desk.mailroom.receive(await request.body(), source=caller(request).name)
        return JSONResponse(told.model_dump(mode="json", exclude_none=True), 202 if told.outcome == "pending" else 201)

    return api
