"""Rules that hold the letter beside the case: its facts, dates, names, rights and earlier letters."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from ..letter import Commitment
from ..wording import Money
from .reading import CaseData, Doc, Span
from .rules import Vocabulary, Words
from .structure import Check, Place, place

_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_LONG = re.compile(r"(?<![A-Za-z0-9@./=-])[A-Z]{0,4}-?\d(?:[\d-]*\d){4,}(?![A-Za-z0-9@/=])")
_CJK = re.compile(r"[㐀-鿿]")
_LETTER = re.compile(r"[A-Za-z]")
# Characters that only the traditional script has, among the most frequent of written Chinese.
_TRADITIONAL = re.compile(
    r"[們這個來時說國會對學過還後給讓開關問題務費訴訟處歉電話單據幾號樓網點實驗現認為產發現條邊頁應當請謝誤歸戶寫]"
)
_SIMPLIFIED = re.compile(
    r"[们这个来时说国会对学过还后给让开关问题务费诉讼处电话单据几号楼网点实验现认为产发条边页应当请谢误归户写]"
)


def day_pairs(words: Vocabulary, text: str) -> Iterator[tuple[int, int, int, int]]:
    """Dates in a text as (month, day, start, end); those that cannot be are left out."""
    for match in words.words["B3"].named["day"].finditer(text):
        found = [g for g in match.groups() if g]
        names = [g for g in found if not g.isdigit()]
        numbers = [int(g) for g in found if g.isdigit()]
        if names:
            month = next((n + 1 for n, m in enumerate(words.months) if names[0].lower().startswith(m)), 0)
            if month and numbers:
                yield month, numbers[0], *match.span()
        elif len(numbers) >= 2:
            yield numbers[0], numbers[1], *match.span()
    for match in _ISO.finditer(text):
        yield int(match[2]), int(match[3]), *match.span()


def sums(words: Vocabulary, text: str) -> Iterator[tuple[Decimal, int, int]]:
    """Amounts of money in a text, as (amount, start, end)."""
    for match in words.words["C5"].named["money"].finditer(text):
        try:
            yield words.amount(match[1]), *match.span()
        except InvalidOperation:
            continue


def long_numbers(text: str) -> Iterator[tuple[str, int, int]]:
    """Order numbers and their like, as (digits and letters, start, end)."""
    for match in _LONG.finditer(text):
        yield re.sub(r"\W", "", match[0]).lower(), *match.span()


def facts_of_the_case(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    own_days, own_sums = _own(doc)
    for span in doc.spans:
        if span.exempt:
            continue
        if case.known_dates is not None:
            for month, day, a, b in day_pairs(doc.words, span.text):
                if (month, day) not in case.known_dates | own_days:
                    yield span.start + a, span.start + b
        if case.known_amounts is not None:
            for amount, a, b in sums(doc.words, span.text):
                if amount not in case.known_amounts | own_sums:
                    yield span.start + a, span.start + b
        if case.known_numbers is not None:
            for number, a, b in long_numbers(span.text):
                if not any(number in known for known in case.known_numbers):
                    yield span.start + a, span.start + b


def _own(doc: Doc) -> tuple[set[tuple[int, int]], set[Decimal]]:
    """What the sentences took from the case themselves: their data are the case's."""
    values = [v for s in doc.spans if s.sentence for v in s.sentence.slots.values()]
    days = {(v.month, v.day) for v in values if isinstance(v, date)}
    if doc.letter_date:
        days.add((doc.letter_date.month, doc.letter_date.day))
    return days, {v.amount for v in values if isinstance(v, Money)}


def every_issue_answered(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    text = " ".join(s.plain for s in doc.spans).lower()
    answered = {s.sentence.issue for s in doc.spans if s.sentence}
    for issue, what in (case.issues or {}).items():
        if not (issue in answered if doc.structured else _mentions(what, text)):
            yield _end(doc)


def _mentions(what: str, text: str) -> bool:
    """Whether half of the words that name an issue stand in the text; of a Chinese name, half of its pairs."""
    if _CJK.search(what):
        characters = "".join(_CJK.findall(what))
        parts = {characters[n : n + 2] for n in range(len(characters) - 1)} or {characters}
    else:
        parts = {
            w[:6] for w in re.findall(r"[a-z0-9]{3,}", what.lower()) if w not in ("the", "and", "for", "your", "our")
        }
    return not parts or 2 * sum(part in text for part in parts) >= len(parts)


def earlier_letters(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if not case.earlier or any(p.search(s.text) for s in doc.spans for p in words.match):
        return
    for span in doc.of("remedy"):
        if span.sentence is not None:
            if any(_differs(c, case) for c in span.sentence.promises):
                yield place(span)
        else:
            said = {e.amount for e in case.earlier if e.amount is not None}
            found = [a for a, _, _ in sums(doc.words, span.text)]
            if said and found and len(said) == 1 and not set(found) & said:
                yield place(span)


def _differs(commitment: Commitment, case: CaseData) -> bool:
    for earlier in case.earlier:
        if earlier.remedy_id != commitment.remedy_id or (commitment.kind == "remedy") != (
            earlier.remedy_id is not None
        ):
            continue
        if (
            earlier.amount is not None
            and commitment.amount is not None
            and Decimal(commitment.amount) != earlier.amount
        ):
            return True
        # A day before the promised one keeps the promise, too.
        if earlier.due is not None and _day(commitment.due) > earlier.due:
            return True
    return False


def _day(due: str) -> date:
    moment = datetime.fromisoformat(due)
    return (moment - timedelta(microseconds=1)).date() if len(due) > 10 else moment.date()


def promised_days_work(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    written = doc.letter_date or case.today
    if case.working is None or written is None:
        return
    for span in doc.of("remedy"):
        for day in _promised_days(doc, span, written.year):
            late = case.limit is not None and day > case.limit
            if late or day < written or not case.working(day):
                yield place(span)
                break


def _promised_days(doc: Doc, span: Span, year: int) -> Iterable[date]:
    if span.sentence is not None:
        return [_day(c.due) for c in span.sentence.promises if c.kind == "remedy"]
    found = []
    for month, day, _, _ in day_pairs(doc.words, span.text):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return found


def no_guessed_title(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.titles is None:
        return
    at, text = doc.greeting
    for pattern in words.match:
        for match in pattern.finditer(text):
            if match[1] not in case.titles:
                yield at + match.start(1), at + match.end(1)


def signed_by_a_person(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    at, text = doc.signature
    missing = [value for value in case.signs or () if value not in doc.text]
    if case.reference is not None and case.reference not in doc.text + doc.subject:
        missing.append(case.reference)
    nobody = any(p.search(text) for p in words.match)
    unsigned = not text.strip() and (doc.structured or bool(words.named["greeted"].search(doc.greeting[1])))
    if unsigned or missing or nobody:
        yield at, at + len(text)


def same_language(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.written_in is None:
        return
    text = "".join(s.plain for s in doc.spans)
    chinese, latin = len(_CJK.findall(text)), len(_LETTER.findall(text)) / 5
    if (chinese > latin) != case.written_in.startswith("zh"):
        yield _whole(doc)
    elif chinese > latin:
        traditional, simplified = len(_TRADITIONAL.findall(text)), len(_SIMPLIFIED.findall(text))
        if traditional != simplified and (traditional > simplified) != (case.written_in == "zh-Hant"):
            yield _whole(doc)


def rights_are_told(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    text = "\n".join(s.text for s in doc.spans)
    if case.rights is not None:
        whole = "".join(doc.text.split())
        if not case.rights or any("".join(right.split()) not in whole for right in case.rights):
            yield _end(doc)
    elif not all(words.named[name].search(text) for name in ("body", "contact", "time")):
        yield _end(doc)


def lateness_is_owned(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    text = " ".join(s.plain for s in doc.spans)
    if case.late and not (words.named["late"].search(text) and words.named["sorry"].search(text)):
        yield _whole(doc)


def other_formats(doc: Doc, words: Words, case: CaseData) -> Iterator[Place]:
    if case.formats and not any(p.search(doc.text) for p in words.match):
        yield _end(doc)


def _whole(doc: Doc) -> Place:
    return place(doc.spans[0]) if doc.spans else (0, len(doc.text))


def _end(doc: Doc) -> Place:
    return place(doc.spans[-1]) if doc.spans else (0, len(doc.text))


COMPARED: dict[str, Check] = {
    "B3": facts_of_the_case,
    "B7": every_issue_answered,
    "B9": earlier_letters,
    "C6": promised_days_work,
    "G2": no_guessed_title,
    "G3": signed_by_a_person,
    "G4": same_language,
    "G7": rights_are_told,
    "G8": lateness_is_owned,
    "G10": other_formats,
}
