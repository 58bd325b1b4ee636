"""What the desk's pages show, gathered from the store and put into words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from shared.events.common import Cause, Finding, RequestOutcome

from .. import states
from ..desk_words import Words
from ..finding import TooShort
from ..handlers.flow import Actor
from ..model import Case
from ..store import people, views
from . import cases, deskforms
from .base import Desk
from .documents import SEES_EVIDENCE

# Commands whose section has another name than the route that its form posts to.
ROUTES = {"contact": "contacts", "enquiry": "enquiries"}
OURS = ("reply", "letter_sent", "asked")
THEIRS = (
    "received", "customer_replied", "chased", "reopen_requested", "outcome_accepted", "outcome_disputed",
    "manager_requested", "callback_requested", "withdrawn",
)  # fmt: skip
INSIDE = ("note", "contact", "enquiry", "enquiry_answered")
DANGER = 0  # a danger to life stands above every clock
_MINE = (*states.ON_DESK, *states.PAUSED, "decided", "communicated", "resolved", "final")


async def lists(tx: AsyncConnection, actor: Actor, q: str) -> dict[str, Any]:
    """The home page's lists. My work is sorted by the clock that ends first, as far as it may."""
    mine = await views.cases(tx, handler=actor.name, state=_MINE, limit=100)
    far = datetime.max.replace(tzinfo=UTC)
    staff = await people.everybody(tx)
    return {
        "mine": sorted(mine, key=lambda c: (c["rank"] > DANGER, c["due_at"] or far, c["rank"])),
        "offers": await views.open_offers(tx, actor.name),
        "queued": await views.cases(tx, state=states.QUEUED, limit=20),
        "tiers": await views.waiting_by_tier(tx),
        "found": await _found(tx, q) if q else None,
        "for_lead": await views.cases(tx, for_lead=True, limit=50) if actor.leads else [],
        "staff": staff,
        "owners": {h.id: h.name for h in staff},
    }


async def _found(tx: AsyncConnection, q: str) -> list[dict[str, Any]]:
    try:
        return await views.cases(tx, q=q, limit=50)
    except TooShort:
        return []


async def case(desk: Desk, request: Request, actor: Actor, complaint_id: UUID, words: Words) -> dict[str, Any]:
    """Everything on the case page. Reading it is logged."""
    found = await cases.read_case(desk, request, complaint_id)
    async with desk.spine.db.read() as tx:
        history = await views.history(tx, complaint_id)
        staff = await people.everybody(tx)
    owner = found.handler is not None and found.handler.id == actor.name
    names = {h.id: h.name for h in staff} | {"customer": found.name or words.t("customer"), "amends": "Amends"}
    to = [(h.id, h.name) for h in staff if not found.handler or h.id != found.handler.id]
    if states.possible(found.state, "transfer-to-queue"):
        to += [(f"queue:{q}", f"{words.t('to_queue')}: {q}") for q in desk.policy.queues]
    return {
        "case": found,
        "allowed": states.allowed(found.state) if owner or actor.leads else _others_may(found),
        "routes": ROUTES,
        "evidence": found.evidence if owner or actor.role in SEES_EVIDENCE else [],
        "why": await cases.explained(desk, found),
        "talk": [_said(e, names, words) for e in history if e["kind"] in (*OURS, *THEIRS, *INSIDE)],
        "history": [
            {
                "at": e["at"],
                "words": words.line(e["kind"], _short(e["data"], names)),
                "actor": names.get(e["actor"], e["actor"]),
            }
            for e in reversed(history)
        ],
        "transfer_to": to,
        "offer_is_mine": found.offer is not None and found.offer.handler.id == actor.name,
        "in_a_week": (datetime.now(UTC) + timedelta(days=7)).date().isoformat(),
    }


def _others_may(found: Case) -> list[str]:
    everybodys = ("contact", "note", "call-lead", "reopen")
    return [c for c in states.allowed(found.state) if c in everybodys]


def _short(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A line's values: words shortened, people by name; the conversation has the words in full."""
    made: dict[str, Any] = {}
    for key, value in data.items():
        if key in ("handler", "before") and isinstance(value, str):
            value = names.get(value, value)
        made[key] = value[:117] + "…" if isinstance(value, str) and len(value) > 120 else value
    return made


def _said(entry: Mapping[str, Any], names: Mapping[str, str], words: Words) -> dict[str, Any]:
    kind, data = entry["kind"], entry["data"]
    text = data.get("text") or data.get("summary") or data.get("question") or data.get("answer") or ""
    if kind == "received":
        text = "\n".join(p for p in (data.get("text"), data.get("expected"), data.get("wanted")) if p)
    elif not data.get("text"):
        text = words.line(kind, _short(data, names))
    return {
        "at": entry["at"],
        "who": names.get(entry["actor"], entry["actor"]),
        "subject": data.get("subject", ""),
        "text": text,
        "ours": kind not in THEIRS,
        "inside": kind in INSIDE,
    }


def opened(command: str) -> str:
    """The section of the case page that a refused command came from."""
    names = {route: section for section, route in ROUTES.items()}
    return names.get(command, command).replace("-", "_")


def decide_form(
    found: Case, history: Sequence[Mapping[str, Any]], form: Mapping[str, str], words: Words
) -> dict[str, Any]:
    """The decision's form: what was typed, and choices in words."""
    received: dict[str, Any] = next((e["data"] for e in history if e["kind"] == "received"), {})
    prefill = [str(i)[:200] for i in received.get("issues", [])]
    issues = deskforms.rows(form, "issues", max(1, len(prefill)))
    return {
        "case": found,
        "v": form,
        "issues": issues,
        "remedies": deskforms.rows(form, "remedies", 1),
        "prefill": prefill,
        "said": received.get("text"),
        "causes": [(c, f"{c.split('_')[0]} {words.cause(c)}") for c in get_args(Cause)],
        "findings": [(f, words.t(f)) for f in get_args(Finding)],
        "requests": [(r, words.t(_REQUEST_WORDS.get(r, r))) for r in get_args(RequestOutcome)],
        "apologies": [
            ("", words.t("no_apology")),
            ("responsibility", words.t("responsibility")),
            ("regret", words.t("regret")),
        ],
        "classes": [(c, words.t(c)) for c in ("redress", "goodwill", "refund", "correction")],
        "issue_numbers": [(f"i{n + 1}", f"{words.t('issue')} {n + 1}") for n in range(issues)],
    }


_REQUEST_WORDS = {"partly": "partly_granted", "refused": "request_refused"}
