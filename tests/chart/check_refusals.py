"""Wrong values are refused, by both generations of Helm, with the name of the field.

Each file of refused/ is put over ci/minimal-values.yaml; its first line names the field.
"""

import re
from pathlib import Path

import pytest
import yaml

from tests.chart.support import CI, HELMS, template

WRONG = sorted(Path(__file__).with_name("refused").glob("*.yaml"))


def test_there_are_enough() -> None:
    assert len(WRONG) >= 30


@pytest.mark.parametrize("name", HELMS)
@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_refused_with_the_field_named(path: Path, name: str) -> None:
    text = path.read_text()
    field = text.splitlines()[0].removeprefix("# ")
    done = template(CI["minimal"], over=yaml.safe_load(text), helm_name=name)
    assert done.code != 0, f"{field} was taken"
    parent, _, leaf = field.rpartition(".")
    # Helm 3 writes `a.b: ...` or `a: Additional property b`, Helm 4 `at '/a/b'` or `at '/a': ... 'b'`.
    said = done.err.replace("/", ".")
    assert re.search(rf"\b{re.escape(leaf)}\b", said), said
    assert parent in said, said


def test_each_is_refused_for_itself() -> None:
    assert template(CI["minimal"], over={}).code == 0
