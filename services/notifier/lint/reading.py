"""A letter as the rules see it: its text, and each sentence with its part and place."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ..letter import Letter, Sentence
from .rules import Vocabulary, vocabulary

_FIRST = re.compile(r"(?<=[：:！!。.,，?？\n])")
_QUOTED = re.compile(r"“[^”\n]{0,80}”|「[^」\n]{0,80}」|\"[^\"\n]{0,80}\"")


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence of the body: `text` is what stands at `start`, `plain` the same with quoted words blanked out."""

    start: int
    text: str
    plain: str
    part: str
    sentence: Sentence | None = None

    @property
    def exempt(self) -> bool:
        """Words of a policy pack stand as they are."""
        return self.part == "rights" or (self.sentence is not None and self.sentence.verbatim)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier letter of the case said about a remedy, or about the day of our answer (`remedy_id` None)."""

    remedy_id: str | None = None
    amount: Decimal | None = None
    due: date | None = None


@dataclass(frozen=True, slots=True)
class CaseData:
    """What the case says, for rules that compare. None means not known, and the comparison is left out.

    `known_dates` are (month, day), `known_amounts` and `known_numbers` what the record names; `issues` what was raised;
    `titles` the salutations on record; `signs` what the signature must hold; `rights` the texts that must stand
    word for word; `limit` the last day for what is promised; `working` whether people work on a day; `today` the
    day of writing where the letter does not say it.
    """

    amounts: frozenset[Decimal] | None = None
    findings: dict[str, str] | None = None
    overall: str | None = None
    holds: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    recipient: str | None = None
    contacts: frozenset[str] | None = None
    promised: frozenset[date] | None = None
    known_dates: frozenset[tuple[int, int]] | None = None
    known_amounts: frozenset[Decimal] | None = None
    known_numbers: frozenset[str] | None = None
    issues: Mapping[str, str] | None = None
    earlier: tuple[Earlier, ...] = ()
    titles: frozenset[str] | None = None
    signs: tuple[str, ...] | None = None
    reference: str | None = None
    written_in: str | None = None
    rights: tuple[str, ...] | None = None
    late: bool | None = None
    formats: bool = False
    limit: date | None = None
    working: Callable[[date], bool] | None = None
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Doc:
    """A whole letter for the linter; `body` is its sentences a line each, quoted words blanked out."""

    text: str
    language: str
    greeting: tuple[int, str]
    spans: tuple[Span, ...]
    structured: bool
    letter_date: date | None = None
    signature: tuple[int, str] = (0, "")
    subject: str = ""
    body: str = ""
    words: Vocabulary = field(repr=False, kw_only=True)

    @property
    def refusing(self) -> bool:
        """Whether the letter refuses something."""
        return any(self.words.refuse.search(s.plain) for s in self.spans)

    def of(self, *parts: str) -> list[Span]:
        """The sentences of these parts, in reading order."""
        return [s for s in self.spans if s.part in parts]


def blanked(text: str) -> str:
    """The text with quoted words blanked out, every place kept."""
    return _QUOTED.sub(lambda m: m[0][0] + "_" * (len(m[0]) - 2) + m[0][-1], text) if _may_quote(text) else text


def _may_quote(text: str) -> bool:
    return "“" in text or '"' in text or "「" in text


def _split(words: Vocabulary, text: str, start: int, part: str, sentence: Sentence | None) -> Iterable[Span]:
    for line in re.finditer(r"[^\n]+", text):
        for found in words.sentence.finditer(line[0]):
            yield Span(start + line.start() + found.start(), found[0], blanked(found[0]), part, sentence)


def _body(spans: Iterable[Span]) -> str:
    return "\n".join(s.plain for s in spans)


def read_letter(letter: Letter) -> Doc:
    """A letter that was composed, or came in structure: the parts are known."""
    words = vocabulary(letter.language)
    spans: list[Span] = []
    at = len(letter.greeting) + 2
    for paragraph in letter.paragraphs:
        cursor = 0
        for sentence in paragraph.sentences:
            found = paragraph.text.find(sentence.text[:-1], cursor)
            cursor = found + len(sentence.text)
            shown = paragraph.text[found:cursor]
            spans.extend(_split(words, shown, at + found, sentence.part, sentence))
        at += len(paragraph.text) + 2
    return Doc(
        letter.text, letter.language, (0, letter.greeting), tuple(spans), True, letter.date,
        (at, letter.signatory), letter.subject, _body(spans), words=words,
    )  # fmt: skip


def read_text(text: str, language: str) -> Doc:
    """A letter that was written by hand: greeting and signature by their place, parts by cue words."""
    words = vocabulary(language)
    lines = [(m.start(), m[0].rstrip()) for m in re.finditer(r"[^\n]+", text) if m[0].strip()]
    greeting = (0, "")
    if lines and (len(lines) == 1 or words.greeting.search(lines[0][1])):
        greeting = lines[0]
        if len(lines) > 1:
            lines = lines[1:]
        else:  # all in one line: what stands before the first stop is the greeting
            greeting = (greeting[0], _FIRST.split(greeting[1], maxsplit=1)[0])
    signature = (len(text), "")
    if lines and _is_signature(words, lines[-1][1]):
        signature = lines[-1]
        lines = lines[:-1] or lines
    found = [s for start, line in lines for s in _split(words, line, start, "facts", None)]
    spans = tuple(Span(s.start, s.text, s.plain, _part(words, s, n, len(found))) for n, s in enumerate(found))
    return Doc(text, language, greeting, spans, False, signature=signature, body=_body(spans), words=words)


def _is_signature(words: Vocabulary, line: str) -> bool:
    return bool(words.signature.search(line)) or (len(line) < 80 and line[-1] not in ".。!！?？")


def _part(words: Vocabulary, span: Span, n: int, total: int) -> str:
    for cue in words.cues:
        if (cue.first and n >= cue.first) or (cue.last and n < total - 2):
            continue
        if cue.match.search(span.plain):
            return cue.part
    return "facts"
