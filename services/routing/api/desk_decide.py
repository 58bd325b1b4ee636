"""Decide and write: the form whose parts become the letter, the letter as the customer will see it, the draft."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from shared.base.errors import Problem
from shared.base.security import allow, bearer

from .. import states
from ..desk_words import Words
from ..handlers.flow import Actor
from ..model import Case
from ..peer import Unavailable
from ..store import desk as kept
from ..store import views
from . import desk_case, deskdecision, deskforms
from .base import WORKERS
from .deskbase import Screen, to

KIND = "decide"


async def form(
    screen: Screen,
    request: Request,
    actor: Actor,
    complaint_id: UUID,
    typed: Mapping[str, str] | None,
    refusal: Problem | None = None,
) -> HTMLResponse:
    """The decision's form: with what was typed, else with the draft that was kept."""
    desk, words = screen.desk, screen.words(request)
    case = await desk.case(complaint_id)
    if not states.possible(case.state, "decide"):
        refused = states.refusal(case.state, "decide")
        return await desk_case.show(screen, request, actor, complaint_id, refusal=refused)
    async with desk.spine.db.read() as tx:
        history = await views.history(tx, complaint_id)
        draft = await kept.draft(tx, complaint_id, actor.name, KIND) if typed is None else None
    values = typed if typed is not None else {**draft[0], "version": str(case.version)} if draft else {}
    view = deskdecision.view(case, history, values, words)
    errors = {deskforms.field_of(e["pointer"], values): e["detail"] for e in refusal.errors} if refusal else {}
    message = words.t("wrong") if errors else refusal.detail if refusal else None
    return screen.page(
        request,
        "decide",
        actor,
        refusal.status if refusal else 200,
        message=message,
        errors=errors,
        labels={name: deskdecision.need(name, "", {}, words)["label"] for name in errors},
        draft_at=draft[1] if draft else None,
        proposals=await proposals(screen, request, actor, case, values, words),
        **await sight(screen, request, actor, case, values, words),
        **view,
    )


async def sight(
    screen: Screen, request: Request, actor: Actor, case: Case, values: Mapping[str, str], words: Words
) -> dict[str, Any]:
    """The letter that the form makes now, or what it still needs."""
    if not any(values.get(name) for name in ("i0-finding", "i0-reason", "i0-fact", "examined")):
        return {"letter": None, "needs": [], "unreachable": False, "fresh": True}
    try:
        given = deskforms.body("decide", {**values, "version": ""})
    except Problem as problem:
        fields = [(deskforms.field_of(e["pointer"], values), e["detail"]) for e in problem.errors]
        needs = [deskdecision.need(field, detail, values, words) for field, detail in fields]
        return {"letter": None, "needs": needs, "unreachable": False, "fresh": False}
    wanted = {
        "kind": "final" if case.stage == 2 else "resolution",
        "decision": given.record().model_dump(mode="json", exclude_none=True),  # type: ignore[attr-defined]
        "handler": actor.staff.model_dump(),
        "authority": dict(actor.handler.authority) or None if actor.handler else None,
    }
    try:
        found = await screen.desk.notifier.preview(bearer(request) or "", case.complaint_id, wanted)
    except Unavailable:
        return {"letter": None, "needs": [], "unreachable": True, "fresh": False}
    if found.get("missing"):
        needs = [deskdecision.missing(str(found["missing"]), values, words)]
        return {"letter": None, "needs": needs, "unreachable": False, "fresh": False}
    return {"letter": deskdecision.letter(found, words), "needs": [], "unreachable": False, "fresh": False}


async def proposals(
    screen: Screen, request: Request, actor: Actor, case: Case, values: Mapping[str, str], words: Words
) -> list[dict[str, Any]]:
    """What the remedy rules propose, as buttons that fill the first remedy; none while the notifier is silent."""
    situation = deskdecision.situation(case, actor, values)
    try:
        found = await screen.desk.notifier.proposals(bearer(request) or "", situation)
    except Unavailable:
        return []
    return deskdecision.buttons(found, values, words)


async def preview(screen: Screen, request: Request, actor: Actor, complaint_id: UUID) -> HTMLResponse:
    """The letter beside the form while somebody types; what was typed is kept at the same time."""
    desk, words, values = screen.desk, screen.words(request), await deskforms.fields(request)
    case = await desk.case(complaint_id)
    fields = {name: value for name, value in values.items() if value and name != "version"}
    async with desk.spine.db.transaction() as tx:
        await kept.keep_draft(tx, complaint_id, actor.name, KIND, fields)
    return screen.page(
        request,
        "sight",
        actor,
        proposals=await proposals(screen, request, actor, case, values, words),
        saved=True,
        **await sight(screen, request, actor, case, values, words),
    )


async def decide(screen: Screen, request: Request, actor: Actor, complaint_id: UUID) -> Response:
    """More rows, a look at the letter, or the decision itself."""
    desk, values = screen.desk, await deskforms.fields(request)
    what = values.pop("do", "")
    if what in ("issue", "remedy", "preview"):
        if what != "preview":
            name, least = ("issues", 1) if what == "issue" else ("remedies", 0)
            values[name] = str(deskforms.rows(values, name, least) + 1)
        return await form(screen, request, actor, complaint_id, values)
    try:
        given = deskforms.body("decide", values)
        await screen.work.do(complaint_id, "decide", given, actor, given.version)
    except Problem as refusal:
        return await form(screen, request, actor, complaint_id, values, refusal)
    async with desk.spine.db.transaction() as tx:
        await kept.drop_drafts(tx, complaint_id, KIND)
    return to(f"/desk/cases/{complaint_id}?done=1")


def router(screen: Screen) -> APIRouter:
    """`/desk/cases/{id}/decide` and its preview."""
    routes, desk = APIRouter(prefix="/desk/cases/{complaint_id}", include_in_schema=False), screen.desk

    @routes.get("/decide")
    @allow(*WORKERS)
    async def show_form(request: Request, complaint_id: UUID) -> Response:
        return await form(screen, request, await desk.actor(request), complaint_id, None)

    @routes.post("/decide")
    @allow(*WORKERS)
    async def post_form(request: Request, complaint_id: UUID) -> Response:
        return await decide(screen, request, await desk.actor(request), complaint_id)

    @routes.post("/preview")
    @allow(*WORKERS)
    async def show_preview(request: Request, complaint_id: UUID) -> Response:
        return await preview(screen, request, await desk.actor(request), complaint_id)

    return routes
