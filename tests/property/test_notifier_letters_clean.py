"""Whatever is decided, the letter about it passes the gate."""

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
from tests.support.scale import examples

WRITER = Writer(languages.load_all(), policy.load(None), Linter())
CHANNELS = ("letter", "email", "web", "hotline", "counter", "app", "chat", "social")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_decision_makes_a_clean_letter(language: str) -> None:
    @examples(1000)
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

    clean()
