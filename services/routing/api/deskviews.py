"""What the desk's lists and its case page show, gathered from the store and put into words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from .. import states
from ..desk_words import CAUSES, Words
from ..handlers.flow import Actor
from ..metrics import TIERS
from ..model import Case, Handler
from ..store import desk, people, views

# Commands whose section has another name than the route that its form posts to.
ROUTES = {"contact": "contacts", "enquiry": "enquiries", "set_cause": "cause"}
OURS = ("reply", "letter_sent", "asked")
THEIRS = (
    "received", "customer_replied", "chased", "reopen_requested", "outcome_accepted", "outcome_disputed",
    "manager_requested", "callback_requested", "withdrawn",
)  # fmt: skip
INSIDE = ("note", "contact", "enquiry", "enquiry_answered")
DANGER = 0  # a danger to life stands above every clock
SOON = timedelta(hours=24)
_MINE = (*states.ON_DESK, *states.PAUSED, "decided", "communicated", "resolved", "final")
_EVERYBODYS = ("contact", "note", "attachments", "call-lead", "reopen")
_MOST_REFUSED = 4


def shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as the lists show them: with the kind of the clock that runs out first."""
    return [{"triggers": [], "vulnerable": False, **row, "clock": _first_clock(row)} for row in rows]


def _first_clock(row: Mapping[str, Any]) -> str | None:
    due = row["due_at"]
    for clock in row.get("clocks") or []:
        if due and clock.get("state") == "running" and datetime.fromisoformat(clock["due_at"]) == due:
            return str(clock["kind"])
    return None


async def lists(tx: AsyncConnection, actor: Actor) -> dict[str, Any]:
    """The home page's lists. My work is sorted by the clock that ends first, as far as it may."""
    mine = shown(await desk.mine(tx, actor.name, _MINE))
    now, far = datetime.now(UTC), datetime.max.replace(tzinfo=UTC)
    due = [row["due_at"] for row in mine if row["due_at"]]
    tiers = _by_tier(await views.waiting_by_tier(tx))
    return {
        "mine": sorted(mine, key=lambda c: (c["rank"] > DANGER, c["due_at"] or far, c["rank"])),
        "over": sum(1 for at in due if at < now),
        "soon": sum(1 for at in due if now <= at < now + SOON),
        "offers": await views.open_offers(tx, actor.name),
        "queued": shown(await desk.waiting(tx, 8)),
        "tiers": tiers,
        "waiting": sum(row["waiting"] for row in tiers),
        "for_lead": shown(await desk.for_lead(tx)) if actor.leads else [],
        "owners": {h.id: h.name for h in await people.everybody(tx)},
    }


def _by_tier(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line a tier, whatever the queue; the highest first."""
    made: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = made.setdefault(row["tier"], {"tier": row["tier"], "waiting": 0, "oldest": row["oldest"]})
        line["waiting"] += row["waiting"]
        line["oldest"] = min(filter(None, (line["oldest"], row["oldest"])), default=None)
    order = {tier: n for n, tier in enumerate(TIERS)}
    return sorted(made.values(), key=lambda line: (order.get(line["tier"], len(order)), line["tier"]))


def case(
    found: Case,
    history: Sequence[Mapping[str, Any]],
    staff: Sequence[Handler],
    queues: Iterable[str],
    actor: Actor,
    words: Words,
) -> dict[str, Any]:
    """What the case page says of a case, apart from what other services tell."""
    owner = found.handler is not None and found.handler.id == actor.name
    names = {h.id: h.name for h in staff} | {"customer": found.name or words.t("customer"), "amends": "Amends"}
    to = [(h.id, f"{h.name} · {h.load}/{h.capacity}") for h in staff if not found.handler or h.id != found.handler.id]
    if states.possible(found.state, "transfer-to-queue"):
        to += [(f"queue:{q}", f"{words.t('to_queue')}: {words.queue(q)}") for q in queues]
    return {
        "case": found,
        "owner": owner,
        "allowed": states.allowed(found.state) if owner or actor.leads else _others_may(found),
        "routes": ROUTES,
        "next_clock": _next_clock(found),
        "talk": [_said(e, names, words) for e in history if e["kind"] in (*OURS, *THEIRS, *INSIDE)],
        "files": _files(history),
        "history": [
            {
                "at": e["at"],
                "words": words.line(e["kind"], _short(e["data"], names)),
                "actor": names.get(e["actor"], e["actor"]),
            }
            for e in reversed(history)
        ],
        "transfer_to": to,
        "causes": [(code, words.cause(code)) for code in CAUSES if code != "unknown"],
        "offer_is_mine": found.offer is not None and found.offer.handler.id == actor.name,
        "in_a_week": (datetime.now(UTC) + timedelta(days=7)).date().isoformat(),
    }


def sent_files(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The customer's own files, as `{id, name, media_type, size, at}`."""
    said = [(e["at"], e["data"].get("files")) for e in history if e["kind"] in ("received", "customer_replied")]
    return [{**file, "at": at} for at, files in said if isinstance(files, list) for file in files]


def _files(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All files of a case in order; `theirs` are the customer's."""
    ours = [
        {**e["data"], "id": e["data"]["attachment_id"], "at": e["at"]} for e in history if e["kind"] == "attachment"
    ]
    theirs = [{**file, "theirs": True} for file in sent_files(history)]
    return sorted([*ours, *theirs], key=lambda file: file["at"])


def _next_clock(found: Case) -> Any:
    running = [c for c in found.clocks if c.state == "running" and c.due_at == found.due_at]
    return running[0] if running else None


def _others_may(found: Case) -> list[str]:
    return [c for c in states.allowed(found.state) if c in _EVERYBODYS]


def not_these(why: Mapping[str, Any], words: Words) -> list[str]:
    """Why not the others, in words: "Not Zhang: away since 14:05". Those who fit too come first."""
    out = []
    for c in why["candidates"]:
        if c["verdict"] == "fits":
            says = words.t("fits_too", load=c["load"], capacity=c["capacity"])
        elif c["verdict"] == "refused":
            says = str(c["words"][words.language])
        else:
            continue
        out.append(words.t("not_name", name=c["name"], why=says))
    return out[:_MOST_REFUSED]


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
        "letter_id": data.get("letter_id") if kind == "letter_sent" else None,
        "letter": words.letter(data["letter"]) if kind == "letter_sent" else None,
    }


def opened(command: str) -> str:
    """The section of the case page that a refused command came from."""
    names = {route: section for section, route in ROUTES.items()}
    return names.get(command, command).replace("-", "_")
