"""The chart renders, with both generations of Helm alike, for every way to install it that ci/ shows."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.chart.generate import CHART, generated
from tests.chart.support import CI, HELMS, helm, of_kind, pods, render, rendered, template
from tests.chart.tools import tool


@pytest.mark.parametrize("case", CI)
@pytest.mark.parametrize("name", HELMS)
def test_lint_finds_nothing(name: str, case: str) -> None:
    done = helm(name, "lint", "--strict", CHART, "-f", CI[case])
    assert done.code == 0, done.out + done.err
    assert "[WARNING]" not in done.out


@pytest.mark.parametrize("case", CI)
def test_both_helms_render_the_same(case: str) -> None:
    three, four = (template(CI[case], helm_name=name) for name in HELMS)
    assert three.code == four.code == 0, three.err + four.err
    assert list(yaml.safe_load_all(three.out)) == list(yaml.safe_load_all(four.out))


def test_the_two_helms_are_of_different_generations() -> None:
    versions = [helm(name, "version", "--short").out for name in HELMS]
    assert versions[0].startswith("v3.")
    assert versions[1].startswith("v4.")


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_schema_and_readme_are_what_values_and_settings_say(path) -> None:
    assert path.read_text() == generated()[path], "run: .venv/bin/python -m tests.chart.generate"


def test_an_old_kubernetes_is_refused() -> None:
    done = template(CI["minimal"], kubernetes="1.28.0")
    assert done.code != 0
    assert "kubeVersion: >=1.29.0-0" in done.err


def test_before_1_30_the_pause_before_a_stop_is_a_command() -> None:
    hooks = {
        version: [pod["spec"]["containers"][0]["lifecycle"]["preStop"] for _, pod in pods(of_kind(docs, "Deployment"))]
        for version, docs in ((v, render("minimal", kubernetes=v)) for v in ("1.29.0", "1.30.0"))
    }
    assert hooks["1.30.0"] == [{"sleep": {"seconds": 5}}] * 4
    assert hooks["1.29.0"] == [{"exec": {"command": ["python", "-c", "import time; time.sleep(5)"]}}] * 4


def test_names_fit_into_a_label_with_the_longest_release() -> None:
    docs = render("full", 'fullnameOverride=""', release="r" * 53)
    names = [doc["metadata"]["name"] for doc in docs]
    assert max(map(len, names)) <= 63
    assert len({(doc["kind"], doc["metadata"]["name"]) for doc in docs}) == len(docs), "two objects share a name"


def test_two_releases_in_a_namespace_share_nothing_but_what_is_named_by_hand() -> None:
    first, second = (
        {(d["kind"], d["metadata"]["name"]) for d in render("minimal", release=name)} for name in ("north", "south")
    )
    assert not first & second


def test_a_service_overrides_defaults_also_with_false_and_zero() -> None:
    docs = render("minimal", "defaults.pdb.enabled=true", "services.routing.pdb.enabled=false")
    assert sorted(d["metadata"]["name"] for d in of_kind(docs, "PodDisruptionBudget")) == [
        "amends-escalation",
        "amends-intake",
        "amends-notifier",
    ]


def test_notes_say_how_to_check_the_installation(tmp_path: Path) -> None:
    # `helm template` leaves the notes out, `helm install` wants a cluster: so they are rendered as a file.
    chart = shutil.copytree(CHART, tmp_path / "amends")
    shutil.copy(chart / "templates/NOTES.txt", chart / "notes")
    (chart / "templates/notes.yaml").write_text('text: |\n  {{- tpl (.Files.Get "notes") . | nindent 2 }}\n')
    said = {case: next(d["text"] for d in render(case, chart=chart) if "text" in d) for case in ("minimal", "gateway")}
    assert "helm test amends -n service" in said["minimal"]
    assert "Nobody outside may call intake yet" in said["minimal"]
    assert "intake     complaints.example.com" in said["gateway"]
    assert "Nobody outside" not in said["gateway"]


def test_every_ci_file_differs_from_the_smallest() -> None:
    rendered = [re.sub(r"example-\w+", "", template(path).out) for path in CI.values()]
    assert len(set(rendered)) == len(CI)


def test_the_dockerfile_is_clean() -> None:
    done = subprocess.run(
        [tool("hadolint"), CHART.parents[1] / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_the_number_that_the_chart_names() -> None:
    lines = (CHART.parents[1] / "Dockerfile").read_text().splitlines()
    users = [line.removeprefix("USER ") for line in lines if line.startswith("USER ")]
    assert users == ["10001:10001"]
    contexts = [pod["spec"]["securityContext"] for _, pod in pods(rendered("minimal"))]
    assert {f"{c['runAsUser']}:{c['runAsGroup']}" for c in contexts} == set(users)


def test_chart_image_and_project_have_one_version() -> None:
    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]
    images = {c["image"] for _, pod in pods(rendered("minimal")) for c in pod["spec"]["containers"]}
    assert images == {f"amends:{project['version']}"}
