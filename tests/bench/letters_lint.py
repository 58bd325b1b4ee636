"""The gate over real replies: how often each rule fires, how often it is right, and how fast it is."""

import csv
import os
from collections import Counter
from pathlib import Path
from time import process_time

from services.notifier import language as languages
from services.notifier import policy, specimens
from services.notifier.lint import Linter
from services.notifier.writer import Writer
from tests.bench.measure import Result, say
from tests.support.xlsx import rows

DATA = Path(os.environ.get("AMENDS_TEST_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
WORKBOOK = DATA / "letters" / "zh_government_replies_2816.xlsx"
JUDGED = Path(__file__).with_name("letters_lint_judged.tsv")


class NoData(SystemExit):
    """The replies are not there."""


async def run(rounds: int) -> Result:
    """Lint every reply once as a resolution, then ours; compare with what was judged by hand."""
    if not WORKBOOK.exists():
        raise NoData(f"{WORKBOOK} is not there: set AMENDS_TEST_DATA")
    replies = {row["A"]: row["F"] for row in list(rows(WORKBOOK))[1:] if row.get("F")}
    linter = Linter()
    started = process_time()
    fired: Counter[str] = Counter()
    clean = 0
    found: set[tuple[str, str, int, int]] = set()
    for number, text in replies.items():
        report = linter.text(text, "zh", "resolution")
        clean += report.gate == "pass"
        fired.update({f.rule for f in report.findings})
        found |= {(number, f.rule, f.start, f.end) for f in report.errors}
    used = process_time() - started
    precision, judged = _precision(found)
    ours = _ours()
    say(f"{len(replies)} replies, {clean} pass the gate; of our {ours[1]} specimens {ours[0]} pass")
    say(f"precision of errors: {precision:.3f} of {judged} findings judged by hand")
    for rule, n in sorted(fired.items(), key=lambda entry: -entry[1]):
        say(f"  {rule:4} {100 * n / len(replies):5.1f} %")
    return Result(
        name="letters_lint",
        rounds=1,
        ours=round(precision, 3),
        reference=0.9,
        ratio=round(precision / 0.9, 3),
        spread=0.0,
        cpu_ms_per_item={"linter": round(1000 * used / len(replies), 2)},
        what=f"precision of errors on {judged} places judged by hand, in {len(replies)} real replies; wanted: 0.9",
    )


def _precision(found: set[tuple[str, str, int, int]]) -> tuple[float, int]:
    """Share of right ones among the judged findings that are still found, and their number."""
    lines = [line for line in JUDGED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    judged = [
        entry["verdict"] == "right"
        for entry in csv.DictReader(lines, delimiter="\t")
        if (entry["row"], entry["rule"], int(entry["start"]), int(entry["end"])) in found
    ]
    return sum(judged) / len(judged), len(judged)


def _ours() -> tuple[int, int]:
    """How many of our own letters pass, as hand-written text, and how many there are."""
    writer = Writer(languages.load_all(), policy.load(None), Linter())
    made = [s for code in specimens.languages() for s in specimens.gallery(writer, code)]
    passing = [s for s in made if writer.linter.letter(s.letter).gate == "pass"]
    return len(passing), len(made)
