"""Where lines of Chinese may break: what must not begin or end one (W3C, Requirements for Chinese Text Layout)."""

import re
from collections.abc import Callable, Iterator

_NOT_FIRST = frozenset("，。、；：？！）〉》」』】〕”’…—·％℃,.;:?!)]}%")
_NOT_LAST = frozenset("（〈《「『【〔“‘([{￥¥£$€")
_UNITS = frozenset("年月日号时分秒元角个天次")
_TOKEN = re.compile(r"[!-~]+|.")  # a word, number, address or reference of Latin letters; otherwise one character


def lines(text: str, width: float, measure: Callable[[str], float]) -> Iterator[str]:
    """The lines of one paragraph, none wider than `width`. `measure` says how wide a text is, in the same unit.

    A number keeps its 元 or 日, and an address is divided only when it is wider than a line.
    """
    line = ""
    for piece in _pieces(text):
        if line and measure(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
        while measure(line.rstrip()) > width:
            most = max((n for n in range(1, len(line)) if measure(line[:n]) <= width), default=1)
            yield line[:most]
            line = line[most:]
    if line.strip():
        yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """What stays together on one line."""
    piece = ""
    for token in _TOKEN.findall(text):
        joined = token[0] in _NOT_FIRST or piece[-1:] in _NOT_LAST or (piece[-1:].isdigit() and token in _UNITS)
        if piece and not joined:
            yield piece
            piece = ""
        piece += token
    if piece:
        yield piece
