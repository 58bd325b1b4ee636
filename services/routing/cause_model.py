"""A linear model over character n-grams: the cause of a complaint where the rules are not sure. Pure Python.

Features are pieces of Chinese of one to three characters, and words and their pieces of three to five letters
otherwise, so no segmenter is needed. The weights (`data/causes.json.gz`) are made by `make model` from the texts in
`samples/triage`; how good they are stands in docs/triage.md.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from itertools import pairwise
from math import log, sqrt
from typing import Any

from shared.events.common import Cause

from .words import PLAIN

LONGEST = 600  # characters that are looked at
SHOWN = 4  # features that are named as the reason
_HAN = re.compile(r"[㐀-鿿]+")


def features(text: str, longest: int = LONGEST) -> Counter[str]:
    """How often each n-gram occurs in the first `longest` characters; `_` stands where a Latin word begins or ends."""
    text = text[:longest].lower()
    found = Counter(_han_pieces(text))
    for word, times in Counter(PLAIN.of(text)).items():
        for piece in _pieces(word):
            found[piece] += times
    return found


def _han_pieces(text: str) -> Iterator[str]:
    for run in _HAN.findall(text):
        yield from run
        yield from map("".join, pairwise(run))
        yield from map("".join, zip(run, run[1:], run[2:], strict=False))


def _pieces(word: str) -> tuple[str, ...]:
    marked = f"_{word}_"
    shorter = (marked[i : i + n] for n in (3, 4, 5) if n < len(marked) for i in range(len(marked) - n + 1))
    return (marked, *shorter)


def vector(counts: Mapping[str, int], idf: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF with damped counts, length 1; n-grams that training did not keep are left out."""
    made = {f: (1 + log(n)) * idf[f] for f, n in counts.items() if f in idf}
    norm = sqrt(sum(v * v for v in made.values())) or 1.0
    return {f: v / norm for f, v in made.items()}


@dataclass(frozen=True, slots=True)
class Guess:
    """The best class, and how far it leads the next."""

    cause: Cause
    margin: float
    why: Callable[[], tuple[str, ...]]

    @property
    def features(self) -> tuple[str, ...]:
        """The n-grams that spoke most for it; found when they are asked for."""
        return self.why()


# A feature's weights times its idf, one for each cause, and the square of its idf, side by side in one integer: adding
# up a text's features is adding integers, which is exact and a fifth of the time of seven sums. A place has room for
# more n-grams than a text has characters.
_BITS = 48
_HALF = 1 << (_BITS - 1)


def _together(values: list[int]) -> int:
    return sum(value << (_BITS * n) for n, value in enumerate(values))


def _apart(packed: int, places: int) -> list[int]:
    values = []
    for _ in range(places):
        value = ((packed + _HALF) & ((1 << _BITS) - 1)) - _HALF
        values.append(value)
        packed = (packed - value) >> _BITS
    return values


class CauseModel:
    """Weights as loaded: the causes, `bias` per cause, `margin` to answer by, idf and one weight per cause and feature,
    all three in thousandths or parts of `scale`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.classes: list[Cause] = list(document["classes"])
        self.margin: float = document["margin"]
        self._bias: list[float] = list(document["bias"])
        self._scale: float = document["scale"]
        self._table: dict[str, int] = {
            feature: _together([*(weight * idf for weight in weights), idf * idf])
            for feature, (idf, *weights) in document["features"].items()
        }
        self._kept = lru_cache(maxsize=8192)(self._known)  # people use the same words

    @classmethod
    def load(cls) -> "CauseModel":
        """The shipped weights."""
        packed = (files("services.routing") / "data" / "causes.json.gz").read_bytes()
        return cls(json.loads(gzip.decompress(packed)))

    def _known(self, word: str) -> tuple[str, ...]:
        return tuple(piece for piece in _pieces(word) if piece in self._table)

    def _counts(self, text: str) -> Counter[str]:
        """`features`, as far as the model knows them."""
        text = text[:LONGEST].lower()
        found = [] if text.isascii() else list(filter(self._table.__contains__, _han_pieces(text)))
        for word in PLAIN.of(text):
            found += self._kept(word)
        return Counter(found)

    def __call__(self, text: str) -> Guess | None:
        """The best cause of a text, however weak; None when the text has no feature that the model knows."""
        counts = self._counts(text)
        if not counts:
            return None
        groups: dict[int, int] = {}  # how often → the sum of the features that occur so often
        for feature, n in counts.items():
            groups[n] = groups.get(n, 0) + self._table[feature]
        sums, square = [0.0] * len(self.classes), 0.0
        for n, packed in groups.items():
            times, (*weights, squares) = 1 + log(n), _apart(packed, len(sums) + 1)
            square += times * times * squares
            sums = [s + times * weight for s, weight in zip(sums, weights, strict=True)]
        unit = self._scale / sqrt(square)
        scores = [s * unit + bias for s, bias in zip(sums, self._bias, strict=True)]
        best, second = sorted(range(len(scores)), key=lambda i: -scores[i])[:2]
        return Guess(self.classes[best], scores[best] - scores[second], partial(self._reasons, counts, best))

    def _reasons(self, counts: Mapping[str, int], best: int) -> tuple[str, ...]:
        """The strongest n-grams that a reader understands: whole words, pieces of two characters or more.

        They are all in the model's vocabulary, so nothing of a customer that it does not know is ever named.
        """
        readable = [f for f in counts if (f[0] == f[-1] == "_" if f.isascii() else len(f) > 1)]
        spoke = {f: (1 + log(counts[f])) * _apart(self._table[f], best + 1)[best] for f in readable}
        shown: list[str] = []
        for feature in sorted((f for f in spoke if spoke[f] > 0), key=lambda f: (-spoke[f], f)):
            word = feature.strip("_")
            if not any(word in s or s in word for s in shown):
                shown.append(word)
            if len(shown) == SHOWN:
                break
        return tuple(shown)
