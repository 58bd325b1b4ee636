"""Whatever is decided, the letter about it passes the gate. At full scale the table in docs/results is written anew."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.letter import Kind
from services.notifier.lint import Linter
from services.notifier.sms import LONGEST, segments
from services.notifier.writer import Writer
from shared.events.common import Decision
from tests.support.decisions import decisions
from tests.support.scale import FULL, examples

WRITER = Writer(languages.load_all(), policy.load(None), Linter())
CHANNELS = ("letter", "email", "web", "hotline", "counter", "app", "chat", "social")
PAGE = Path(__file__).parents[2] / "docs/results/letters-clean.md"
HEAD = """# Letters about generated decisions

Every decision is put together from matters that really occur (`tests/support/decisions.py`): one to three points, each
finding and request, remedies or none, calls to action, an improvement or none; over eight channels, first and second
stage, and customers who came back. `AMENDS_TESTS=full .venv/bin/pytest tests/property/test_notifier_letters_clean.py`

| language | letters | different decisions | resolutions | final answers | errors | warnings | too long to text |
|---|---|---|---|---|---|---|---|
"""
TABLE: dict[str, Counter[str]] = {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_decision_makes_a_clean_letter(language: str) -> None:
    counted, seen = TABLE.setdefault(language, Counter()), set()

    @examples(1200)
    @given(decisions(language), st.sampled_from(["resolution", "final"]), st.sampled_from(CHANNELS), st.booleans())
    def clean(decision: Decision, kind: Kind, channel: str, again: bool) -> None:
        facts = specimens.facts(language, channel=channel, asked_again=again, stage=2 if kind == "final" else 1)
        row = specimens.row(language, "resolution", "upheld")
        row.kind = kind
        row.inputs["decision"] = decision.model_dump(exclude_none=True)
        letter = WRITER.write(row, facts, specimens.now(), gate=False)
        report = WRITER.linter.letter(letter, WRITER.case(row, facts))
        assert report.gate == "pass", ([(f.rule, letter.text[f.start : f.end]) for f in report.findings], letter.text)
        assert not report.errors
        assert segments(WRITER.short(row, facts, specimens.now())) <= LONGEST
        seen.add(decision.model_dump_json())
        counted.update(["letters", kind, *("warning" for f in report.findings if f.level == "warn")])

    clean()
    counted["decisions"] = len(seen)
    if FULL and set(TABLE) == {"en", "zh"}:
        assert sum(one["letters"] for one in TABLE.values()) >= 2000
        PAGE.write_text(HEAD + "".join(map(_line, TABLE)), encoding="utf-8")


def _line(language: str) -> str:
    n = TABLE[language]
    return (
        f"| {language} | {n['letters']:,} | {n['decisions']:,} | {n['resolution']:,} | {n['final']:,} "
        f"| 0 | {n['warning']} | 0 |\n"
    )
