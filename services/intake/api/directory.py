"""The customer directory, and the account of what was seen and kept."""

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.intake import identity
from services.intake.directory import MOST_LINES, Line
from services.intake.identity import Contact
from services.intake.requests import DirectoryIn, DirectoryLine, wrong
from services.intake.store import probes, reconciliation
from shared.base.errors import Problem
from shared.base.security import allow

from . import Desk
from .bodies import expects, json_body, parse

LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
REPORTED = 1000


def router(desk: Desk) -> APIRouter:
    """Customers by external id, by contact and in bulk; reconciliation."""
    api = APIRouter(tags=["directory"])

    @api.put("/v1/customers/{external_id}", openapi_extra=expects(DirectoryIn))
    @allow("channel", "lead", "manager", "ops", "service", scope="customers")
    async def put(request: Request, external_id: str) -> dict[str, Any]:
        """Write one customer. A change of tier or contact reaches their open complaints."""
        name = unquote(external_id)
        if not (1 <= len(name) <= 100 and name.isprintable()):
            raise Problem(422, "Unprocessable content", "The external id must be 1 to 100 printable characters.")
        given = parse(DirectoryIn, await json_body(request))
        return {"customer_id": await desk.directory.put(name, given), "external_id": name}

    @api.post("/v1/customers", openapi_extra=expects(DirectoryLine, "application/x-ndjson"))
    @allow("channel", "lead", "manager", "ops", "service", scope="customers")
    async def bulk(request: Request) -> Response:
        """Many customers, one JSON object a line, the last word about one counts. A wrong line is reported with its
        number (the first 1,000 are) and the others are kept; after a 5xx send all again."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in LINE_TYPES:
            raise Problem(415, "Unsupported media type", "Send application/x-ndjson.")
        kept, refused, lines = 0, [], []
        for number, text in enumerate((await request.body()).split(b"\n"), start=1):
            if not text.strip():
                continue
            try:
                given = parse(DirectoryLine, text)
                lines.append(Line(given.external_id, given, desk.directory.contacts(given.external_id, given)))
            except Problem as problem:
                refused.append({"line": number, "detail": problem.detail, "errors": problem.errors})
            if len(lines) == MOST_LINES:
                kept += len(await desk.directory.put_all(lines))
                lines = []
        kept += len(await desk.directory.put_all(lines))
        answer = {"kept": kept, "refused": len(refused), "errors": refused[:REPORTED]}
        return JSONResponse(answer, 200 if kept or not refused else 422)

    @api.get("/v1/customers")
    @allow("channel", "handler", "lead", "manager", "ops", "service", scope="customers")
    async def find(phone: str | None = None, email: str | None = None) -> list[dict[str, Any]]:
        """The customers with this phone or e-mail; exactly one of the two."""
        if (phone is None) == (email is None):
            raise Problem(422, "Unprocessable content", "Give phone or email.")
        if phone is not None:
            # A plus sign in a query string means a space.
            value = identity.phone(phone, desk.settings.phone_region) or identity.phone(
                "+" + phone.strip(), desk.settings.phone_region
            )
            contact = Contact("phone", value) if value else None
        else:
            value = identity.email(email)
            contact = Contact("email", value) if value else None
        if contact is None:
            raise wrong("/phone" if email is None else "/email", "cannot be read")
        return await desk.directory.find(contact)

    @api.get("/v1/probes")
    @allow("quality", "auditor")
    async def revealed(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[dict[str, Any]]:
        """Pipeline probes, and mystery customers whose complaint has ended."""
        async with desk.work.db.read() as tx:
            return await probes.revealed(tx, limit)

    @api.get("/v1/reconciliation")
    @allow("channel", "lead", "manager", "auditor", "quality", "ops", "service")
    async def reconcile() -> dict[str, Any]:
        """Per source: seen = accepted + duplicate + not_complaint + quarantined + gap."""
        async with desk.work.db.read() as tx:
            found = await reconciliation.balances(tx)
        return {
            "sources": [reconciliation.shown(balance) for balance in found],
            "total": reconciliation.shown(reconciliation.total(found)),
        }

    return api
