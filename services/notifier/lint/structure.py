"""Rules that look at a letter's structure, or hold it beside the case."""

import re
from collections.abc import Callable, Iterator
from datetime import date

from .pii import find
from .reading import CaseData, Doc, Span
from .rules import Words

Place = tuple[int, int] | tuple[int, int, str]  # a third element: an error whatever the level of the rule
Check = Callable[[Doc, Words, CaseData], Iterator[Place]]
_FOUR = (("cushion",), ("facts",), ("remedy",), ("call_to_action",))
_DATED = ("by", "answer_by", "update_by", "new_by", "word_by", "file_by", "call_to", "call_by", "restored_by")
_UPHELD = ("substantiated", "partly")


def place(span: Span) -> Place:
    """Where a sentence stands."""
    return span.start, span.start + len(span.text)


def _start(doc: Doc) -> Place:
    return place(doc.spans[0]) if doc.spans else (0, len(doc.text))


def _end(doc: Doc) -> Place:
    return place(doc.spans[-1]) if doc.spans else (0, len(doc.text))


def _any(words: Words, text: str) -> bool:
    return any(p.search(text) for p in words.match)


def four_parts(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    # A letter with nothing to give has regret, another way and what improves in the remedy's place (rule A9).
    wanted = [p for p in _FOUR if p != ("remedy",) or doc.of("remedy") or not _offers_instead(doc)]
    firsts = [min((n for n, s in enumerate(doc.spans) if s.part in parts), default=None) for parts in wanted]
    present = [n for n in firsts if n is not None]
    if len(present) < len(firsts) or present != sorted(present):
        yield _start(doc)


def _offers_instead(doc: Doc) -> bool:
    return doc.refusing and _any(doc.words.words["A9"], " ".join(s.plain for s in doc.spans))


def short_cushion(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    cushion = doc.of("cushion")
    if len(cushion) > 3:
        yield place(cushion[3])


def decided_once(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if not doc.structured or case.findings is None:
        if not any(_any(words, s.plain) for s in doc.spans):
            yield _start(doc)
        return
    for issue in case.findings:
        said = [s for s in doc.spans if s.sentence and s.sentence.decides and s.sentence.issue == issue]
        if len({id(s.sentence) for s in said}) != 1:
            yield place(said[-1]) if said else _end(doc)


def something_offered(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if doc.structured and doc.of("remedy"):
        return
    if not _any(words, " ".join(s.plain for s in doc.spans)):
        yield _end(doc)


def call_has_way_and_day(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    calls = doc.of("call_to_action")
    text = " ".join(s.text for s in calls)
    if not (words.named["way"].search(text) and words.named["day"].search(text)):
        yield place(calls[0]) if calls else _end(doc)


def amounts_of_the_case(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.amounts is None:
        return
    for span in doc.of("remedy"):
        for match in words.named["money"].finditer(span.text):
            if doc.words.amount(match[1]) not in case.amounts:
                yield span.start + match.start(), span.start + match.end()


def promises_recorded(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if doc.structured:
        for span in doc.of("remedy"):
            sentence = span.sentence
            if sentence and not sentence.promises and any(name in sentence.slots for name in _DATED):
                yield place(span)
    elif case.promised is not None:
        for span in doc.spans:
            for match in words.named["commits"].finditer(span.plain):
                if not _promised(match, case.promised):
                    yield place(span)


def _promised(match: re.Match[str], promised: frozenset[date]) -> bool:
    numbers = [g for g in match.groups() if g and g.isdigit()]
    # The day decides: a month's name differs by language, and two promises seldom fall on one day of two months.
    days = {str(d.day) for d in promised}
    return any(number.lstrip("0") in days for number in numbers)


def no_needless_trouble(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    for span in doc.spans:
        for held, pattern in words.asks.items():
            if held in case.holds and pattern.search(span.plain):
                yield place(span)
    calls = doc.of("call_to_action")
    text = " ".join(s.text for s in calls)
    if words.named["visit"].search(text) and not words.named["otherwise"].search(text):
        yield place(calls[0])


def upheld_is_owned(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    text = " ".join(s.plain for s in doc.spans)
    if doc.structured and case.findings is not None:
        for issue, finding in case.findings.items():
            if finding == "substantiated" and not _apologies(doc, issue):
                yield _end(doc)
        owed = any(f == "substantiated" for f in case.findings.values()) and not doc.of("remedy")
        if owed and not words.named["repair"].search(text):
            yield _end(doc)
    elif case.overall == "upheld" and not all(words.named[n].search(text) for n in ("responsibility", "repair")):
        yield _end(doc)


def _apologies(doc: Doc, issue: str) -> bool:
    return any(s.part == "apology" and s.sentence and s.sentence.issue == issue for s in doc.spans)


def no_false_admission(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    responsibility = doc.words.words["E8"].named["responsibility"]
    for span in doc.spans:
        issue = span.sentence.issue if span.sentence else None
        finding = (case.findings or {}).get(issue or "")
        none_found = finding is not None and finding not in _UPHELD if issue else case.overall == "not_upheld"
        if none_found and responsibility.search(span.plain):
            yield place(span)


def no_personal_data(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    yield from find(doc.text, case.allowed)


def known_recipient(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.contacts is not None and case.recipient not in case.contacts:
        yield doc.greeting[0], doc.greeting[0] + len(doc.greeting[1])


STRUCTURE: dict[str, Check] = {
    "A1": four_parts,
    "A5": short_cushion,
    "A8": decided_once,
    "A9": something_offered,
    "C4": call_has_way_and_day,
    "C5": amounts_of_the_case,
    "C7": promises_recorded,
    "C10": no_needless_trouble,
    "E8": upheld_is_owned,
    "E9": no_false_admission,
    "G5": no_personal_data,
    "G11": known_recipient,
}
