"""The case file as one ZIP: what a customer, an outside body or a court gets to see, without third parties. Pure."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from .redaction import Redactor, texts

# The house's own remarks, which are for nobody outside: notes, calls for the lead, and why somebody left the case.
INTERNAL = ("note", "lead_called", "conflict", "file_taken")
SAID = {
    "received": "The customer complained", "customer_replied": "The customer wrote", "chased": "The customer asked",
    "reopen_requested": "The customer asked to reopen", "outcome_accepted": "The customer accepted",
    "outcome_disputed": "The customer disagreed", "manager_requested": "The customer asked for a manager",
    "callback_requested": "The customer asked for a call", "withdrawn": "The customer withdrew",
    "contact": "Contact", "asked": "We asked the customer", "reply": "We wrote", "letter_sent": "Letter",
    "enquiry": "We asked a department", "enquiry_answered": "The department answered",
}  # fmt: skip
_WORDS = ("subject", "text", "summary", "question", "answer", "expected", "wanted")
_STAYS = frozenset(("complaint_id", "reference", "state", "kind", "sha256", "media_type", "channel", "queue"))
README = """This is the file of case {reference}, as it stood on {at}.

case.html         to read: what was said, decided and promised, in order
case.json         the same for programs
letters/          the letters that were sent, as text
attachments/      files; their contents are as they were sent, so look at them before you give them away
manifest.json     every file with its size and SHA-256

People other than the customer stand here as [name], [phone] and [e-mail], our own people by their role. Names are found
by rules, so read the file before it leaves the house. Remarks for colleagues are left out.
"""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of the case with its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """What a case file is made of."""

    case: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    offers: Sequence[Mapping[str, Any]]
    explanation: Mapping[str, Any]
    attachments: Sequence[Attached] = ()


def document(parts: Parts, roles: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """The file as one document without third parties. `roles`: staff id → role; `names`: staff id → name."""
    customer = parts.case["customer"]
    redactor = Redactor(
        customer=customer["name"], phones=[customer["phone"]], emails=[customer["email"]],
        roles={name: roles[i] for i, name in names.items()},
        known=[e["data"]["on_behalf_of"] for e in parts.history if e["kind"] == "authority_asked"],
    )  # fmt: skip
    history = [_entry(e, roles) for e in parts.history if e["kind"] not in INTERNAL]
    for text in texts(history):
        redactor.learn(text)
    case = {**parts.case, "handler": _role(parts.case["handler"]), "lead": _role(parts.case["lead"])}
    case |= {"conflicts": len(parts.case["conflicts"]), "evidence": []}
    if decision := case["decision"]:
        case["decision"] = {**decision, "by": roles.get(decision["by"], decision["by"])}
    kept = {name: case[name] for name in _STAYS if name in case}
    return {
        "case": {**redactor.document({k: v for k, v in case.items() if k not in kept}), **kept, "customer": customer},
        "history": [{**redactor.document(e), "kind": e["kind"]} for e in history],
        "offers": [{**o, "handler_id": roles.get(o["handler_id"], "handler")} for o in parts.offers],
        "explanation": redactor.document({k: v for k, v in parts.explanation.items() if k != "candidates"}),
        "attachments": [
            {"name": redactor.text(a.name), "media_type": a.media_type, "size": len(a.content)}
            for a in parts.attachments
        ],
    }


def archive(parts: Parts, redacted: Mapping[str, Any], at: datetime) -> bytes:
    """The ZIP of a document that `document` made. The same case at the same time gives the same bytes."""
    reference = redacted["case"]["reference"]
    content = {
        "README.txt": README.format(reference=reference, at=f"{at:%Y-%m-%d %H:%M} UTC").encode(),
        "case.html": _page().render(said=SAID, words=_WORDS, at=at, **redacted).encode(),
        "case.json": json.dumps(redacted, ensure_ascii=False, indent=1, default=str).encode(),
        **dict(_letters(redacted["history"])),
        **dict(_attachments(parts.attachments, redacted["attachments"])),
    }
    manifest = [
        {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in content.items()
    ]
    content["manifest.json"] = json.dumps(manifest, indent=1).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, data in content.items():
            packed.writestr(zipfile.ZipInfo(path, (at.year, at.month, at.day, at.hour, at.minute, 0)), data)
    return made.getvalue()


def _letters(history: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, bytes]]:
    sent = [e for e in history if e["kind"] == "letter_sent"]
    for n, entry in enumerate(sent, 1):
        data = entry["data"]
        text = f"{data.get('subject', '')}\n\n{data.get('text', '')}"
        yield f"letters/{n:02}-{data['letter']}-{entry['at']:%Y-%m-%d}.txt", text.encode()


def _attachments(files_: Sequence[Attached], named: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, bytes]]:
    for n, (file, shown) in enumerate(zip(files_, named, strict=True), 1):
        yield f"attachments/{n:02}-{shown['name']}", file.content


def _entry(entry: Mapping[str, Any], roles: Mapping[str, str]) -> dict[str, Any]:
    data = dict(entry["data"])
    for name in ("handler", "before", "asked_by"):
        if isinstance(data.get(name), str):
            data[name] = roles.get(data[name], data[name])
    return {**entry, "actor": roles.get(entry["actor"], entry["actor"]), "data": data}


def _role(person: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {"role_title": person["role_title"]} if person else None


@cache
def _page() -> Any:
    source = (files("services.routing") / "templates" / "file.html").read_text("utf-8")
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
