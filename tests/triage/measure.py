"""`python -m tests.triage.measure`: what triage finds, written to docs/results/triage.json and into docs/triage.md.

Held out means: a text is judged by a model that was trained without it (five folds, decided by the text's id). The
rules are not trained. Real texts that may not be shipped are measured when they are there (AMENDS_TEST_DATA); without
them their figures of the last run stay.
"""

import csv
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.routing.cause_model import CauseModel, features
from services.routing.triage import Triage, load_rules
from tests.support.xlsx import rows as sheet_rows
from tests.triage import tables
from tests.triage.linear import train
from tests.triage.material import FOLDER, FOLDS, Labelled, agreement, labelled, training_only
from tests.triage.train import MARGIN, packed

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AMENDS_TEST_DATA", ROOT / ".." / "shared" / "data"))
DOCS = ROOT / "docs"
RESULTS = DOCS / "results" / "triage.json"
Pairs = Sequence[tuple[str, str]]


def accuracy(pairs: Pairs) -> float:
    """Share of (wanted, given) that agrees."""
    return sum(a == b for a, b in pairs) / max(1, len(pairs))


def macro_f1(pairs: Pairs) -> float:
    """Mean F1 of the classes that were wanted."""
    scores = []
    for c in sorted({wanted for wanted, _ in pairs}):
        right = sum(a == b == c for a, b in pairs)
        wrong = sum((a == c) != (b == c) for a, b in pairs)
        scores.append(2 * right / max(1, 2 * right + wrong))
    return sum(scores) / max(1, len(scores))


def causes() -> dict[str, Any]:
    """Kappa of the two passes; rules, model and both on the texts whose labels agree, held out."""
    texts = labelled()
    same, kappa = agreement([t.first for t in texts], [t.second for t in texts])
    agreed = [t for t in texts if t.first == t.second]
    rules = Triage(load_rules())
    forced: dict[str, str] = {}
    judged: dict[str, str] = {}
    extra = training_only()
    for fold in range(FOLDS):
        kept = [(features(t.text), t.first) for t in agreed if t.fold != fold and t.first != "unknown"] + extra
        made = train([counts for counts, _ in kept], [cause for _, cause in kept])
        model = CauseModel(packed(made) | {"margin": MARGIN})
        both = Triage(load_rules(), model)
        for text in agreed:
            if text.fold == fold:
                guess = model(text.text)
                forced[text.id] = guess.cause if guess else "unknown"
                judged[text.id] = both(text.text).cause
    by_rules = {t.id: rules(t.text).cause for t in agreed}
    return {
        "texts": len(texts),
        "languages": Counter(f"{t.language} {t.origin}" for t in texts),
        "causes": Counter(t.first for t in texts),
        "same": round(same, 3),
        "kappa": round(kappa, 3),
        "agreed": len(agreed),
        "without_margin": _judged(agreed, forced, answering=[t for t in agreed if t.first != "unknown"]),
        "rules": _judged(agreed, by_rules),
        "both": _judged(agreed, judged),
        "both_by_language": {name: _judged(group, judged) for name, group in _groups(agreed).items()},
    }


def _groups(texts: Iterable[Labelled]) -> dict[str, list[Labelled]]:
    groups: dict[str, list[Labelled]] = {}
    for text in texts:
        groups.setdefault(f"{text.language} {text.origin}", []).append(text)
    return groups


def _judged(
    texts: Sequence[Labelled], given: Mapping[str, str], answering: Sequence[Labelled] | None = None
) -> dict[str, Any]:
    answered = [t for t in answering or texts if answering is not None or given[t.id] != "unknown"]
    pairs = [(t.first, given[t.id]) for t in answered]
    return {
        "texts": len(answering or texts),
        "abstained": round(1 - len(answered) / len(answering or texts), 3),
        "accuracy": round(accuracy(pairs), 3),
        "macro_f1": round(macro_f1(pairs), 3),
    }


def triggers() -> dict[str, Any]:
    """Recall and false alarms on each list of sentences."""
    triage = Triage(load_rules())
    found: dict[str, Any] = {}
    for file in sorted(FOLDER.glob("*.tsv")):
        wanted = [line.partition("\t")[::2] for line in file.read_text("utf-8").splitlines()]
        given = []
        for _, text in wanted:
            judged = triage(text)
            given.append(min((t.level for t in judged.triggers), default="T2" if judged.vulnerable else "-"))
        right = sum(level == got for (level, _), got in zip(wanted, given, strict=True))
        found[file.stem] = {"sentences": len(wanted), "as_meant": right, "paged": sum(g in ("T0", "T1") for g in given)}
    return found


def firing(texts: Iterable[str]) -> dict[str, Any]:
    """How often each level fires, and CPU per text with rules and model."""
    triage = Triage(load_rules(), CauseModel.load())
    levels: Counter[str] = Counter()
    unknown = count = 0
    started = time.process_time()
    for text in texts:
        found = triage(text)
        count += 1
        unknown += found.cause == "unknown"
        levels[min((t.level for t in found.triggers), default="-")] += 1
    spent = time.process_time() - started
    grave = levels["T0"] + levels["T1"]
    return {
        "texts": count,
        **{level: levels[level] for level in ("T0", "T1", "T2")},
        "grave": round(grave / max(1, count), 4),
        "unknown": round(unknown / max(1, count), 3),
        "cpu_ms": round(1000 * spent / max(1, count), 2),
    }


def real_texts() -> dict[str, list[str]]:
    """Complaints that people really wrote."""
    with (DATA / "complaints" / "cfpb_sample.csv").open(encoding="utf-8", newline="") as file:
        sample = [r["Consumer complaint narrative"] for r in csv.DictReader(file)]
    narratives = [text for _, text in products()]
    letters = [
        f"{r.get('C', '')}\n{r.get('E', '')}" for r in sheet_rows(DATA / "letters" / "zh_government_replies_2816.xlsx")
    ]
    return {
        "CFPB sample": [t for t in sample if t.strip()],
        "CFPB narratives (stop words removed)": narratives,
        "Chinese citizens' letters to government": letters[1:],
    }


def products() -> list[tuple[str, str]]:
    """(product, narrative) of the second CFPB file."""
    with (DATA / "complaints" / "cfpb_narratives.csv").open(encoding="utf-8", newline="") as file:
        return [(r["product"], r["narrative"]) for r in csv.DictReader(file) if r["narrative"].strip()]


def product_folds() -> dict[str, Any]:
    """The same features and training on another labelled set: five CFPB products, each fifth held out in turn."""
    rows = [(product, features(text, longest=20_000)) for product, text in products()]
    pairs: list[tuple[str, str]] = []
    for fold in range(FOLDS):
        kept = [row for i, row in enumerate(rows) if i % FOLDS != fold]
        made = train([counts for _, counts in kept], [product for product, _ in kept])
        for product, counts in rows[fold::FOLDS]:
            scores = made.scores(counts)
            pairs.append((product, made.classes[scores.index(max(scores))]))
    return {"texts": len(rows), "accuracy": round(accuracy(pairs), 3), "macro_f1": round(macro_f1(pairs), 3)}


def main() -> None:
    """Measure, write, print."""
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results |= {"causes": causes(), "triggers": triggers()}
    if (DATA / "complaints").is_dir():
        real = {name: firing(texts) for name, texts in real_texts().items()}
        together = sum(r["texts"] for r in real.values())
        grave = sum(r["T0"] + r["T1"] for r in real.values()) / together
        results |= {"real": real, "real_together": {"texts": together, "grave": round(grave, 4)}}
        results["products"] = product_folds()
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", "utf-8")
    page = DOCS / "triage.md"
    block = f"<!-- measured -->\n{tables.markdown(results)}\n<!-- end -->"
    page.write_text(
        re.sub(r"<!-- measured -->.*<!-- end -->", lambda _: block, page.read_text("utf-8"), flags=re.S), "utf-8"
    )
    print(tables.markdown(results))


if __name__ == "__main__":
    main()
