"""`python -m tests.rules_table`: docs/letter-rules.md, the committed matrix of kinds and rules, from the rule files."""

from pathlib import Path

from services.notifier.letter import KINDS
from services.notifier.lint.rules import matrix, rules, vocabulary

PAGE = Path(__file__).parents[1] / "docs" / "letter-rules.md"
_SIGN = {"error": "E", "warn": "W", "info": "I", "off": "·"}
_ABOUT = """# The rules of letters

Made by `python -m tests.rules_table` from `services/notifier/data/rules/`; a test compares. **E** stops a letter,
**W** needs a reviewer's eye (more than two stop it), **I** is advice, · does not apply.

## What each rule finds, and why
"""


def page() -> str:
    """The whole page."""
    words, table = vocabulary("en").words, matrix()
    lines = [_ABOUT, "| rule | finds | because | in a text message |", "|---|---|---|---|"]
    for id_, rule in rules().items():
        lines.append(f"| {id_} | {words[id_].message} | {rule.why} | {_SIGN[table.short.get(id_, 'off')]} |")
    lines += ["", "## Kind by kind", ""]
    lines += ["| kind | " + " | ".join(table.levels) + " |", "|---|" + "---|" * len(table.levels)]
    for kind in KINDS:
        row = " | ".join(_SIGN[levels[kind]] for levels in table.levels.values())
        lines.append(f"| {kind.replace('_', ' ')} | {row} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
