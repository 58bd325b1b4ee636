"""How well replies of mail clients, Chinese and English, are taken apart: those the rules were made with, and others.

The held-out files were written and committed before the rules were touched, and say only how many come out right, never
which: who improves the rules looks at the other file.
"""

from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from services.intake import mailquotes, mailtext
from tests.unit.test_intake_quotes import bare

REPLIES = Path(__file__).parents[1] / "golden/replies"


class Measured(NamedTuple):
    """Of `replies`, so many come out exactly; the share of their lines that stand where they belong; which do not."""

    replies: int
    whole: int
    lines: float
    missed: list[tuple[str, list[str]]]


def measured(name: str) -> Measured:
    replies = yaml.safe_load((REPLIES / f"{name}.yaml").read_text())
    whole = lines = right = 0
    missed = []
    for reply in replies:
        text = mailtext.from_html(reply["html"]) if "html" in reply else mailtext.clean(reply["text"])
        got, new = bare(mailquotes.split(text, reply["from"]).fresh), bare(reply["new"])
        wrong = len([line for line in got if line not in new]) + len([line for line in new if line not in got])
        whole, lines, right = whole + (not wrong), lines + len(bare(text)), right + len(bare(text)) - wrong
        missed += [(reply["client"], got)] if wrong else []
    return Measured(len(replies), whole, right / lines, missed)


@pytest.mark.parametrize(
    ("name", "told"), [("zh-made-with", True), ("zh-heldout", False), ("en-made-with", True), ("en-heldout", False)]
)
def test_the_accuracy_on_replies_of_known_clients_that_the_page_names(name: str, told: bool) -> None:
    found = measured(name)
    missed = f"; not: {found.missed}" if told else ""
    print(f"{name}: {found.replies} replies, {found.whole} exactly right, lines right {found.lines:.1%}{missed}")
    assert found.whole / found.replies >= 0.9
    assert found.lines >= 0.97
