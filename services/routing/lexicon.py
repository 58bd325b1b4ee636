"""Finding phrases in a text without trying every one: by a word they begin with, or by a piece of Chinese text."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise

from shared.events.common import Language

from .words import COMPOUND

_STEM = 4  # letters of a `word*` by which it is found
_GAPS = {"..": 3, "...": 8}  # words that may stand between
_GAP = re.compile("…+")
_CHARACTERS = 8  # that may stand between at each `…`
_NUMERALS = "0123456789一二三四五六七八九十"
_KEPT, _LONGEST = 20_000, 40  # words whose phrases are kept, and how long a kept one is at most
_NEAR = 40  # characters around a match in which an `unless` phrase counts


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase of one rule. `pattern` is None when finding the word itself is enough.

    A match begins with one of `starts`. The further words of an English phrase must occur before its pattern is tried:
    all that it `needs`, and of `others` one of each.
    """

    rule: str
    text: str
    weight: int
    pattern: re.Pattern[str] | None
    starts: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    others: tuple[frozenset[str], ...] = ()

    def matches(self, text: str, lowered: str) -> Iterator[re.Match[str]]:
        """Where it occurs, one after the other; tried only where it may begin, for a pattern's own search is slow."""
        assert self.pattern is not None
        if len(lowered) != len(text):  # some capital has two small letters, and places are not the same
            yield from self.pattern.finditer(text)
            return
        free = 0
        for place in _places(self.starts, lowered):
            if place >= free and (match := self.pattern.match(text, place)):
                free = match.end()
                yield match


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was found, with the words of the text where their place matters."""

    rule: str
    phrase: str
    weight: int
    span: str


class _Begun(dict[str, tuple[Phrase, ...]]):
    """English phrases by the words that they can begin with, as far as texts have used these words."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, list[Phrase]] = defaultdict(list)
        self.stems: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)

    def __missing__(self, word: str) -> tuple[Phrase, ...]:
        stems = (phrase for stem, phrase in self.stems.get(word[:_STEM], ()) if word.startswith(stem))
        found = (*self.words.get(word, ()), *stems)
        if len(self) < _KEPT and len(word) <= _LONGEST:
            self[word] = found
        return found


class Index:
    """The phrases of one language, found by a word (English) or a piece of text (Chinese) that they begin with."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._begun = _Begun()
        self._pieces: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)  # by their first two characters
        self._unless: dict[str, re.Pattern[str]] = {}

    def add(self, rule: str, phrase: str, weight: int, *, located: bool) -> None:
        """Make a phrase findable; `located` when its place in the text is wanted."""
        if self.language == "zh":
            simple = not located and "…" not in phrase and "|" not in phrase
            starts = tuple(phrase.lower().split("…", 1)[0].split("|"))
            pattern = None if simple else re.compile(_chinese(phrase), re.S | re.IGNORECASE)
            made = Phrase(rule, phrase, weight, pattern, starts)
            for first in starts:
                self._pieces[first[:2]].append((first, made))
            return
        simple = " " not in phrase and "-" not in phrase and "|" not in phrase
        firsts = phrase.lower().split(" ", 1)[0].split("|")
        starts = tuple(first.removesuffix("*") for first in firsts)
        made = Phrase(rule, phrase, weight, _english(phrase) if located or not simple else None, starts)
        others = _others(phrase)
        needs = frozenset(word for choice in others if len(choice) == 1 for word in choice)
        whole = replace(made, needs=needs, others=tuple(choice for choice in others if len(choice) > 1))
        for first, start in zip(firsts, starts, strict=True):
            if first.endswith("*"):
                self._begun.stems[first[:_STEM]].append((start, made))
            else:
                self._begun.words[first].append(whole)

    def add_unless(self, rule: str, phrases: Iterable[str]) -> None:
        """Phrases that cancel a rule's match when they stand near it."""
        made = [_chinese(p) if self.language == "zh" else _english(p).pattern for p in phrases]
        if made:
            self._unless[rule] = re.compile("|".join(made), re.IGNORECASE | re.S)

    def find(self, text: str, lowered: str) -> Iterator[Hit]:
        """The phrases in the text, each once."""
        for phrase in self._candidates(lowered):
            if phrase.pattern is None:
                yield Hit(phrase.rule, phrase.text, phrase.weight, "")
                continue
            unless = self._unless.get(phrase.rule)
            for match in phrase.matches(text, lowered):
                around = text[max(0, match.start() - _NEAR) : match.end() + _NEAR] if unless else ""
                if unless is None or not unless.search(around):
                    yield Hit(phrase.rule, phrase.text, phrase.weight, match.group())
                    break

    def _candidates(self, lowered: str) -> Iterable[Phrase]:
        if self.language == "zh":
            begins = dict.fromkeys((*map("".join, pairwise(lowered)), *lowered))
            pieces = (found for begin in filter(self._pieces.__contains__, begins) for found in self._pieces[begin])
            return {id(phrase): phrase for piece, phrase in pieces if piece in lowered}.values()
        listed = dict.fromkeys(COMPOUND.of(lowered))
        words = set(listed)
        begun = chain.from_iterable(map(self._begun.__getitem__, listed))
        likely = (p for p in begun if p.needs <= words)
        may = (p for p in likely if not p.others or not any(words.isdisjoint(choice) for choice in p.others))
        # One phrase may be begun by several words of the text.
        return {(p.rule, p.text, p.weight): p for p in may}.values()


def _places(starts: tuple[str, ...], lowered: str) -> Iterable[int]:
    if len(starts) == 1:
        return _found(starts[0], lowered)
    return sorted({place for start in starts for place in _found(start, lowered)})


def _found(start: str, lowered: str) -> Iterator[int]:
    place = lowered.find(start)
    while place >= 0:
        yield place
        place = lowered.find(start, place + 1)


def _others(phrase: str) -> tuple[frozenset[str], ...]:
    # A hyphen ends a word in a pattern and not in the list of words, so such a phrase is left to its pattern.
    words = [] if "-" in phrase else [w.split("|") for w in phrase.split(" ")[1:] if w not in _GAPS]
    return tuple(frozenset(choices) for choices in words if not any("*" in c for c in choices))


def _chinese(phrase: str) -> str:
    made: list[str] = []
    for gap, piece in zip(("", *_GAP.findall(phrase)), _GAP.split(phrase), strict=True):
        made.append(f"[^。！？!?\\n]{{0,{_CHARACTERS * len(gap)}}}?" if gap else "")
        # A number is a whole number: not the 9 of 39, not the 十 of 八十.
        guarded = (
            ("(?<![0-9一二三四五六七八九十])" if p[:1] in _NUMERALS else "") + re.escape(p) for p in piece.split("|")
        )
        made.append(f"(?:{'|'.join(guarded)})")
    return "".join(made)


def _english(phrase: str) -> re.Pattern[str]:
    parts: list[str] = []
    for word in phrase.split(" "):
        if word in _GAPS:
            parts.append(rf"(?:\W+[\w'-]+){{0,{_GAPS[word]}}}?")
            continue
        choices = "|".join(re.escape(w).replace(r"\*", r"[\w'-]*") for w in word.split("|"))
        parts.append((r"\W+" if parts else "") + f"(?:{choices})")
    return re.compile(r"(?<![\w'-])" + "".join(parts) + r"(?![\w])", re.IGNORECASE)
