"""deploy/requirements.lock holds what the services need and nothing else, at the versions of requirements.lock."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REMAKE = (
    "run: .venv/bin/uv export -q --no-default-groups --group tracing --format requirements.txt --no-emit-project "
    "--no-header --no-annotate > deploy/requirements.lock"
)


def pins(path: Path) -> dict[str, tuple[str, str]]:
    """Package → its requirement, and the whole entry with its hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", path.read_text().strip()):
        requirement = entry.partition(" \\\n")[0]
        found[canonicalize_name(Requirement(requirement).name)] = (requirement, entry)
    return found


def needed(requirement: Requirement, seen: set[tuple[str, str]]) -> None:
    """Collect what a requirement needs in this environment, by what is installed."""
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return
    name = canonicalize_name(requirement.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            of_package = requires(name) or []
        except PackageNotFoundError:
            continue
        for further in map(Requirement, of_package):
            if further.marker is None or further.marker.evaluate({"extra": extra}):
                needed(Requirement(str(further).partition(";")[0]), seen)


def test_the_same_versions_and_hashes_as_everywhere() -> None:
    image, whole = pins(ROOT / "deploy/requirements.lock"), pins(ROOT / "requirements.lock")
    assert {name: pin[1] for name, pin in image.items() if whole.get(name, ("", ""))[1] != pin[1]} == {}, REMAKE


def test_what_the_project_depends_on_and_nothing_else() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    seen: set[tuple[str, str]] = set()
    for dependency in declared["project"]["dependencies"] + declared["dependency-groups"]["tracing"]:
        needed(Requirement(dependency), seen)
    image = {
        name
        for name, (requirement, _) in pins(ROOT / "deploy/requirements.lock").items()
        if (marker := Requirement(requirement).marker) is None or marker.evaluate({"extra": ""})
    }
    assert image == {name for name, _ in seen}, REMAKE


def test_every_file_is_held_by_a_hash_and_none_by_an_address() -> None:
    for requirement, entry in pins(ROOT / "deploy/requirements.lock").values():
        assert "--hash=sha256:" in entry
        assert "==" in requirement
        assert "://" not in entry


@pytest.mark.parametrize("name", ["pytest", "jgo", "uv", "ruff", "hatchling"])
def test_no_tool_of_the_workshop_is_in_the_image(name: str) -> None:
    assert name not in pins(ROOT / "deploy/requirements.lock")
