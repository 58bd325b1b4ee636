"""Letters to one person do not read as a form: what two of them have in common, counted in whole sentences."""

from itertools import combinations
from pathlib import Path

import pytest

from services.intake import timeline
from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.letter import KINDS, Kind, Letter
from services.notifier.lint import Linter
from services.notifier.model import Facts
from services.notifier.writer import Writer

WRITER = Writer(languages.load_all(), policy.load(None), Linter())
# What one case can bring, each kind with what it says. A final answer repeats the facts that the first one established.
LIFE: tuple[tuple[Kind, str], ...] = (
    ("acknowledgement", "dated"), ("hand_over", ""), ("progress", "chased"), ("information_request", ""),
    ("reminder", "first"), ("callback_appointment", "moment"), ("call_summary", ""), ("delay_apology", "answer"),
    ("holding", "late"), ("resolution", "partly"), ("remedy_delayed", "undated"), ("remedy_done", "quoted"),
    ("reopening", ""), ("correction", ""), ("referral", "right"),
)  # fmt: skip


def shared(one: Letter, other: Letter) -> float:
    """The share of the shorter letter's sentences that stand in the other one word for word, without rights."""
    first, second = ({s.text for s in letter.sentences if not s.verbatim} for letter in (one, other))
    return len(first & second) / min(len(first), len(second))


def written(kind: Kind, outcome: str, about: Facts) -> Letter:
    return specimens.specimen(WRITER, kind, outcome, about).letter


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_letters_of_one_case_differ_in_two_sentences_of_three(language: str) -> None:
    letters = {kind: written(kind, outcome, specimens.facts(language)) for kind, outcome in LIFE}
    alike = {(a, b): round(shared(letters[a], letters[b]), 2) for a, b in combinations(letters, 2)}
    assert {pair: share for pair, share in alike.items() if share > 1 / 3} == {}
    openings = [letter.sentences[0].text for letter in letters.values()]
    assert len(set(openings)) >= len(openings) - 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_second_case_is_not_acknowledged_as_the_first_was(language: str) -> None:
    first = written("acknowledgement", "dated", specimens.facts(language))
    later = specimens.facts(language, channel="hotline", wanted="repair", last_matter="C3_network_defect")
    assert shared(first, written("acknowledgement", "dated", later)) < 0.7
    again = specimens.facts(language, asked_again=True, channel="hotline")
    told = [written("reopening", "", about) for about in (specimens.facts(language), again)]
    assert shared(told[0], told[1]) < 0.7


def test_the_page_says_of_each_kind_what_brings_it() -> None:
    page = (Path(__file__).parents[2] / "docs/letters.md").read_text(encoding="utf-8")
    table = page.partition("| the letter | what brings it | from |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()]
    assert len({cells[0].strip() for cells in rows}) == len(KINDS)
    assert all(cell.strip() for cells in rows for cell in cells)


def test_the_customers_page_has_a_name_for_each_kind() -> None:
    assert set(timeline.LETTERS) == set(KINDS)
