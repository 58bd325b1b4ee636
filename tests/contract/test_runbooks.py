"""Runbooks are read in bad moments: every command, variable, metric, file and value that they name exists."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from services.cli import COMMANDS
from shared.events.catalog import SERVICES

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))
HELM = {"deploy/k8s/amends", "REVISION"}  # what follows the release's name in helm's commands
TOLD = {"amends_backup"}  # a replication slot's name in the example


def pieces(page: Path) -> Iterator[str]:
    """What stands as code: indented lines and spans."""
    for line in page.read_text().splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for piece in pieces(page):
            found += [(page.name, c) for c in re.findall(r"(?<![\w/.-])(?<!-n )amends ([a-z][^;&|#>)]*)", piece)]
    return [(name, c.strip()) for name, c in found if c.partition(" ")[0] not in HELM]


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda value: value[:60])
def test_the_command_and_its_options_exist(page: str, command: str) -> None:
    words = shlex.split(command.replace("…", "x"))
    assert words[0] in COMMANDS, f"{page}: amends {command}"
    module, _, name = COMMANDS[words[0]][0].partition(":")
    known: Any = get_command(getattr(import_module(module), name))
    rest = words[1:]
    while rest and rest[0] in getattr(known, "commands", ()):
        known, rest = known.commands[rest[0]], rest[1:]
    assert not hasattr(known, "commands") or known.invoke_without_command or not rest, f"{page}: {command}"
    options = {option for parameter in known.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= options, f"{page}: {command}"


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    fields = {f.upper() for s in SERVICES for f in import_module(f"services.{s}.settings").Settings.model_fields}
    assert set(re.findall(r"\bAMENDS_([A-Z_]+)\b", text)) <= fields
    code = "\n".join(p.read_text() for room in ("shared", "services") for p in (ROOT / room).rglob("*.py"))
    for metric in set(re.findall(r"\b(amends_[a-z_]+)\b", text)) - TOLD:
        assert f'"{metric}"' in code, f"no metric {metric}"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link
    for file in re.findall(r"`(tests/[\w/]+\.py)`", text):
        assert (ROOT / file).is_file(), file
    values = yaml.safe_load((ROOT / "deploy/k8s/amends/values.yaml").read_text())
    for path in re.findall(r"`((?:kafka|database|pools|policies|services|tests|defaults)\.[\w.]+)`", text):
        assert reached(values, path), f"no value {path}"


def reached(values: object, path: str) -> bool:
    """Whether the values have this path; a service takes what `defaults` has, and a setting any of its names."""
    assert isinstance(values, dict)
    steps = path.split(".")
    if steps[0] == "pools":
        steps = ["defaults", *steps]
    if steps[0] == "services":
        steps = ["defaults", *steps[2:]]
    node: object = values
    for step in steps:
        if not isinstance(node, dict) or step not in node:
            return steps[-2] == "settings"
        node = node[step]
    return True
