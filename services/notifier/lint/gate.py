"""Applying the rules to a letter, and whether it may go out."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..letter import Letter
from .compare import COMPARED
from .measure import MEASURED
from .pii import seen
from .reading import CaseData, Doc, Span, read_letter, read_text
from .rules import Level, Matrix, Rule, Words, matrix, rules, vocabulary
from .structure import STRUCTURE, Place, place

NOTHING = CaseData()
CHECKS = {**STRUCTURE, **MEASURED, **COMPARED}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that fired, at characters `start` to `end` of the text."""

    rule: str
    level: Level
    start: int
    end: int
    message: str
    suggestion: str

    def as_json(self) -> dict[str, Any]:
        """As the API and the command line show it."""
        return {
            "rule": self.rule,
            "level": self.level,
            "start": self.start,
            "end": self.end,
            "message": self.message,
            "suggestion": self.suggestion,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of a letter, in the order of the text, and the gate's verdict."""

    findings: tuple[Finding, ...]
    warnings_allowed: int

    @property
    def gate(self) -> Literal["pass", "block"]:
        """Blocked by any error, or by more warnings than allowed."""
        warnings = sum(f.level == "warn" for f in self.findings)
        return "block" if self.errors or warnings > self.warnings_allowed else "pass"

    @property
    def errors(self) -> list[Finding]:
        """The findings that block by themselves."""
        return [f for f in self.findings if f.level == "error"]

    def as_json(self) -> dict[str, Any]:
        """`{findings, gate}` of the contract."""
        return {"findings": [f.as_json() for f in self.findings], "gate": self.gate}


_COST = {"error": 1.0, "warn": 0.5, "info": 0.0, "off": 0.0}


class Linter:
    """The rules and the matrix. `only` limits it to some rules."""

    def __init__(self, *, only: Iterable[str] | None = None) -> None:
        self.rules: dict[str, Rule] = {i: r for i, r in rules().items() if only is None or i in set(only)}
        self.matrix: Matrix = matrix()

    def letter(self, letter: Letter, case: CaseData = NOTHING) -> Report:
        """All rules on a structured letter."""
        return self.check(read_letter(letter), letter.kind, case)

    def text(self, text: str, language: str, kind: str, case: CaseData = NOTHING) -> Report:
        """All rules on a text written by hand."""
        return self.check(read_text(text, language), kind, case)

    def check(self, doc: Doc, kind: str, case: CaseData = NOTHING) -> Report:
        """All rules that apply to this kind of letter."""
        found: list[Finding] = []
        refusing = doc.refusing
        for rule in self.rules.values():
            level = (
                self.matrix.level(rule.id, kind, free=not doc.structured) if rule.id in self.matrix.levels else "off"
            )
            if level == "off" or (rule.when == "refusal" and not refusing):
                continue
            found += self._found(rule, level, doc, case)
        found.sort(key=lambda f: (f.start, f.rule))
        return Report(tuple(found), self.matrix.warnings)

    def score(self, report: Report, kind: str) -> dict[str, int]:
        """How good the letter is on each axis, 0 to 100: the share of the axis's rules that hold in this kind."""
        worst: dict[str, float] = {}
        for finding in report.findings:
            worst[finding.rule] = max(worst.get(finding.rule, 0.0), _COST[finding.level])
        scores = {}
        for axis, named in self.matrix.axes.items():
            applied = [rule for rule in named if self.matrix.levels[rule][kind] != "off"]
            lost = sum(worst.get(rule, 0.0) for rule in applied)
            scores[axis] = round(100 * (1 - lost / len(applied))) if applied else 100
        return scores

    def short(self, text: str, language: str, kind: str, case: CaseData = NOTHING) -> Report:
        """The rules of short forms on a text message."""
        doc = read_text(text, language)
        found = [
            finding for id_, level in self.matrix.short.items() if id_ in self.rules
            for finding in self._found(self.rules[id_], level, doc, case)
        ]  # fmt: skip
        found.sort(key=lambda f: (f.start, f.rule))
        return Report(tuple(found), self.matrix.warnings)

    def _found(self, rule: Rule, level: Level, doc: Doc, case: CaseData) -> list[Finding]:
        words = doc.words.words[rule.id]
        places = CHECKS[rule.id](doc, words, case) if rule.how == "code" else _by_words(doc, rule, words)
        # A place too long to be let pass is an error whatever the rule's own level.
        return [
            Finding(rule.id, "error" if len(at) > 2 else level, at[0], at[1], words.message, words.suggestion)
            for at in sorted(set(places))
        ]

    def slots(
        self, letter: Letter, *, ours: Container[str], known: bool, allowed: Callable[[], frozenset[str]]
    ) -> list[str]:
        """The rules that the data in a template of fixed words can break: ids of those that fired.

        The template's own words passed all rules when it was loaded, and data by the names in `ours` are words of the
        house; so greeting, signature and the sentences with somebody's own words are read. `known`: whether the
        address is on record; `allowed`: what may stand in the letter (asked only when something stands there).
        """
        values, said = [letter.greeting], [letter.greeting, letter.signatory]
        for paragraph in letter.paragraphs:
            for sentence in paragraph.sentences:
                own = [v for n, v in sentence.slots.items() if isinstance(v, str) and n not in ours]
                if own:
                    values += own
                    said.append(sentence.text)
        fired = []
        data = "\n".join(values)
        if any(p.search(data) for p in vocabulary(letter.language).words["D9"].match):
            fired.append("D9")
        found = [value for _, value in seen("\n".join(said))]
        if found and not allowed().issuperset(found):
            fired.append("G5")
        if not known:
            fired.append("G11")
        return fired


def _by_words(doc: Doc, rule: Rule, words: Words) -> Iterator[Place]:
    match rule.scope:
        case "all":
            for pattern in words.match:
                yield from (m.span() for m in pattern.finditer(doc.text))
        case "greeting":
            at, text = doc.greeting
            for pattern in words.match:
                yield from ((at + m.start(), at + m.end()) for m in pattern.finditer(text))
        case _:
            spans = _scope(doc, rule.scope)
            if rule.how == "missing":
                yield from _missing(doc, spans, words)
            elif rule.how == "needs":
                if any(p.search(doc.body) for p in words.match):
                    yield from _needs(spans, words, around=rule.around)
            else:
                # One look at everything first: most patterns are nowhere.
                patterns = [p for p in words.match if p.search(doc.body)]
                yield from _found(spans, patterns)


def _scope(doc: Doc, scope: str) -> list[Span]:
    spans = list(doc.spans)
    match scope:
        case "opening":
            return spans[:2]
        case "closing":
            return spans[-2:]
        case "cushion":
            # Where the parts are known the cushion is what says so; in a text by hand the first sentences are.
            return [s for s in spans if s.part == "cushion"] or spans[:3] if doc.structured else spans[:3]
        case _:
            return spans


def _found(spans: list[Span], patterns: Sequence[re.Pattern[str]]) -> Iterator[Place]:
    if not patterns:
        return
    for span in spans:
        if not span.exempt:
            for pattern in patterns:
                yield from ((span.start + m.start(), span.start + m.end()) for m in pattern.finditer(span.plain))


def _missing(doc: Doc, spans: list[Span], words: Words) -> Iterator[Place]:
    text = " ".join(s.text for s in spans)
    if not any(p.search(text) for p in words.match):
        yield place(spans[0]) if spans else (0, len(doc.text))


def _needs(spans: list[Span], words: Words, *, around: bool) -> Iterator[Place]:
    for n, span in enumerate(spans):
        if span.exempt or not any(p.search(span.plain) for p in words.match):
            continue
        near = spans[max(0, n - 1) : n + 2] if around else [span]
        text = " ".join(s.text for s in near)
        if not all(p.search(text) for p in words.need):
            yield place(span)
