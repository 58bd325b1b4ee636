"""The labelled texts of `samples/triage`, read and counted."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from services.routing.cause_model import features

FOLDER = Path(__file__).parents[2] / "samples" / "triage"
RULES = Path(__file__).parents[2] / "services" / "routing" / "data" / "triage.yaml"
FOLDS = 5
_NAMES = {name[:2]: name for name in yaml.safe_load(RULES.read_text("utf-8"))["causes"]}


@dataclass(frozen=True)
class Labelled:
    """A text with the cause that each of the two passes gave it; `origin` is cfpb or written."""

    id: str
    language: str
    origin: str
    text: str
    first: str
    second: str

    @property
    def fold(self) -> int:
        """Which of the folds holds it out: decided by its id alone."""
        return int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % FOLDS


def labelled() -> list[Labelled]:
    """All texts with two labels."""
    first, second = (_labels(f"labels-{name}.csv") for name in ("first", "second"))
    rows = map(json.loads, (FOLDER / "texts.jsonl").read_text("utf-8").splitlines())
    return [Labelled(first=first[row["id"]], second=second[row["id"]], **row) for row in rows]


def training_only() -> list[tuple[Counter[str], str]]:
    """Texts with one label, written for training, and the phrases of the rules: never used to measure."""
    rows = map(json.loads, (FOLDER / "training.jsonl").read_text("utf-8").splitlines())
    made = [(features(row["text"]), _NAMES[row["cause"]]) for row in rows]
    for cause, languages in yaml.safe_load(RULES.read_text("utf-8"))["causes"].items():
        for weights in languages.values():
            phrases = [str(p) for points, listed in weights.items() if int(points) >= 2 for p in listed]
            made.extend((features(phrase.replace("|", " ").replace("…", " ")), cause) for phrase in phrases)
    return made


def agreement(first: Sequence[str], second: Sequence[str]) -> tuple[float, float]:
    """(share that agrees, Cohen's kappa)."""
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    one, two = Counter(first), Counter(second)
    chance = sum(one[c] * two[c] for c in one) / len(first) ** 2
    return same, (same - chance) / (1 - chance)


def _labels(name: str) -> dict[str, str]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return {row["id"]: _NAMES.get(row["cause"], row["cause"]) for row in csv.DictReader(file)}
