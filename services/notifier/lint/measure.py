"""Rules that measure: length, sentences, calls, the first seconds, segments of a text message."""

import re
from collections.abc import Iterator

from ..sms import LONGEST, segments
from .reading import CaseData, Doc, Span
from .rules import Words
from .structure import Check, Place, place

_WORD = re.compile(r"[A-Za-zÀ-ɏͰ-ӿ0-9£$€¥][\w'’.,%-]*")
_CJK = re.compile(r"[㐀-鿿]")


def length(doc: Doc, text: str) -> int:
    """Words of a text, and characters of a Chinese one: letters and digits, without punctuation."""
    return len(_WORD.findall(text)) + (len(_CJK.findall(text)) if doc.words.characters else 0)


def not_too_long(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    issues = len(case.issues or case.findings or ()) or len({s.sentence.issue for s in doc.spans if s.sentence}) or 1
    allowed = doc.words.length["letter"] + doc.words.length["issue"] * (issues - 1)
    counted = 0
    for span in doc.spans:
        counted += 0 if span.exempt else length(doc, span.text)
        if counted > allowed:
            yield place(span)
            return


def says_it_at_once(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    """Within the first seconds: what came and when, by the patterns of A3."""
    if not doc.spans:
        return
    start, end = doc.spans[0].start, doc.spans[-1].start + len(doc.spans[-1].text)
    unit = _CJK if doc.words.characters else _WORD
    seen = [m.end() for m in unit.finditer(doc.text, start, end)][: doc.words.length["opening"]]
    window = doc.text[start : seen[-1]] if seen else ""
    if not any(p.search(window) for p in doc.words.words["A3"].match):
        yield start, seen[-1] if seen else end


def plain_sentences(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    counted = [(length(doc, _without_links(s.text)), s) for s in doc.spans if not s.exempt]
    for n, span in counted:
        if n > doc.words.length["sentence_worst"]:
            yield (*place(span)[:2], "error")
        elif n > doc.words.length["sentence"]:
            yield place(span)
    if counted and sum(n for n, _ in counted) / len(counted) > doc.words.length["average"]:
        yield place(counted[0][1])


def _without_links(text: str) -> str:
    return re.sub(r"https?://\S+", "", text)


def short_paragraphs(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    lines: dict[int, list[Span]] = {}
    for span in doc.spans:
        if not span.exempt:
            lines.setdefault(doc.text.count("\n", 0, span.start), []).append(span)
    for spans in lines.values():
        if len(spans) > 5:
            yield place(spans[5])


def few_calls(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    calls = [s for s in doc.of("call_to_action") if any(p.search(s.plain) for p in words.match)]
    joined = words.named["series"]
    if len(calls) > 2:
        yield place(calls[2])
    else:
        yield from (place(s) for s in calls if joined.search(s.plain))


def fits_two_segments(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if segments(doc.text.strip()) > LONGEST:
        yield 0, len(doc.text)


def names_the_case(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.reference is not None and case.reference not in doc.text:
        yield 0, len(doc.text)


def says_where_to_turn(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if not words.match[0].search(doc.text):
        yield 0, len(doc.text)


MEASURED: dict[str, Check] = {
    "A11": few_calls,
    "D1": not_too_long,
    "D2": says_it_at_once,
    "D3": plain_sentences,
    "D8": short_paragraphs,
    "S1": fits_two_segments,
    "S2": names_the_case,
    "S3": says_where_to_turn,
}
