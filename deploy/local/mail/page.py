"""The catcher's page and JSON interface.

GET    /api/messages?after=ID&limit=N&brief=1   oldest first; brief leaves text, html and raw out
GET    /api/messages/ID
DELETE /api/messages
GET    /                                        the page: list; /messages/ID one mail; /messages/ID/raw
"""

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.mail.store import Caught, Store

SHOWN = 200
# Nothing that a letter contains may run or load anything.
SAFE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src data:"}
_pages = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
_parser = BytesParser(policy=policy.default)


def application(store: Store) -> Starlette:
    """The web application over `store`; it answers to loopback names only."""

    def messages(request: Request) -> Response:
        after, limit = _number(request, "after", 0), _number(request, "limit", -1)
        brief = request.query_params.get("brief") in ("1", "true")
        return JSONResponse([describe(mail, brief=brief) for mail in store.read(after=after, limit=limit)])

    def clear(_: Request) -> Response:
        store.clear()
        return Response(status_code=204)

    def message(request: Request) -> Response:
        mail = store.one(request.path_params["number"])
        return JSONResponse(describe(mail)) if mail else _none()

    def listing(_: Request) -> Response:
        mails = [describe(mail, brief=True) for mail in store.read(limit=SHOWN, newest_first=True)]
        return _page("list.html", mails=mails, count=store.count(), shown=SHOWN)

    def view(request: Request) -> Response:
        mail = store.one(request.path_params["number"])
        return _page("mail.html", mail=describe(mail)) if mail else _none()

    def raw(request: Request) -> Response:
        mail = store.one(request.path_params["number"])
        text = {"X-Content-Type-Options": "nosniff"}
        return Response(mail.raw, media_type="text/plain; charset=utf-8", headers=text) if mail else _none()

    return Starlette(
        routes=[
            Route("/", listing),
            Route("/messages/{number:int}", view),
            Route("/messages/{number:int}/raw", raw),
            Route("/api/messages", messages, methods=["GET"]),
            Route("/api/messages", clear, methods=["DELETE"]),
            Route("/api/messages/{number:int}", message),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def describe(mail: Caught, *, brief: bool = False) -> dict[str, Any]:
    """A mail for programs: id, received_at (RFC 3339, UTC), from and to of the envelope, subject, message_id, headers
    (name → value; of a repeated one, all values on lines of their own); unless `brief`, text, html and raw."""
    parsed = _parser.parsebytes(mail.raw, headersonly=brief)
    headers: dict[str, str] = {}
    for name, value in _headers(parsed):
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    described: dict[str, Any] = {
        "id": mail.id,
        "received_at": datetime.fromtimestamp(mail.received_at, UTC).isoformat(timespec="microseconds"),
        "from": mail.sender,
        "to": list(mail.recipients),
        "subject": headers.get("Subject", ""),
        "message_id": headers.get("Message-ID", ""),
        "headers": headers,
    }
    if not brief:
        described |= {
            "text": _body(parsed, "plain"),
            "html": _body(parsed, "html"),
            "raw": mail.raw.decode("utf-8", "replace"),
        }
    return described


def _headers(parsed: EmailMessage) -> list[tuple[str, str]]:
    try:
        return [(name, str(value)) for name, value in parsed.items()]
    except Exception:  # the standard parser raises many kinds on broken headers; the catcher shows every mail
        return [(name, str(value)) for name, value in parsed.raw_items()]


def _body(parsed: EmailMessage, kind: str) -> str:
    try:
        part = parsed.get_body((kind,))
        return str(part.get_content()) if part is not None else ""
    except Exception as error:  # as above: an unknown charset, a broken transfer encoding
        return f"[this part cannot be decoded: {type(error).__name__}]"


def _page(template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(template).render(**values), headers=SAFE)


def _none() -> Response:
    return PlainTextResponse("There is no such mail.\n", status_code=404)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() else default
