"""The table of promises in docs/architecture.md names tests that exist."""

import ast
import re

from deploy.local.processes import ROOT

NAMED = re.compile(r"`((?:chaos|integration|contract)/\w+\.py)(?:::(\w+))?`")


def test_every_promise_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| test |" not in line]
    promises = rows[next(n for n, row in enumerate(rows) if "answered with 201" in row) :]
    assert len(promises) > 20
    for row in promises:
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            tree = ast.parse((ROOT / "tests" / file).read_text())
            defined = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
            assert not test or test in defined, f"{file} has no {test}"
