"""Every rule finds its own mistake in every golden letter, and no other rule finds anything that is not declared."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.letter import KINDS
from services.notifier.lint import Linter
from services.notifier.lint.rules import matrix
from services.notifier.writer import Writer
from tests.support.mutations import Mutator, Words, mutators

DECLARED: Any = yaml.safe_load(
    (Path(__file__).parents[1] / "golden" / "lint" / "mutations.yaml").read_text(encoding="utf-8")
)
WRITER = Writer(languages.load_all(), policy.load(None), Linter())


@cache
def steps(language: str) -> dict[str, Mutator]:
    """The mutators in this language."""
    return mutators(Words(DECLARED["says"][language], "" if language == "zh" else " "))


@cache
def gallery(language: str) -> list[tuple[Any, Any]]:
    """Every golden letter with its case."""
    found = []
    for kind in KINDS:
        for outcome in specimens.outcomes(language, kind):
            row, facts = specimens.row(language, kind, outcome), specimens.case(language, kind, outcome)
            found.append((WRITER.write(row, facts, specimens.now(), gate=False), WRITER.case(row, facts)))
    return found


@pytest.mark.parametrize("rule", sorted(matrix().levels))
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_rule_finds_its_own_mistake(language: str, rule: str) -> None:
    skipped = DECLARED["cannot"].get(rule, {})
    if language in skipped.get("languages", ()):
        return
    companions = set(DECLARED["companions"].get(rule, ()))
    tried = 0
    for letter, case in gallery(language):
        if matrix().levels[rule][letter.kind] == "off" or not applies(rule, letter, case):
            continue
        mutated, beside = steps(language)[rule](letter, case)
        fired = {f.rule for f in WRITER.linter.letter(mutated, beside).findings}
        assert rule in fired, (letter.kind, fired, mutated.text)
        assert fired <= {rule} | companions, (letter.kind, fired, mutated.text)
        tried += 1
    assert tried >= DECLARED["cannot"].get(rule, {}).get("at_least", 2)


def applies(rule: str, letter: Any, case: Any) -> bool:
    """Whether the mistake can be made in this letter at all."""
    parts = {s.part for s in letter.sentences}
    refusing = any(f not in ("substantiated", "partly") for f in (case.findings or {}).values())
    slots = {name for s in letter.sentences for name in s.slots}
    promised = [c for c in letter.promises if c.kind == "remedy" and c.remedy_id]
    needs = {
        "A2": refusing, "A6": refusing, "A7": refusing, "A10": refusing, "A9": refusing, "E9": refusing,
        "A1": "remedy" in parts, "A4": "examined" in slots,
        "E8": any(f == "substantiated" for f in (case.findings or {}).values()),
        "B9": bool(promised), "C6": bool(promised), "C5": any("amount" in s.slots for s in letter.part("remedy")),
        "C7": any(c for c in letter.promises), "C10": "call_to_action" in parts, "C4": "call_to_action" in parts,
        "A11": "call_to_action" in parts,
    }  # fmt: skip
    return needs.get(rule, True)
