"""Every rule in both languages: what it must find, what it must let pass, and what only looks like it."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.lint import CaseData, Earlier, Linter
from services.notifier.lint.rules import matrix, rules
from services.notifier.writer import Writer
from shared.calendars import builtin
from tests import rules_table

FOLDER = Path(__file__).parents[1] / "golden" / "lint"
FIXTURES = {code: yaml.safe_load((FOLDER / f"{code}.yaml").read_text(encoding="utf-8")) for code in ("en", "zh")}
# A refusal elsewhere in the letter, so that rules about refusals look at all.
REFUSING = {
    "en": " The test of 5 June found no fault. It was read twice. For this reason we do not uphold the request.",
    "zh": "6月5日检测过。记录看了两遍。因此退款这一项我们没有办理。",
}
CALENDARS = {"en": "uk-england", "zh": "cn-mainland"}
# Rules that look at the whole letter or hold it beside the case: whole letters are what they must leave alone.
WHOLE = {
    rule for rule in rules()
    if rules()[rule].how in ("code", "missing") and rule not in ("G5", "S1", "S2", "S3")
}  # fmt: skip


def case_of(given: dict[str, Any] | None, language: str) -> CaseData:
    """The case in a fixture."""
    values: dict[str, Any] = dict(given or {})
    for name in ("amounts", "known_amounts"):
        if name in values:
            values[name] = frozenset(Decimal(v) for v in values[name])
    for name in ("holds", "contacts", "titles", "known_numbers"):
        if name in values:
            values[name] = frozenset(values[name])
    if "known_dates" in values:
        pairs = [v.split("-") for v in values["known_dates"]]
        values["known_dates"] = frozenset((int(m), int(d)) for m, d in pairs)
    if "promised" in values:
        values["promised"] = frozenset(date.fromisoformat(v) for v in values["promised"])
    if "today" in values:
        calendar = builtin().get(CALENDARS[language])
        values |= {"today": date.fromisoformat(values["today"]), "working": lambda day: bool(calendar.hours(day))}
    if "earlier" in values:
        values["earlier"] = tuple(
            Earlier(e["remedy_id"], Decimal(e["amount"]), date.fromisoformat(e["due"])) for e in values["earlier"]
        )
    return CaseData(**values)


def cases() -> list[tuple[str, str, str, str]]:
    """Language, rule, side and text."""
    return [
        (language, rule, side, text)
        for language, entries in FIXTURES.items()
        for rule, entry in entries.items()
        for side in ("fail", "pass", "near")
        for text in entry.get(side, [])
    ]


@pytest.mark.parametrize(("language", "rule", "side", "text"), cases())
def test_a_rule_finds_what_it_is_for_and_nothing_else(language: str, rule: str, side: str, text: str) -> None:
    entry = FIXTURES[language][rule]
    given = entry.get("passing_case") if side == "pass" and "passing_case" in entry else entry.get("case")
    kind = entry.get("kind", "resolution")
    if rules()[rule].when == "refusal" and (side == "near" or rule == "A6"):
        text += REFUSING[language]
    report = Linter(only=[rule]).text(text, language, kind, case_of(given, language))
    found = [text[f.start : f.end] for f in report.findings]
    assert bool(found) == (side == "fail"), found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_there_are_enough_fixtures(language: str) -> None:
    # D1 is tried with long letters below, D10 is about Chinese, the short forms have tests of their own.
    for rule in set(matrix().levels) - {"D1", "D10"}:
        entry = FIXTURES[language][rule]
        assert len(entry["fail"]) >= 2, rule
        assert len(entry["pass"]) >= 2, rule
        if rule not in WHOLE and "error" in matrix().levels[rule].values():
            assert len(entry["near"]) >= 10, rule


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rules_about_whole_letters_leave_every_golden_letter_alone(language: str) -> None:
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    letters = list(specimens.gallery(writer, language))
    assert len(letters) >= 40
    for made in letters:
        assert made.report.findings == (), (made.kind, made.outcome, made.report.findings)


CHANNELS = ("letter", "email", "web", "hotline", "counter", "app", "chat", "social")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rules_about_whole_letters_leave_ten_different_letters_alone(language: str) -> None:
    """What `near` is for the others: letters to which the rule applies, and in which it must find nothing."""
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    errors = {rule for rule in WHOLE if "error" in matrix().levels.get(rule, {}).values()}
    applied = dict.fromkeys(errors, 0)
    for kind, outcome in specimens.kinds(writer, language):
        for channel in CHANNELS:
            about = specimens.case(language, kind, outcome).model_copy(update={"channel": channel})
            row = specimens.row(language, kind, outcome)
            letter = writer.write(row, about, specimens.now(), gate=False)
            fired = {f.rule for f in writer.linter.letter(letter, writer.case(row, about)).findings}
            for rule in errors - fired:
                applied[rule] += matrix().levels[rule][kind] == "error"
    assert {rule: n for rule, n in applied.items() if n < 10} == {}


@pytest.mark.parametrize(
    ("language", "sentence", "most"), [("en", "We checked the order. ", 63), ("zh", "我们查看了订单。", 65)]
)
def test_a_letter_may_take_a_minute_and_more_for_each_further_point(language: str, sentence: str, most: int) -> None:
    linter = Linter(only=["D1"])
    assert linter.text(sentence * (most - 1), language, "resolution").findings == ()
    assert [f.rule for f in linter.text(sentence * (most + 2), language, "resolution").findings] == ["D1"]
    two = CaseData(issues={"a": "x", "b": "y"})
    assert linter.text(sentence * (most + 2), language, "resolution", two).findings == ()


def test_a_much_too_long_sentence_is_an_error() -> None:
    report = Linter(only=["D3"]).text("We looked " + "and looked " * 40 + ".", "en", "resolution")
    assert {f.level for f in report.findings} == {"error", "warn"}


def test_the_table_of_kinds_and_rules_is_committed() -> None:
    assert rules_table.PAGE.read_text(encoding="utf-8") == rules_table.page()
