"""Finding phrases in a text without trying every one: by a word they begin with, or by a piece of Chinese text."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from shared.events.common import Language

_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*")
_STEM = 4  # letters of a `word*` by which it is found
_GAPS = {"..": 3, "...": 8}  # words that may stand between
_GAP = re.compile("…+")
_CHARACTERS = 8  # that may stand between at each `…`
_NUMERALS = "0123456789一二三四五六七八九十"
_NEAR = 40  # characters around a match in which an `unless` phrase counts


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase of one rule. `pattern` is None when finding the word itself is enough.

    `others` are the further words of an English phrase (alternatives each): all must occur before the pattern is tried.
    """

    rule: str
    text: str
    weight: int
    pattern: re.Pattern[str] | None
    others: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was found, with the words of the text where their place matters."""

    rule: str
    phrase: str
    weight: int
    span: str


class Index:
    """The phrases of one language, found by a word (English) or a piece of text (Chinese) that they begin with."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._words: dict[str, list[Phrase]] = defaultdict(list)
        self._stems: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)
        self._pieces: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)  # by their first two characters
        self._unless: dict[str, re.Pattern[str]] = {}

    def add(self, rule: str, phrase: str, weight: int, *, located: bool) -> None:
        """Make a phrase findable; `located` when its place in the text is wanted."""
        if self.language == "zh":
            simple = not located and "…" not in phrase and "|" not in phrase
            made = Phrase(rule, phrase, weight, None if simple else re.compile(_chinese(phrase), re.S | re.IGNORECASE))
            for first in phrase.lower().split("…", 1)[0].split("|"):
                self._pieces[first[:2]].append((first, made))
            return
        simple = " " not in phrase and "-" not in phrase and "|" not in phrase
        made = Phrase(rule, phrase, weight, _english(phrase) if located or not simple else None, _others(phrase))
        for first in phrase.split(" ", 1)[0].split("|"):
            if first.endswith("*"):
                self._stems[first[:_STEM]].append((first[:-1], made))
            else:
                self._words[first].append(made)

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
            for match in phrase.pattern.finditer(text):
                around = text[max(0, match.start() - _NEAR) : match.end() + _NEAR] if unless else ""
                if unless is None or not unless.search(around):
                    yield Hit(phrase.rule, phrase.text, phrase.weight, match.group())
                    break

    def _candidates(self, lowered: str) -> Iterator[Phrase]:
        if self.language == "zh":
            begins = {*map("".join, pairwise(lowered)), *lowered} & self._pieces.keys()
            pieces = (found for begin in begins for found in self._pieces[begin])
            yield from {id(phrase): phrase for piece, phrase in pieces if piece in lowered}.values()
            return
        words = set(_WORD.findall(lowered))
        seen: set[int] = set()
        for word in words & self._words.keys():
            for phrase in self._words[word]:
                if id(phrase) not in seen and not any(words.isdisjoint(choice) for choice in phrase.others):
                    seen.add(id(phrase))
                    yield phrase
        for word in words:
            for stem, phrase in self._stems.get(word[:_STEM], ()):
                if id(phrase) not in seen and word.startswith(stem):
                    seen.add(id(phrase))
                    yield phrase


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
