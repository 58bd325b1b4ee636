"""Every kind of letter in every language, made from made-up cases: for those who answer for how we write."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from shared.base.pages import Pages, preferred_language
from shared.base.security import allow

from .. import specimens
from ..desk import reading_seconds
from ..letter import Letter
from ..writer import Writer

TITLES = {
    "acknowledgement": ("收到确认", "Acknowledgement"),
    "progress": ("办理进展", "Progress"),
    "information_request": ("请客户补充", "Information request"),
    "reply": ("回复", "Reply"),
    "delay_apology": ("延误致歉", "Apology for delay"),
    "resolution": ("处理结果", "Answer"),
    "reopening": ("重新办理", "Reopening"),
    "withdrawal_confirmation": ("撤回确认", "Confirmation of withdrawal"),
    "thanks": ("致谢", "Thanks"),
}
OUTCOMES = {
    "": ("", ""),
    "upheld": ("属实", "upheld"),
    "partly": ("部分属实", "partly upheld"),
    "alternative": ("没有办理，另有办法", "not upheld, with an alternative"),
    "nothing": ("没有办理，也没有可给的", "not upheld, nothing to give"),
}
PARTS = {
    "cushion": ("缓冲", "cushion"),
    "apology": ("道歉", "apology"),
    "facts": ("事实", "facts"),
    "decisions": ("决定", "decision"),
    "remedy": ("补救和许诺", "remedy and promise"),
    "call_to_action": ("下一步", "call to action"),
}


def router(writer: Writer) -> APIRouter:
    """The gallery, for the house's people; the desk's sign-in counts here too."""
    routes = APIRouter()
    pages = Pages("notifier", zones={})
    rendered: dict[str, list[dict[str, Any]]] = {}

    @routes.get("/letters/gallery", response_class=HTMLResponse, include_in_schema=False)
    @allow("handler", "lead", "manager", "approver", "auditor", "quality")
    def gallery(request: Request) -> HTMLResponse:
        lang = preferred_language(request)
        n = 0 if lang == "zh" else 1
        if not rendered:
            rendered.update({code: _cards(writer, code) for code in specimens.languages()})
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
            "outcome": OUTCOMES[s.outcome],
            "subject": s.letter.subject,
            "greeting": s.letter.greeting,
            "paragraphs": _paragraphs(s.letter),
            "signatory": s.letter.signatory,
            "seconds": reading_seconds(s.letter.text),
            "gate": s.report.gate,
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
