"""What makes triage quick changes nothing: words, phrases and the cause model against their plain definitions."""

import gzip
import json
import re
from importlib.resources import files
from math import log, sqrt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.routing.cause_model import CauseModel, features
from services.routing.lexicon import Index
from services.routing.words import COMPOUND, PLAIN
from tests.support.scale import examples
from tests.triage.material import labelled

DOCUMENT: dict[str, Any] = json.loads(
    gzip.decompress((files("services.routing") / "data" / "causes.json.gz").read_bytes())
)
MODEL = CauseModel(DOCUMENT)
TEXTS = [t.text for t in labelled()]
PIECES = ("not", "no", "never", "refund", "refunded", "i", "I", "NOT", "don't", "re-fund", "\u00e9", "İ", " ", "  ",
          ", ", ".", "\n", "-", "退款", "不", "没")  # fmt: skip
PHRASES = ("refund", "not refund*", "no|never .. refund", "i ... refund*", "never", "no-refund", "not|don't i")
lines = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@examples(300)
@given(st.text(alphabet="ab'-9 é中\n?\ud800z\u00a0", max_size=20))
def test_words_are_what_their_patterns_find(text: str) -> None:
    assert PLAIN.of(text) == re.findall(r"[a-z][a-z']*", text)
    assert COMPOUND.of(text) == re.findall(r"[a-z0-9][a-z0-9'-]*", text)


@examples(300)
@given(lines)
def test_phrases_are_found_where_a_search_by_their_patterns_finds_them(text: str) -> None:
    index = Index("en")
    for phrase in PHRASES:
        index.add(phrase, phrase, 1, located=True)
    phrases = {p.text: p for listed in index._begun.words.values() for p in listed}
    phrases |= {p.text: p for listed in index._begun.stems.values() for _, p in listed}
    assert set(phrases) == set(PHRASES)
    lowered = text.lower()
    for phrase in phrases.values():
        assert phrase.pattern
        plain = [m.span() for m in phrase.pattern.finditer(text)]
        assert [m.span() for m in phrase.matches(text, lowered)] == plain
    assert {h.rule for h in index.find(text, lowered)} <= {p.text for p in phrases.values() if p.pattern.search(text)}  # type: ignore[union-attr]


@examples(100)
@given(st.sampled_from(TEXTS), st.integers(0, 3))
def test_the_model_says_what_its_weights_say_one_by_one(text: str, more: int) -> None:
    text = f"{text} {text[: 40 * more]}"
    found = {f: (1 + log(n), DOCUMENT["features"][f]) for f, n in features(text).items() if f in DOCUMENT["features"]}
    length = sqrt(sum((times * idf) ** 2 for times, (idf, *_) in found.values()))
    scores = [
        DOCUMENT["bias"][c] + DOCUMENT["scale"] * sum(t * w[c] * idf for t, (idf, *w) in found.values()) / length
        for c in range(6)
    ]
    guess = MODEL(text)
    assert guess
    best, second = sorted(scores, reverse=True)[:2]
    assert DOCUMENT["classes"][scores.index(best)] == guess.cause
    assert abs(best - second - guess.margin) < 1e-9
