"""The decision's form in words: its choices, what it still needs, the letter in parts, proposals as buttons."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

from shared.events.common import Cause, Finding, RequestOutcome

from ..desk_words import Words
from ..handlers.flow import Actor
from ..model import Case
from . import deskforms

_REQUEST_WORDS = {"partly": "partly_granted", "refused": "request_refused"}
_LABELS = {
    "what": "issue_what", "finding": "finding", "request": "request", "fact": "fact", "source": "fact_source",
    "date": "date", "reason": "reason_why", "apology": "apology", "for": "apology_for", "type": "remedy_type",
    "class": "class", "amount": "amount", "currency": "currency", "item": "item", "by": "by", "actor": "actor",
    "issue": "issue", "examined": "examined", "cause": "cause", "improvement": "improvement", "action": "action",
    "channel": "channel", "contact": "contact_point", "bring": "bring",
}  # fmt: skip
_CURRENCY = {"zh": "CNY", "en": "GBP"}
_REMEDY_DAYS = 10


def view(found: Case, history: Sequence[Mapping[str, Any]], form: Mapping[str, str], words: Words) -> dict[str, Any]:
    """The form: what was typed, and choices in words."""
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
        "causes": [(c, f"{c.split('_')[0]} {words.cause(c)}" if "_" in c else words.cause(c)) for c in get_args(Cause)],
        "findings": [("", words.t("choose")), *((f, words.t(f)) for f in get_args(Finding))],
        "requests": [
            ("", words.t("choose")),
            *((r, words.t(_REQUEST_WORDS.get(r, r))) for r in get_args(RequestOutcome)),
        ],
        "apologies": [
            ("", words.t("no_apology")),
            ("responsibility", words.t("responsibility")),
            ("regret", words.t("regret")),
        ],
        "classes": [(c, words.t(c)) for c in ("redress", "goodwill", "refund", "correction")],
        "issue_numbers": [(f"i{n + 1}", f"{words.t('issue')} {n + 1}") for n in range(issues)],
        "today": datetime.now(UTC).date().isoformat(),
    }


def need(field: str, detail: str, values: Mapping[str, str], words: Words) -> dict[str, str]:
    """A field that the letter still needs, by its label; `field` is the id of the input."""
    row, _, name = field.rpartition("-")
    label = words.t(_LABELS[name]) if name in _LABELS else field
    if row[:1] in ("i", "r") and row[1:].isdecimal():
        label = f"{words.t('issue' if row[0] == 'i' else 'remedy')} {int(row[1:]) + 1}: {label}"
    return {"field": field, "label": label, "detail": "" if not values.get(field) else detail}


def missing(reason: str, values: Mapping[str, str], words: Words) -> dict[str, str]:
    """What the notifier names as missing (`missing: issues[0].reason`), as a field of the form."""
    named, _, path = reason.partition(": ")
    if named != "missing":
        return {"field": "", "label": reason, "detail": ""}
    pointer = "/" + path.replace("[", "/").replace("]", "").replace(".", "/")
    return need(deskforms.field_of(pointer, values), "", {}, words)


def letter(found: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The preview as the page shows it: the letter in coloured pieces, findings, score and times."""
    findings = found["findings"]
    return {
        "subject": found["subject"],
        "language": found["language"],
        "pieces": pieces(found["text"], found["parts"], findings),
        "parts": list(dict.fromkeys(p["part"] for p in found["parts"])),
        "findings": findings,
        "gate": found["gate"],
        "reading": found["reading_seconds"],
        "opening": found["opening_seconds"],
        "score": [(words.axis(axis), points) for axis, points in found["score"].items()],
        "short": found["short"],
        "segments": found["segments"],
        "above": found["above"],
        "promised": found["promised"],
    }


def pieces(
    text: str, parts: Sequence[Mapping[str, str]], findings: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, str]]:
    """The text cut where a part or a finding begins or ends: (words, part or "", level of the finding or "")."""
    spans, cursor = [], 0
    for part in parts:
        start = text.find(part["text"][:-1], cursor)  # a joint may have changed its last mark
        if start >= 0:
            cursor = start + len(part["text"])
            spans.append((start, cursor, part["part"]))
    marks = [(f["start"], f["end"], f["level"]) for f in findings if f["end"] > f["start"]]
    cuts = sorted({0, len(text), *(n for a, b, _ in (*spans, *marks) for n in (a, b) if 0 <= n <= len(text))})
    made = []
    for start, end in pairwise(cuts):
        within = next((name for a, b, name in spans if a <= start < b), "")
        levels = [level for a, b, level in marks if a <= start < b]
        made.append((text[start:end], within, "error" if "error" in levels else levels[0] if levels else ""))
    return made


def situation(case: Case, actor: Actor, form: Mapping[str, str]) -> dict[str, Any]:
    """The case as the remedy rules see it, as far as the form says it."""
    rows = range(deskforms.rows(form, "issues", 1))
    made: dict[str, Any] = {
        "upheld": any(form.get(f"i{n}-finding", "substantiated") in ("substantiated", "partly") for n in rows),
        "currency": _currency(case, actor, form),
        "cause": form.get("cause") or case.cause,
        "severity": case.severity,
        "wanted": case.wanted or None,
        "vulnerable": case.vulnerable,
        "repeated": case.complaints_12m > 1,
    }
    for name in ("loss", "days_late"):
        given = form.get(f"s-{name}", "")
        if given.replace(".", "", 1).isdigit():
            made[name] = given if name == "loss" else int(float(given))
    if actor.handler and actor.handler.authority:
        made["authority"] = dict(actor.handler.authority)
    return made


def _currency(case: Case, actor: Actor, form: Mapping[str, str]) -> str:
    typed = form.get("r0-currency", "")
    if len(typed) == 3 and typed.isalpha():
        return typed.upper()
    usual = _CURRENCY.get(case.language, "")
    own = list(actor.handler.authority) if actor.handler else []
    return usual if usual in own or not own else own[0]


def buttons(found: Sequence[Mapping[str, Any]], form: Mapping[str, str], words: Words) -> list[dict[str, Any]]:
    """Each proposal with the fields that its button writes: into the first remedy that is still empty."""
    rows = deskforms.rows(form, "remedies", 1)
    row = next((n for n in range(rows) if not form.get(f"r{n}-type")), rows - 1)
    by = _working_day(datetime.now(UTC).date() + timedelta(days=_REMEDY_DAYS)).isoformat()
    made = []
    for p in found:
        fields = {"i0-apology": "responsibility"} if p["step"] == "apology" else {
            f"r{row}-type": p["type"], f"r{row}-class": p["remedy_class"], f"r{row}-amount": p["amount"] or "",
            f"r{row}-currency": p["currency"] or "", f"r{row}-by": form.get(f"r{row}-by") or by,
        }  # fmt: skip
        amount = f" {p['currency']} {p['amount']}" if p["amount"] else ""
        made.append(
            {
                "label": words.remedy(p["type"]) + amount,
                "why": p["why"][words.language],
                "approval": p["needs_approval"],
                "fields": json.dumps(fields),
            }
        )
    return made


def _working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
