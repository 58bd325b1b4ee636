"""Many cases at once on the desk: what the lists' boxes and the bar below them send, as the API's bulk action."""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.base.answers import invalid
from shared.base.errors import Problem
from shared.base.security import allow

from ..desk_words import Words
from ..handlers.flow import Actor, wrong
from ..store import views
from . import deskforms
from .base import WORKERS
from .bulk import Bulk, BulkIn
from .deskbase import Screen, to

# What the bar offers: the API's command, its label, what the person types for it, and whether it is a lead's alone.
OFFERED: tuple[tuple[str, str, str, bool], ...] = (
    ("transfer", "many_transfer", "reason", False),
    ("take-over", "many_take_over", "reason", True),
    ("pull-back", "many_pull_back", "reason", True),
    ("note", "many_note", "text", False),
    ("reply", "many_reply", "text", False),
    ("contacts", "many_contacts", "summary", False),
    ("call-lead", "many_call_lead", "reason", False),
    ("resolve", "many_resolve", "", False),
    ("close", "many_close", "", False),
)
_TYPED = {command: field for command, _, field, _ in OFFERED}
_SHOWN = 10  # refusals that are told one by one
PATHS = {"team": "/desk/team", "home": "/desk"}


@dataclass(frozen=True, slots=True)
class Bar:
    """What the form of the bar needs: commands as (name, label), and to whom cases may go."""

    commands: Sequence[tuple[str, str]]
    to: Sequence[tuple[str, str]]
    key: str  # sent twice, it is done once
    back: str


class Page(Protocol):
    """A page with lists, shown again with what went wrong."""

    def __call__(
        self, screen: Screen, request: Request, *, message: str, lines: Sequence[str], status: int
    ) -> Awaitable[Response]: ...


def bar(actor: Actor, staff: Mapping[str, str], queues: Iterable[str], words: Words, back: str) -> Bar:
    """The bar for this person. `staff`: id → name; `back`: the page it stands on."""
    commands = [(name, words.t(label)) for name, label, _, leads in OFFERED if actor.leads or not leads]
    people = sorted(((i, name) for i, name in staff.items()), key=lambda pair: pair[1])
    where = [(f"queue:{q}", f"{words.t('to_queue')}: {words.queue(q)}") for q in queues]
    return Bar(commands, [*people, *where], str(uuid4()), back)


def done(request: Request, words: Words) -> str | None:
    """What a page says after everything was done."""
    many = request.query_params.get("many", "")
    return words.t("many_done", done=int(many[:4])) if many.isdecimal() else None


def around(
    screen: Screen, request: Request, actor: Actor, staff: Mapping[str, str], back: str, message: str | None,
    lines: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """What a page with the bar shows besides its lists. `message`: what was refused, `lines`: in detail."""
    words = screen.words(request)
    return {
        "message": message or done(request, words),
        "trouble": message is not None,
        "lines": lines,
        "bar": bar(actor, staff, screen.desk.policy.queues, words, back),
    }


def asked(pairs: Sequence[tuple[str, str]]) -> BulkIn:
    """The bulk action that a form means. Raises Problem 422."""
    form = dict(pairs)
    chosen = dict.fromkeys(value for name, value in pairs if name == "case" and value)
    if not chosen:
        raise wrong("/cases", "No case is chosen.")
    command = form.get("command", "")
    if command not in _TYPED:
        raise wrong("/command", "There is no such command.")
    try:
        return BulkIn.model_validate(
            {
                "command": command, "cases": [_one(value) for value in chosen], "body": _body(command, form),
                "mode": "all" if form.get("mode") == "all" else "each",
            }
        )  # fmt: skip
    except ValidationError as problem:
        raise invalid(problem) from None


def _one(value: str) -> dict[str, Any]:
    case, _, version = value.partition(":")
    return {"complaint_id": case, "version": version or None}


def _body(command: str, form: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if typed := _TYPED[command]:
        body[typed] = form.get("text", "")
    if command == "transfer":
        kind, _, queue = form.get("to", "").partition(":")
        body |= {"queue": queue} if kind == "queue" else {"to": form.get("to", "")}
    if command == "contacts":
        body |= {"direction": "out", "outcome": form.get("outcome") or "reached"}
    return body


async def carry_out(screen: Screen, request: Request, actor: Actor, pages: Mapping[str, Page]) -> Response:
    """Do it, and say how it went: back to the list when everything was done, else the list with what was refused."""
    words, pairs = screen.words(request), await deskforms.pairs(request)
    form = dict(pairs)
    back = form.get("back", "") if actor.leads and form.get("back") in PATHS else "home"
    wanted: BulkIn | None = None
    try:
        wanted = asked(pairs)
        answer = await Bulk(screen.desk).run(wanted, actor, form.get("key") or None, Response())
    except Problem as refusal:
        stand = [(_named(e["pointer"], wanted), str(e["detail"])) for e in refusal.errors]
        lines = await _lines(screen, stand)
        title = refusal.detail or refusal.title
        return await pages[back](screen, request, message=title, lines=lines, status=refusal.status)
    if not answer["refused"]:
        return to(f"{PATHS[back]}?many={answer['done']}")
    told = words.t("many_some", done=answer["done"], refused=answer["refused"])
    refused = [r for r in answer["results"] if r["outcome"] == "refused"]
    lines = await _lines(screen, [(UUID(r["complaint_id"]), _why(r["problem"], words)) for r in refused])
    return await pages[back](screen, request, message=told, lines=lines, status=200)


def _named(pointer: str, wanted: BulkIn | None) -> UUID | None:
    """The case that a pointer into the bulk action means."""
    n = pointer.removeprefix("/cases/")
    return wanted.cases[int(n)].complaint_id if wanted and n.isdecimal() and int(n) < len(wanted.cases) else None


def _why(problem: Mapping[str, Any], words: Words) -> str:
    return words.t("changed_meanwhile") if "version" in problem else str(problem.get("detail") or problem["title"])


async def _lines(screen: Screen, refused: Sequence[tuple[UUID | None, str]]) -> list[str]:
    """Each refusal with the reference of its case."""
    shown = refused[:_SHOWN]
    async with screen.desk.spine.db.read() as tx:
        references = await views.references(tx, [case for case, _ in shown if case])
    return [f"{references.get(case, case)}: {why}" if case else why for case, why in shown]


def router(screen: Screen, pages: Mapping[str, Page]) -> APIRouter:
    """The one route; what it does is what `POST /v1/cases/bulk` does. `pages`: by the names in PATHS."""
    routes = APIRouter(prefix="/desk", include_in_schema=False)

    @routes.post("/bulk")
    @allow(*WORKERS)
    async def bulk(request: Request) -> Response:
        return await carry_out(screen, request, await screen.desk.actor(request), pages)

    return routes
