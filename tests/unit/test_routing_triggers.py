"""Hard triggers on sentences written without a look at the rules: all that must fire do, and nothing else."""

from pathlib import Path

import pytest

from services.routing.triage import Triage, load_rules

SENTENCES = Path(__file__).parents[2] / "samples" / "triage"
triage = Triage(load_rules())


def read(name: str) -> list[tuple[str, str]]:
    """(level or `-`, sentence) of a file."""
    lines = (SENTENCES / name).read_text("utf-8").splitlines()
    return [(level, text) for level, _, text in (line.partition("\t") for line in lines)]


def path(text: str) -> str:
    """The gravest level that fired; vulnerability puts a case on the same sensitive path as T2."""
    found = triage(text)
    return min((t.level for t in found.triggers), default="T2" if found.vulnerable else "-")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["triggers", "near", "fresh-triggers", "fresh-near", "held-triggers", "held-near"])
def test_every_sentence_is_judged_as_its_writer_meant(kind: str, language: str) -> None:
    sentences = read(f"{kind}-{language}.tsv")
    assert len(sentences) >= (150 if kind in ("triggers", "near") else 30)
    assert [(want, path(text), text) for want, text in sentences if path(text) != want] == []


@pytest.mark.parametrize(("kind", "least"), [("unseen-triggers", 0.9), ("unseen-near", 0.8)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_most_sentences_that_no_rule_was_mended_by_are_judged_as_meant(kind: str, least: float, language: str) -> None:
    sentences = read(f"{kind}-{language}.tsv")
    wrong = [(want, path(text), text) for want, text in sentences if path(text) != want]
    assert len(wrong) <= (1 - least) * len(sentences), wrong


def test_no_sentence_stands_twice_and_each_level_is_there() -> None:
    for language in ("en", "zh"):
        listed = [pair for file in sorted(SENTENCES.glob(f"*-{language}.tsv")) for pair in read(file.name)]
        assert len(listed) == len(dict(map(reversed, listed)))
        assert {level for level, _ in listed} == {"T0", "T1", "T2", "-"}


def test_a_number_is_a_whole_number() -> None:
    assert path("我女儿今年九岁，自己下的单") == "T2"
    assert path("房龄三十九岁的老楼，水管漏水") == "-"
