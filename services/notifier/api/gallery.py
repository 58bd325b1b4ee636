"""Every kind of letter in every language, made from made-up cases: for those who answer for how we write."""

from importlib.resources import files
from typing import Any

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from shared.base.pages import Pages, preferred_language
from shared.base.security import allow

from .. import specimens
from ..desk import opening_seconds, reading_seconds
from ..letter import Letter
from ..sms import segments
from ..writer import Writer

_NAMES = yaml.safe_load((files("services.notifier") / "data" / "kinds.yaml").read_text(encoding="utf-8"))
TITLES, OUTCOMES, PARTS, AXES = _NAMES["kinds"], _NAMES["outcomes"], _NAMES["parts"], _NAMES["axes"]


def router(writer: Writer) -> APIRouter:
    """The gallery, for the house's people; the desk's sign-in counts here too."""
    routes = APIRouter()
    pages = Pages("notifier", zones={})
    rendered: dict[str, list[dict[str, Any]]] = {}
    versions: dict[str, str] = {}

    @routes.get("/letters/gallery", response_class=HTMLResponse, include_in_schema=False)
    @allow("handler", "lead", "manager", "approver", "auditor", "quality")
    def gallery(request: Request) -> HTMLResponse:
        lang = preferred_language(request)
        n = 0 if lang == "zh" else 1
        for code in specimens.languages():
            version = writer.languages[code].version
            if versions.get(code) != version:  # new templates since
                versions[code], rendered[code] = version, _cards(writer, code)
        context = {
            "languages": [
                {"code": c, "name": writer.languages[c].name, "letters": rendered[c]}
                for c in sorted(rendered, key=lambda code: code != lang)
            ],
            "legend": [{"part": part, "name": names[n]} for part, names in PARTS.items()],
            "n": n,
        }
        return pages.response(request, "gallery.html", context, language=lang)

    return routes


def _cards(writer: Writer, language: str) -> list[dict[str, Any]]:
    return [
        {
            "anchor": f"{language}-{s.kind}{'-' + s.outcome if s.outcome else ''}",
            "title": TITLES[s.kind],
            "outcome": OUTCOMES.get(s.outcome, ["", ""]),
            "subject": s.letter.subject,
            "greeting": s.letter.greeting,
            "paragraphs": _paragraphs(s.letter),
            "signatory": s.letter.signatory,
            "seconds": reading_seconds(s.letter.text),
            "opening": opening_seconds(s.letter),
            "gate": s.report.gate,
            "short": s.short,
            "segments": segments(s.short),
            "score": [(AXES[axis], n) for axis, n in writer.linter.score(s.report, s.kind).items()],
            "findings": [f"{f.rule}: {f.message}" for f in s.report.findings],
        }
        for s in specimens.gallery(writer, language)
    ]


def _paragraphs(letter: Letter) -> list[list[tuple[str, str]]]:
    """Each paragraph as (part, words): the words as they stand in it, joints included."""
    out = []
    for paragraph in letter.paragraphs:
        pieces: list[tuple[str, str]] = []
        cursor = 0
        for n, sentence in enumerate(paragraph.sentences):
            start = paragraph.text.find(sentence.text[:-1], cursor)
            following = paragraph.sentences[n + 1].text[:-1] if n + 1 < len(paragraph.sentences) else None
            end = paragraph.text.find(following, start + 1) if following else len(paragraph.text)
            pieces.append((sentence.part, paragraph.text[start:end]))
            cursor = end
        out.append(pieces)
    return out
