"""From the desk's forms to the same bodies that the API takes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request

from shared.base.answers import invalid
from shared.base.errors import Problem

from ..model import Presence
from . import bodies, case_bodies
from .fields import Command

MOST_ROWS = 20
PRESENCES: dict[str, Presence] = {
    "available": "available", "on_call": "on_call", "wrap_up": "wrap_up", "break": "break", "away": "away",
}  # fmt: skip
BODIES: dict[str, type[Command]] = {
    "contacts": case_bodies.ContactIn,
    "reply": case_bodies.TextIn,
    "ask": case_bodies.AskIn,
    "enquiries": case_bodies.EnquiryIn,
    "note": case_bodies.TextIn,
    "call-lead": case_bodies.ReasonIn,
    "conflict": case_bodies.ConflictIn,
    "take-over": case_bodies.ReasonIn,
    "pull-back": case_bodies.ReasonIn,
    "transfer": case_bodies.TransferIn,
    "cause": case_bodies.CauseIn,
    "resolve": case_bodies.ResolveIn,
    "reopen": case_bodies.ReasonIn,
    "external": case_bodies.ReferIn,
    "close": Command,
    "remedy-done": case_bodies.RemedyDoneIn,
    "decide": bodies.DecideIn,
}
Fields = Mapping[str, str]


def own_site(request: Request) -> None:
    """Refuse what another site's page sends. Raises Problem 403."""
    origin = request.headers.get("origin")
    if origin not in (None, "null") and origin.split("//", 1)[-1] != request.headers.get("host"):
        raise Problem(403, "Forbidden", "This form was not sent by our own page.")


async def fields(request: Request) -> dict[str, str]:
    """A form's fields by name. Raises as `pairs` does."""
    return dict(await pairs(request))


async def pairs(request: Request) -> list[tuple[str, str]]:
    """A form's fields in order. Raises Problem 403 for another site's form, 415 or 400 for what is none of ours."""
    own_site(request)
    raw = (await request.body()).decode("utf-8", "replace")
    if raw and not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Problem(415, "Unsupported media type", "Send the form.")
    try:
        found = parse_qsl(raw, keep_blank_values=True, max_num_fields=600)
    except ValueError:
        raise Problem(400, "Bad request", "Too many fields.") from None
    return [(name, value.replace("\x00", "").replace("\r\n", "\n").strip()) for name, value in found]


def body(command: str, form: Fields) -> Command:
    """The command's body. Raises Problem 422 with the fields that are wrong."""
    given: dict[str, Any] = {k: v for k, v in form.items() if v != ""}
    if command == "decide":
        given = decision(form)
    if command == "cause":
        given["examined"] = _lines(form.get("examined", ""))
    if command == "transfer" and given.get("to", "").startswith("queue:"):
        given["queue"] = given.pop("to").removeprefix("queue:")
    for name in ("answer_by", "due"):
        if name in given:
            given[name] = _end_of_day(given[name])
    try:
        return BODIES[command].model_validate(given)
    except ValidationError as problem:
        raise invalid(problem) from None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _end_of_day(day: str) -> str:
    try:
        return datetime.combine(date.fromisoformat(day), time(23, 59), UTC).isoformat()
    except ValueError:
        return day  # the body's own check names the field


def moment(given: str | None) -> datetime | None:
    """A time of another service's answer; None for what is none."""
    try:
        return datetime.fromisoformat(given) if given else None
    except ValueError:
        return None


def rows(form: Fields, name: str, least: int) -> int:
    """How many issues or remedies the form shows."""
    count = form.get(name, "")
    return max(least, min(MOST_ROWS, int(count))) if count.isdecimal() else least


def decision(form: Fields) -> dict[str, Any]:
    """The decision's body from the form's numbered fields; rows that were left empty do not count."""
    calls = {k: form.get(f"c-{k}", "") for k in ("action", "channel", "contact", "by", "bring")}
    return {
        "version": form.get("version") or None,
        "examined": _lines(form.get("examined", "")),
        "cause": form.get("cause", ""),
        "improvement": form.get("improvement") or None,
        "issues": [_issue(form, n) for n in range(rows(form, "issues", 1)) if form.get(f"i{n}-what")],
        "remedies": [_remedy(form, n) for n in range(rows(form, "remedies", 0)) if form.get(f"r{n}-type")],
        "calls_to_action": [{k: v for k, v in calls.items() if v}] if calls["action"] else [],
    }


_FIELDS = {"facts": "fact", "apology": "apology", "class_": "class"}
_FACT, _APOLOGY = {"text": "fact", "source": "source", "date": "date"}, {"kind": "apology", "for": "for"}


def field_of(pointer: str, form: Fields) -> str:
    """The form's field that a pointer into the decision's body means; empty when there is none."""
    where = pointer.strip("/").split("/")
    if where[0] == "issues":
        used = [n for n in range(rows(form, "issues", 1)) if form.get(f"i{n}-what")]
        row = used[int(where[1])] if len(where) > 1 and where[1].isdecimal() and int(where[1]) < len(used) else 0
        inside = _FACT if "facts" in where else _APOLOGY if "apology" in where else {}
        last = where[-1] if len(where) > 2 else "what"
        return f"i{row}-{inside.get(last, _FIELDS.get(last, last))}"
    if where[0] == "remedies":
        used = [n for n in range(rows(form, "remedies", 0)) if form.get(f"r{n}-type")]
        row = used[int(where[1])] if len(where) > 1 and where[1].isdecimal() and int(where[1]) < len(used) else 0
        last = where[-1] if len(where) > 2 else "currency"  # a rule about the whole row: an amount needs its currency
        return f"r{row}-{_FIELDS.get(last, last)}"
    if where[0] == "calls_to_action":
        return f"c-{where[-1]}"
    return where[0]


def _issue(form: Fields, n: int) -> dict[str, Any]:
    def at(name: str) -> str:
        return form.get(f"i{n}-{name}", "")

    made: dict[str, Any] = {
        "id": f"i{n + 1}",
        "what": at("what"),
        "finding": at("finding"),
        "request": at("request"),
        "reason": at("reason"),
    }
    if at("fact"):
        made["facts"] = [{"text": at("fact"), "source": at("source"), "date": at("date")}]
    if at("apology"):
        made["apology"] = {"kind": at("apology"), "for": at("for")}
    return made


def _remedy(form: Fields, n: int) -> dict[str, Any]:
    names = ("type", "class", "amount", "currency", "item", "by", "actor", "issue")
    return {k: form[f"r{n}-{k}"] for k in names if form.get(f"r{n}-{k}")}
