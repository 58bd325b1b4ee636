"""The case file as one ZIP: what a customer, an outside body or a court gets to see, without third parties. Pure."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
letters/          the letters that were sent, as text; as the PDF that the customer has where nobody else is named in it
attachments/      files that our people added
customer/         files that the customer sent
manifest.json     every file with its size and SHA-256

People other than the customer stand here as [name], [phone] and [e-mail], our own people by their role. Names are found
by rules, so read the file before it leaves the house. Remarks for colleagues are left out. Pictures and documents are
as they were sent, in plain text third parties are taken out: look at them before you give them away.
{missing}"""
MISSING = "\nNot in here, because they could not be fetched or are too large: {names}\n"


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
    sent: Sequence[Attached] = ()  # by the customer
    papers: Mapping[str, bytes] = field(default_factory=dict)  # letter id → its PDF
    missing: Sequence[str] = ()  # names of files that could not be fetched


def redactor_for(parts: Parts, roles: Mapping[str, str], names: Mapping[str, str]) -> Redactor:
    """Knows who the customer is, who our people are, and who was asked for their word."""
    customer = parts.case["customer"]
    return Redactor(
        customer=customer["name"], phones=[customer["phone"]], emails=[customer["email"]],
        roles={name: roles[i] for i, name in names.items()},
        known=[e["data"]["on_behalf_of"] for e in parts.history if e["kind"] == "authority_asked"],
    )  # fmt: skip


def document(parts: Parts, roles: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    """The file as one document without third parties. `roles`: staff id → role; `names`: staff id → name."""
    customer, redactor = parts.case["customer"], redactor_for(parts, roles, names)
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
        "attachments": [_listed(a, redactor) for a in parts.attachments],
        "sent": [_listed(a, redactor) for a in parts.sent],
        "missing": [redactor.text(name) for name in parts.missing],
    }


def _listed(file: Attached, redactor: Redactor) -> dict[str, Any]:
    return {"name": redactor.text(file.name), "media_type": file.media_type, "size": len(file.content)}


def without_third_parties(parts: Parts, roles: Mapping[str, str], names: Mapping[str, str]) -> Parts:
    """The parts whose bytes may go out: PDFs of letters that name nobody who stands elsewhere in the case, plain text
    with third parties taken out."""
    redactor = redactor_for(parts, roles, names)
    for entry in parts.history:
        if entry["kind"] != "letter_sent":
            redactor.document(entry["data"])
    letters = {e["data"]["letter_id"]: e["data"] for e in parts.history if e["kind"] == "letter_sent"}
    clean = {
        letter_id: paper
        for letter_id, paper in parts.papers.items()
        if not redactor.mentions(f"{letters[letter_id].get('subject')}\n{letters[letter_id].get('text')}")
    }
    ours, theirs = ([_plain(file, redactor) for file in files] for files in (parts.attachments, parts.sent))
    return replace(parts, papers=clean, attachments=ours, sent=theirs)


def _plain(file: Attached, redactor: Redactor) -> Attached:
    if not file.media_type.startswith("text/plain"):
        return file
    try:
        return replace(file, content=redactor.text(file.content.decode()).encode())
    except UnicodeDecodeError:
        return file


def archive(parts: Parts, redacted: Mapping[str, Any], at: datetime) -> bytes:
    """The ZIP of a document that `document` made. The same case at the same time gives the same bytes."""
    reference = redacted["case"]["reference"]
    content = {
        "README.txt": _readme(reference, at, redacted["missing"]).encode(),
        "case.html": _page().render(said=SAID, words=_WORDS, at=at, **redacted).encode(),
        "case.json": json.dumps(redacted, ensure_ascii=False, indent=1, default=str).encode(),
        **dict(_letters(redacted["history"], parts.papers)),
        **dict(_attachments("attachments", parts.attachments, redacted["attachments"])),
        **dict(_attachments("customer", parts.sent, redacted["sent"])),
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


def _readme(reference: str, at: datetime, missing: Sequence[str]) -> str:
    left_out = MISSING.format(names=", ".join(missing)) if missing else ""
    return README.format(reference=reference, at=f"{at:%Y-%m-%d %H:%M} UTC", missing=left_out)


def _letters(history: Iterable[Mapping[str, Any]], papers: Mapping[str, bytes]) -> Iterable[tuple[str, bytes]]:
    sent = [e for e in history if e["kind"] == "letter_sent"]
    for n, entry in enumerate(sent, 1):
        data = entry["data"]
        name = f"letters/{n:02}-{data['letter']}-{entry['at']:%Y-%m-%d}"
        yield f"{name}.txt", f"{data.get('subject', '')}\n\n{data.get('text', '')}".encode()
        if (paper := papers.get(data["letter_id"])) is not None:
            yield f"{name}.pdf", paper


def _attachments(
    folder: str, files_: Sequence[Attached], named: Sequence[Mapping[str, Any]]
) -> Iterable[tuple[str, bytes]]:
    for n, (file, shown) in enumerate(zip(files_, named, strict=True), 1):
        yield f"{folder}/{n:02}-{shown['name'].replace('/', '_')}", file.content


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
