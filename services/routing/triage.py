"""Triage: from the customer's words to cause, severity, triggers, vulnerability, needs; each says which rule decided.

Rules are data (`data/triage.yaml`, Chinese and English), compiled once. C7-C9 are judgements that only a person makes,
after investigation. Where the rules find no cause that leads clearly the model is asked, and where it is not sure
either, the answer is `unknown`: a person says. Severity: ISO 10002's initial assessment.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from typing import Any, cast

import yaml

from shared.events.common import Cause, Language, Severity, TriggerLevel
from shared.events.routing import Trigger

from .cause_model import CauseModel
from .lexicon import Hit, Index

LONGEST = 20_000  # characters that are looked at; what a complaint is about stands in its beginning
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN = re.compile(r"[A-Za-z]+")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SPACE = re.compile(r"\s+")
_FEW = 4  # words or Chinese characters: fewer do not tell a language


@dataclass(frozen=True)
class Sign:
    """A vulnerability rule that fired: the words, the legal basis on which they are kept, and for how many days."""

    rule: str
    span: str
    basis: str
    days: int


@dataclass(frozen=True)
class Triaged:
    """What the text says. `spans` are the customer's words that triggers and vulnerability rest on: personal."""

    cause: Cause
    severity: Severity
    score: Mapping[str, int]
    triggers: tuple[Trigger, ...]
    vulnerable: bool
    needs: tuple[str, ...]
    language: Language
    decided_by: tuple[str, ...]
    spans: tuple[str, ...]
    signs: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class Known:
    """What the channel knows besides the text."""

    language: Language | None = None
    issues: int = 1
    value_at_stake: str | None = None
    complaints_12m: int = 0


@dataclass
class Rules:
    """The compiled rule file."""

    index: dict[Language, Index]
    levels: dict[str, TriggerLevel]
    document: Mapping[str, Any]
    order: list[str] = field(default_factory=list)


def compile_rules(document: Mapping[str, Any]) -> Rules:
    """Rules from the parsed file: rule ids are `cause:…`, `T0.…`, `V.…`, `needs_…`, `severity:field`."""
    index: dict[Language, Index] = {"en": Index("en"), "zh": Index("zh")}
    rules = Rules(index, {t["id"]: t["level"] for t in document["triggers"]}, document)
    for language, made in index.items():
        for cause, lexicon in document["causes"].items():
            for weight, phrases in lexicon.get(language, {}).items():
                for phrase in phrases:
                    made.add(f"cause:{cause}", str(phrase), int(weight), located=False)
        for rule in (*document["triggers"], *document["vulnerability"], *document["needs"]):
            made.add_unless(rule["id"], map(str, rule.get("unless", {}).get(language, ())))
            for phrase in rule.get(language, ()):
                made.add(rule["id"], str(phrase), 1, located=True)
        for name, lines in document["severity"].items():
            for points, lexicon in lines.items():
                for phrase in lexicon.get(language, ()):
                    made.add(f"severity:{name}", str(phrase), int(points), located=False)
    return rules


def load_rules() -> Rules:
    """The rules of the package: `triage.yaml` and `triggers.yaml`."""
    document: dict[str, Any] = {}
    for name in ("triage.yaml", "triggers.yaml"):
        text = (files("services.routing") / "data" / name).read_text("utf-8")
        document |= yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return compile_rules(document)


def language_of(text: str, otherwise: Language | None) -> tuple[Language, str]:
    """The language of a text by its script, and how that was decided. A Chinese character weighs as much as a word.

    A language that the rules have no words for is taken from the channel: its script may be that of another.
    """
    if otherwise not in (None, "zh", "en"):
        return otherwise, "language:channel"
    han = 0 if text.isascii() else sum(map(len, _HAN.findall(text)))
    # Without Chinese it is enough to know whether there are a few words.
    latin = len(_LATIN.findall(text)) if han else sum(1 for _ in islice(_LATIN.finditer(text), _FEW))
    if han + latin < _FEW:
        return otherwise or "en", "language:channel" if otherwise else "language:default"
    return ("zh" if han >= latin else "en"), "language:script"


class Triage:
    """The compiled rules, and behind them the cause model, as a function of the text."""

    def __init__(self, rules: Rules, model: CauseModel | None = None) -> None:
        self._rules, self._model = rules, model
        doc = rules.document
        self._levels: dict[str, int] = doc["levels"]
        self._floor: dict[str, str] = doc["trigger_floor"]
        self._value: list[int] = doc["value_impact"]
        self._least, self._margin = doc["cause_rule"]["least"], doc["cause_rule"]["margin"]
        self._vulnerability: dict[str, Mapping[str, Any]] = {r["id"]: r for r in doc["vulnerability"]}
        self._needs = {r["id"] for r in doc["needs"]}

    def __call__(self, text: str, known: Known = Known()) -> Triaged:
        """Judge a complaint's text (subject and body, customer's own words)."""
        text = text[:LONGEST].replace("’", "'")
        language, by_language = language_of(text, known.language)
        hits = self._hits(text)
        cause, by_cause = self._cause(hits)
        if cause == "unknown" and self._model:
            cause, by_cause = self._guess(self._model, text, by_cause)
        triggers = self._triggers(hits)
        weak = sorted({h.rule for h in hits if h.rule in self._vulnerability})
        needs = tuple(sorted({h.rule for h in hits if h.rule in self._needs}))
        score, by_score = self._score(hits, known, triggers, vulnerable=bool(weak))
        severity, by_severity = self._severity(score, triggers)
        located = [h for h in hits if h.rule in self._rules.levels or h.rule in self._vulnerability]
        return Triaged(
            cause=cause,
            severity=severity,
            score=score,
            triggers=triggers,
            vulnerable=bool(weak),
            needs=needs,
            language=language,
            decided_by=(
                by_language,
                by_cause,
                *(f"trigger:{t.rule}" for t in triggers),
                *(f"vulnerability:{w}" for w in weak),
                *(f"need:{n}" for n in needs),
                *by_score,
                by_severity,
            ),
            spans=tuple(dict.fromkeys(f"{h.rule}: {_words(h)}" for h in located)),
            signs=tuple(self._signs(hits)),
        )

    def _signs(self, hits: Iterable[Hit]) -> Iterable[Sign]:
        spans: dict[str, dict[str, None]] = defaultdict(dict)
        for hit in hits:
            if hit.rule in self._vulnerability:
                spans[hit.rule][_words(hit)] = None
        for rule, words in sorted(spans.items()):
            line = self._vulnerability[rule]
            yield Sign(rule, " … ".join(words), line["basis"], line["days"])

    def _hits(self, text: str) -> list[Hit]:
        lowered = text.lower()
        hits: list[Hit] = []
        if not text.isascii() and _HAN.search(text):
            hits.extend(self._rules.index["zh"].find(text, lowered))
        if _LATIN.search(text):
            hits.extend(self._rules.index["en"].find(text, lowered))
        return hits

    def _cause(self, hits: Iterable[Hit]) -> tuple[Cause, str]:
        scores: dict[str, int] = defaultdict(int)
        words: dict[str, list[str]] = defaultdict(list)
        for hit in hits:
            kind, _, name = hit.rule.partition(":")
            if kind == "cause":
                scores[name] += hit.weight
                words[name].append(hit.phrase)
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        if not ranked or ranked[0][1] < self._least:
            return "unknown", "cause:abstain:weak"
        best, points = ranked[0]
        if len(ranked) > 1 and points - ranked[1][1] < self._margin:
            return "unknown", f"cause:abstain:{best}~{ranked[1][0]}"
        return cast(Cause, best), f"cause:{best}={points}:{'+'.join(sorted(words[best])[:6])}"

    @staticmethod
    def _guess(model: CauseModel, text: str, by_rules: str) -> tuple[Cause, str]:
        # The rules' own abstention stays in the record: it says why the model was asked.
        guess = model(text)
        if guess is None or guess.margin < model.margin:
            why = f"{guess.cause}={guess.margin:.2f}" if guess else "nothing known"
            return "unknown", f"{by_rules};model:abstain:{why}"
        return guess.cause, f"{by_rules};model:{guess.cause}={guess.margin:.2f}:{'+'.join(guess.features)}"

    def _triggers(self, hits: Iterable[Hit]) -> tuple[Trigger, ...]:
        fired = sorted({(self._rules.levels[h.rule], h.rule) for h in hits if h.rule in self._rules.levels})
        return tuple(Trigger(level=level, rule=rule) for level, rule in fired)

    def _score(
        self, hits: Iterable[Hit], known: Known, triggers: tuple[Trigger, ...], *, vulnerable: bool
    ) -> tuple[dict[str, int], list[str]]:
        score = dict.fromkeys(self._rules.document["severity"], 0)
        for hit in hits:
            kind, _, name = hit.rule.partition(":")
            if kind == "severity":
                score[name] = max(score[name], hit.weight)
        if any(t.level == "T0" for t in triggers):
            score["safety"] = score["immediate_action"] = 2
        amount = _amount(known.value_at_stake)
        score["impact"] = max(score["impact"], int(vulnerable), sum(amount >= limit for limit in self._value))
        repeated = 2 if known.issues >= 4 else 1 if known.issues >= 2 or known.complaints_12m >= 2 else 0
        score["complexity"] = max(score["complexity"], repeated)
        return score, [f"iso:{name}={points}" for name, points in score.items() if points]

    def _severity(self, score: Mapping[str, int], triggers: tuple[Trigger, ...]) -> tuple[Severity, str]:
        total = sum(score.values())
        level = next(name for name, least in self._levels.items() if total >= least)
        floor = min((self._floor[t.level] for t in triggers), default=level)
        if floor < level:
            return cast(Severity, floor), f"severity:{floor}:floor"
        return cast(Severity, level), f"severity:{level}:score={total}"


def _words(hit: Hit) -> str:
    return _SPACE.sub(" ", hit.span)[:120]


def _amount(text: str | None) -> float:
    found = _NUMBER.search(text or "")
    return float(found.group().replace(",", "")) if found else 0.0
