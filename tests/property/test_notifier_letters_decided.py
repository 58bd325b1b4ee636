"""A hundred real complaints, decided by hand: the letters are clean, and whole."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.lint import Linter
from services.notifier.writer import Writer
from shared.events.common import Decision
from tests.support.xlsx import rows

WRITER = Writer(languages.load_all(), policy.load(None), Linter())
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("AMENDS_TEST_DATA", ROOT.parent / ".." / "shared" / "data"))
WORKBOOK = DATA / "letters" / "zh_government_replies_2816.xlsx"
FINDINGS = {
    "U": ("substantiated", "granted", "responsibility"), "P": ("partly", "partly", "regret"),
    "A": ("not_substantiated", "alternative", "regret"), "N": ("not_substantiated", "refused", "regret"),
    "X": ("not_established", "refused", "regret"),
}  # fmt: skip


def decided() -> list[list[str]]:
    """The file's lines as fields."""
    text = (ROOT / "golden" / "lint" / "decided.txt").read_text(encoding="utf-8")
    return [line.split("|") for line in text.splitlines() if line and not line.startswith("#")]


def record(fields: list[str]) -> Decision:
    """The decision record of one line."""
    _, code, what, fact, reason, sorry, last = fields
    finding, request, apology = FINDINGS[code]
    issue = {
        "id": "i", "what": what, "finding": finding, "request": request, "reason": reason,
        "facts": [{"text": fact, "source": "核查记录", "date": "2026-06-05"}],
        "apology": {"kind": apology, "for_": sorry},
    }  # fmt: skip
    remedy = {
        "id": "r", "type": "other", "remedy_class": "redress", "item": last, "by": "2026-06-30", "actor": "我们",
        "issue": "i",
    }  # fmt: skip
    return Decision.model_validate(
        {
            "examined": ["查看了您反映的全部情况", "到现场核实"], "issues": [issue],
            "remedies": [] if code == "N" else [remedy], "improvement": last if code == "N" else None,
            "calls_to_action": [
                {"action": "来电说您还不清楚的地方", "channel": "电话", "contact": "010-5550100", "by": "2026-06-23"}
            ],
        }
    )  # fmt: skip


def test_there_are_a_hundred() -> None:
    assert len({fields[0] for fields in decided()}) >= 100


@pytest.mark.skipif(not WORKBOOK.exists(), reason="no test data: set AMENDS_TEST_DATA for the real complaints")
def test_letters_about_real_complaints_are_clean() -> None:
    complaints = {row["A"]: row for row in rows(WORKBOOK)}
    for fields in decided():
        complaint: dict[str, Any] = complaints[fields[0]]
        person = specimens.facts("zh").person.model_copy(update={"name": None, "salutation": None})
        person = person.model_copy(update={"subject": complaint["C"]})
        facts = specimens.facts("zh", person=person, wanted=None, channel="web", received_at=received(complaint["D"]))
        row = specimens.row("zh", "resolution", "upheld")
        row.inputs["decision"] = record(fields).model_dump(exclude_none=True)
        letter = WRITER.write(row, facts, specimens.now(), gate=False)
        report = WRITER.linter.letter(letter, WRITER.case(row, facts))
        assert not report.errors, (fields[0], [(f.rule, letter.text[f.start : f.end]) for f in report.findings])
        assert report.gate == "pass", (fields[0], report.findings)
        assert fields[2] in letter.text


def received(text: str) -> datetime:
    """When it came in, as the workbook tells it; where it is a number of days, the specimens' day."""
    try:
        day, _, clock = text.partition(" ")
        year, month, number = (int(part) for part in day.split("/"))
        return datetime.fromisoformat(f"{year:04}-{month:02}-{number:02}T{clock.split(':')[0]:0>2}:00:00+08:00")
    except ValueError:
        return specimens.facts("zh").received_at
