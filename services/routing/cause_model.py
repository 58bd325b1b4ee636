"""A linear model over character n-grams: the cause of a complaint where the rules are not sure. Pure Python.

Features are pieces of Chinese of one to three characters, and words and their pieces of three to five letters
otherwise, so no segmenter is needed. The weights (`data/causes.json.gz`) are made by `make model` from the texts in
`samples/triage`; how good they are stands in docs/triage.md.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import log, sqrt
from typing import Any

from shared.events.common import Cause

LONGEST = 600  # characters that are looked at
SHOWN = 4  # features that are named as the reason
_PARTS = re.compile(r"([㐀-鿿]+)|([a-z][a-z']*)")


def features(text: str, longest: int = LONGEST) -> Counter[str]:
    """How often each n-gram occurs in the first `longest` characters; `_` stands where a Latin word begins or ends."""
    found: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for part in _PARTS.finditer(text[:longest].lower()):
        if word := part.group(2):
            words[word] += 1
            continue
        run = part.group(1)
        found.update(run)
        found.update(run[i : i + 2] for i in range(len(run) - 1))
        found.update(run[i : i + 3] for i in range(len(run) - 2))
    for word, times in words.items():
        for piece in _pieces(word):
            found[piece] += times
    return found


@lru_cache(maxsize=8192)
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
    """The best class, how far it leads the next, and the features that spoke most for it."""

    cause: Cause
    margin: float
    features: tuple[str, ...]


class CauseModel:
    """Weights as loaded: the six causes, `bias` per cause, `margin` to answer by, idf and six weights per feature."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.classes: list[Cause] = list(document["classes"])
        self.margin: float = document["margin"]
        self._bias: list[float] = list(document["bias"])
        scale: float = document["scale"]
        # The weights are kept times their idf: one multiplication less for each n-gram of each text.
        self._table: dict[str, tuple[float, ...]] = {
            feature: (idf / 1000, *(w * scale * idf / 1000 for w in weights))
            for feature, (idf, *weights) in document["features"].items()
        }

    @classmethod
    def load(cls) -> "CauseModel":
        """The shipped weights."""
        packed = (files("services.routing") / "data" / "causes.json.gz").read_bytes()
        return cls(json.loads(gzip.decompress(packed)))

    def __call__(self, text: str) -> Guess | None:
        """The best cause of a text, however weak; None when the text has no feature that the model knows."""
        found = [(f, 1 + log(n), self._table[f]) for f, n in features(text).items() if f in self._table]
        if not found:
            return None
        square = c1 = c2 = c3 = c4 = c5 = c6 = 0.0
        for _, times, (idf, w1, w2, w3, w4, w5, w6) in found:
            square += (times * idf) ** 2
            c1 += times * w1
            c2 += times * w2
            c3 += times * w3
            c4 += times * w4
            c5 += times * w5
            c6 += times * w6
        length = sqrt(square)
        scores = [c / length + bias for c, bias in zip((c1, c2, c3, c4, c5, c6), self._bias, strict=True)]
        best, second = sorted(range(len(scores)), key=lambda i: -scores[i])[:2]
        spoke = {f: times * weights[best + 1] for f, times, weights in found}
        return Guess(self.classes[best], scores[best] - scores[second], _reasons(spoke))


def _reasons(spoke: Mapping[str, float]) -> tuple[str, ...]:
    """The strongest n-grams that a reader understands: whole words, pieces of two characters or more.

    They are all in the model's vocabulary, so nothing of a customer that it does not know is ever named.
    """
    readable = [f for f in spoke if spoke[f] > 0 and (f[0] == f[-1] == "_" if f.isascii() else len(f) > 1)]
    shown: list[str] = []
    for feature in sorted(readable, key=lambda f: (-spoke[f], f)):
        word = feature.strip("_")
        if not any(word in s or s in word for s in shown):
            shown.append(word)
        if len(shown) == SHOWN:
            break
    return tuple(shown)
