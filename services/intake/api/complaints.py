"""`POST /v1/complaints`, the hot path, as a plain Starlette route; and later words about a complaint."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.intake import identity, reference, timeline
from services.intake.coalescer import KEY_REUSED
from services.intake.commands import CHASE_DAYS, NEEDS_TEXT, Said, Staffed
from services.intake.entry import Entry, Stored, from_post, kept_body
from services.intake.links import Links
from services.intake.metrics import ACCEPT_SECONDS, CHANNELS, DUPLICATE, REJECTED, UNKNOWN
from services.intake.model import Case
from services.intake.requests import Accepted, ComplaintIn, SayIn, wrong
from services.intake.store import cases, entries
from shared.base.errors import NotFound, Problem
from shared.base.security import Caller, allow, authorize, caller
from shared.base.web import whole_body

from . import Desk
from .bodies import expects, idempotency_key, json_body, must_be_json, parse

log = structlog.get_logger()
# Who may have the link that opens a page in the customer's name: the channel that the customer uses, and our services.
LINK_ROLES = ("channel", "service")
SKEW, OLD = timedelta(minutes=1), timedelta(days=2)


def check_received(post: ComplaintIn) -> None:
    """Refuse a receipt in the future, and one that is more than two days old without a reason."""
    if post.received_at is None:
        return
    now = datetime.now(UTC)
    if post.received_at > now + SKEW:
        raise wrong("/received_at", "lies in the future")
    if post.received_at < now - OLD and not post.received_reason:
        raise wrong("/received_reason", "is needed when received_at is more than two days ago")


def id_of(desk: Desk, source: str, key: str | None) -> UUID:
    """The id of a post: the same for the same key, a new one without."""
    return identity.keyed_id(desk.settings.deployment_id, source, key) if key else identity.uuid7()


def entry_of(
    desk: Desk,
    post: ComplaintIn,
    raw: bytes,
    *,
    source: str,
    key: str | None,
    scopes: frozenset[str],
    id: UUID | None = None,
    files: tuple[Stored, ...] = (),
) -> Entry:
    """The entry of a post. An unknown tier does not count: a complaint is not lost over a label.

    `id` is `id_of` the post, when it has been asked for already: `files` are made with it.
    """
    check_received(post)
    entry = from_post(
        post,
        raw,
        files,
        id=id or id_of(desk, source, key),
        reference=reference.new(),
        source=source,
        scopes=scopes,
        region=desk.settings.phone_region,
    )
    if entry.tier not in desk.settings.tiers:
        entry.tier = None
    if entry.received_at and entry.received_at > datetime.now(UTC):
        entry.received_at = None
    return entry


def route(desk: Desk) -> Route:
    """The hot route: read, validate, queue, answer."""
    took = {channel: ACCEPT_SECONDS.labels(channel) for channel in CHANNELS}

    @allow("channel", "handler", "lead", "manager", "service", scope="complaints")
    async def receive(request: Request) -> Response:
        started = time.perf_counter()
        await authorize(request, receive)
        channel = UNKNOWN
        try:
            who = caller(request)
            key = idempotency_key(request)
            must_be_json(request)
            raw = await whole_body(request)
            post = parse(ComplaintIn, raw)
            channel = post.channel
            id = id_of(desk, who.name, key)
            files = await desk.cleaning.of_post(post.attachments, id) if post.attachments else ()
            entry = entry_of(desk, post, raw, source=who.name, key=key, scopes=_scopes(who), id=id, files=files)
            answer = await desk.coalescer.put(entry)
        except Problem as refusal:
            REJECTED.labels(channel, _reason(refusal)).inc()
            raise
        took[entry.channel].observe(time.perf_counter() - started)
        body = {
            "complaint_id": str(entry.id),
            "reference": answer.reference,
            "status": "received",
        }
        if who.role in LINK_ROLES:
            body["tracking_url"] = answer.tracking_url
        if answer.anonymous:
            body["pin"] = desk.links.pin(entry.id)
        headers = None
        if answer.replayed:
            DUPLICATE.labels(entry.channel).inc()
            headers = {"Idempotent-Replayed": "true"}
        return Response(to_json(body), 201, headers, "application/json")

    return Route("/v1/complaints", receive, methods=["POST"])


def _reason(refusal: Problem) -> str:
    if refusal.title == KEY_REUSED:
        return "key_reused"
    return {413: "too_large", 415: "malformed", 400: "malformed", 503: "busy"}.get(refusal.status, "invalid")


def _scopes(who: Caller) -> frozenset[str]:
    return who.scopes | {"tier"} if who.role in ("lead", "manager", "service") else who.scopes


def description() -> dict[str, Any]:
    """What OpenAPI says of the hot route."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 255},
        "description": "The same key and body are answered alike for ever; another body under the same key is refused.",
    }
    expects(Accepted)
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}}
    refusals = {"400": "No JSON", "401": "No valid token", "403": "Not with this token", "413": "Too large",
                "415": "Not application/json", "422": "A field is wrong, or the key was used with another body",
                "503": "Full or not able to store; try again after Retry-After"}  # fmt: skip
    operation = {
        "summary": "Take in a complaint, question, praise or suggestion",
        "operationId": "receive_complaint",
        "parameters": [key],
        **expects(ComplaintIn),
        "responses": {
            "201": {"description": "Kept. `Idempotent-Replayed: true` when it was kept before.", "content": answer},
            **{status: {"description": text} for status, text in refusals.items()},
        },
    }
    return {"/v1/complaints": {"post": operation}}


def router(desk: Desk) -> APIRouter:
    """Reading a complaint, and saying more about it."""
    api = APIRouter(tags=["complaints"])
    word_roles = allow("channel", "handler", "lead", "manager", "service", scope="complaints")

    async def say(request: Request, complaint_id: UUID, word: str) -> Response:
        who, key = caller(request), idempotency_key(request)
        raw = await request.body()
        given = parse(SayIn, await json_body(request)) if raw.strip() else SayIn()
        if word in NEEDS_TEXT and not (given.text and given.text.strip()) and not given.attachments:
            raise wrong("/text", "a message needs words or a file")
        by_staff = word == "withdraw" and who.role in ("handler", "lead", "manager")
        case = await _theirs(desk, complaint_id, who)
        id = desk.conversation.id_for(who.name, key)
        sent = await desk.cleaning.of_post(given.attachments, id)
        said = Said(
            id=id,
            channel=given.channel,
            text=given.text or "",
            promised_at=given.promised_at,
            attachments=tuple(f.reference() for f in sent),
            file_names={f.id: f.name for f in sent},
            staff=staffed(desk, case, who) if by_staff else None,
            reopen_within=await desk.reopen_within(case) if who.role == "channel" else None,
        )
        body = kept_body(raw, sent) if raw.strip() else "{}"
        replayed = await desk.conversation.say(complaint_id, word, said, source=who.name, body=body, files=sent)
        answer = {"message_id": str(id), "complaint_id": str(complaint_id), "status": "received"}
        headers = {"Idempotent-Replayed": "true"} if replayed else None
        if by_staff:  # it takes effect when the customer says so, on the page behind the link of our letter
            return JSONResponse({**answer, "status": "awaiting_confirmation"}, 202, headers=headers)
        return JSONResponse(answer, 201, headers=headers)

    for path, summary in (
        ("messages", "Say more: an answer, a correction, a file"),
        ("withdraw", "Take the complaint back; from staff it waits for the customer's confirmation (202)"),
        ("revoke-links", "End every tracking link that was given out"),
        ("accept", "Accept the outcome"),
        ("dispute", "Do not accept the outcome: another person looks at it"),
        ("ask-for-manager", "Ask to speak with a manager"),
        ("call-me", "Ask for a call"),
        ("reopen", "It is not solved after all"),
    ):
        endpoint = _endpoint(path, say)
        api.post(
            f"/v1/complaints/{{complaint_id}}/{path}", status_code=201, summary=summary, openapi_extra=expects(SayIn)
        )(word_roles(endpoint))

    @api.get("/v1/complaints/{complaint_id}")
    @allow("channel", "handler", "lead", "manager", "auditor", "quality", "ops", "service", scope="complaints")
    async def get_complaint(request: Request, complaint_id: UUID) -> dict[str, Any]:
        """Where the complaint stands; `promised` is empty until the first dates have come."""
        who = caller(request)
        case = await _theirs(desk, complaint_id, who)
        async with desk.work.db.read() as tx:
            letters = await cases.letters_of(tx, complaint_id)
        return shown(case, letters, desk.links if who.role in LINK_ROLES else None)

    @api.get("/v1/complaints/{complaint_id}/text")
    @allow("handler", "lead", "manager", "auditor", "quality", "service")
    async def get_text(request: Request, complaint_id: UUID) -> Response:
        """What was sent when the complaint came in, whole."""
        await _theirs(desk, complaint_id, caller(request))
        async with desk.work.db.read() as tx:
            body = await cases.body_of(tx, complaint_id)
        return Response(body or "{}", media_type="application/json")

    @api.get("/v1/complaints/{complaint_id}/attachments/{attachment_id}")
    @allow("handler", "lead", "manager", "auditor", "quality", "service")
    async def get_attachment(request: Request, complaint_id: UUID, attachment_id: UUID) -> Response:
        """One file, always as a download: nothing that a customer sent is shown as a page of ours."""
        await _theirs(desk, complaint_id, caller(request))
        async with desk.work.db.read() as tx:
            found = await entries.attachment(tx, complaint_id, attachment_id)
        if found is None:
            raise NotFound("attachment")
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(found[2], media_type=found[1], headers=headers)

    return api


def staffed(desk: Desk, case: Case, who: Caller) -> Staffed:
    """Who writes down what a customer is said to want, and the page on which the customer says whether it is so."""
    assert case.origin
    return Staffed(who.name, desk.links.url(case.origin.reference, datetime.now(UTC), case.link_edition))


def _endpoint(word: str, say: Any) -> Any:
    async def endpoint(request: Request, complaint_id: UUID) -> Response:
        answer: Response = await say(request, complaint_id, word)
        return answer

    endpoint.__name__ = word.replace("-", "_")
    return endpoint


async def _theirs(desk: Desk, complaint_id: UUID, who: Caller) -> Case:
    """The complaint, if this caller may see it: a channel sees its own."""
    async with desk.work.db.read() as tx:
        case = (await desk.work.store.load(tx, [complaint_id]))[complaint_id]
    if case.origin is None or (who.role == "channel" and case.origin.source != who.name):
        raise NotFound("complaint")
    log.info("complaint read", complaint_id=str(complaint_id), by=who.name, role=who.role)
    return case


def shown(case: Case, letters: list[Any], links: Links | None) -> dict[str, Any]:
    """A complaint as the API shows it. `links` only for who may have the customer's own."""
    origin = case.origin
    assert origin
    handler = case.handler
    return {
        "complaint_id": case.complaint_id,
        "reference": origin.reference,
        "kind": origin.kind,
        "channel": origin.channel,
        "status": case.stage,
        "status_text": dict(zip(("zh", "en"), timeline.STAGES[case.stage], strict=True)),
        "open": case.open,
        "received_at": origin.received_at,
        **({"tracking_url": links.url(origin.reference, datetime.now(UTC), case.link_edition)} if links else {}),
        "handler": {"name": handler.name, "role_title": handler.role_title, "contact": handler.contact}
        if handler
        else None,
        "promised": [{"kind": c.kind, "due_at": c.due_at} for c in case.promised()],
        "chases_7d": sum(1 for at in case.chased_at if datetime.now(UTC) - at < CHASE_DAYS),
        "awaiting_withdrawal": case.withdrawal_asked,
        "asked": {"text": case.asked, "answer_by": case.answer_by} if case.asked is not None else None,
        "letters": [
            {
                "letter_id": x.letter_id,
                "kind": x.kind,
                "language": x.language,
                "sent_at": x.sent_at,
                "subject": x.subject,
            }
            for x in letters
        ],
        "history": [{"at": e.at, "what": e.what} for e in case.timeline],
        "overall": case.overall if case.stage not in ("decided",) else None,
    }
