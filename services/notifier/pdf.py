"""A letter on paper: A4, the house's head, the customer's name and address, the words, page numbers with the reference.

Letters that the built-in fonts cannot write (Chinese) take a TrueType font, embedded as far as it is used.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

from .lines import lines

LATIN, _WIDE = "Helvetica", "AmendsWide"
# Where Debian's small fonts with Chinese characters lie: fonts-wqy-microhei (5 MB), fonts-droid-fallback (4 MB).
FONTS = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
)
LARGE = 18 / 11  # large print is 16 points at least (RNIB's clear print guidelines); ours is 18
_LEFT, _RIGHT = 25 * mm, 22 * mm
_WIDTH = A4[0] - _LEFT - _RIGHT - 12 - 0.1  # of a line: the frame keeps six points on each side
_INK, _QUIET = HexColor("#1d2b2b"), HexColor("#5a6b6b")


class NoFont(Exception):
    """No font is there that can write this letter; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the paper, in large print if it is asked for. `address` has a line for each of the envelope's.

    `written_on` is the day as the letter's language writes it; `text` is the whole letter as it was sent, paragraphs
    with an empty line between.
    """

    house: str
    house_contact: str
    name: str | None
    subject: str
    reference: str
    language: str
    written_on: str
    text: str
    address: str | None = None
    large: bool = False


def render(sheet: Sheet, font: Path | None = None) -> bytes:
    """The letter as PDF. Raises NoFont."""
    said = (sheet.house, sheet.house_contact, sheet.name, sheet.address, sheet.subject, sheet.text)
    everything = "".join(filter(None, said))
    face = LATIN if _is_latin(everything) else wide(font)
    out = BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=_LEFT, rightMargin=_RIGHT, topMargin=24 * mm, bottomMargin=24 * mm,
        title=sheet.subject or sheet.reference, author=sheet.house, lang=sheet.language, invariant=1,
    )  # fmt: skip

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(face, 8.5)
        canvas.setFillColor(_QUIET)
        canvas.drawString(_LEFT + 6, 14 * mm, sheet.reference)
        canvas.drawRightString(A4[0] - _RIGHT - 6, 14 * mm, str(page.page))

    document.build(_story(sheet, face), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(sheet: Sheet, face: str) -> list[Any]:
    size = LARGE if sheet.large else 1.0
    body = ParagraphStyle(
        "body", fontName=face, fontSize=11 * size, leading=17.5 * size, textColor=_INK, alignment=TA_LEFT,
        spaceAfter=9, splitLongWords=1,
    )  # fmt: skip
    quiet = ParagraphStyle("quiet", parent=body, fontSize=9.5 * size, leading=14 * size, textColor=_QUIET, spaceAfter=0)
    head = ParagraphStyle("head", parent=body, fontSize=15, leading=20, spaceAfter=2)
    subject = ParagraphStyle("subject", parent=body, fontSize=12.5 * size, leading=18 * size, spaceAfter=12)

    def told(text: str, style: ParagraphStyle) -> Any:
        if not sheet.language.startswith("zh"):
            return Paragraph(escape(text).replace("\n", "<br/>"), style)
        # The library's own breaking of Chinese lets a comma begin a line.
        broken = [line for row in text.split("\n") for line in lines(row, _WIDTH, partial(_wide_as, style))]
        return Paragraph("<br/>".join(map(escape, broken)), style)

    story: list[Any] = [told(sheet.house, head), told(sheet.house_contact, quiet)]
    story += [Spacer(1, 16 * mm)]
    to = [line for line in (sheet.name, *(sheet.address or "").splitlines()) if line]
    story += [told("\n".join(to), body)] if to else []
    story += [told(f"{sheet.written_on} · {sheet.reference}", quiet), Spacer(1, 9 * mm)]
    if sheet.subject:
        story.append(told(sheet.subject, subject))
    return [*story, *(told(block, body) for block in sheet.text.strip().split("\n\n"))]


def _wide_as(style: ParagraphStyle, text: str) -> float:
    return float(pdfmetrics.stringWidth(text, style.fontName, style.fontSize))


def _is_latin(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def wide(font: Path | None) -> str:
    """The name under which a font with Chinese characters is registered: this file, or Debian's. Raises NoFont."""
    found = font or next((path for path in FONTS if path.is_file()), None)
    if found is None:
        raise NoFont("a font with Chinese characters is missing: install fonts-wqy-microhei or set AMENDS_LETTER_FONT")
    return _registered(found)


@lru_cache(maxsize=4)
def _registered(path: Path) -> str:
    try:
        pdfmetrics.registerFont(TTFont(_WIDE, str(path)))
    except (TTFError, OSError) as error:
        raise NoFont(f"AMENDS_LETTER_FONT: {path} is no TrueType font: {error}") from None
    return _WIDE
