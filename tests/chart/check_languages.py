"""A further language given in values: every service reads it from where the chart mounts it, and its letters pass."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.notifier.cli import letter
from shared.events.catalog import SERVICES
from shared.languages import Languages
from tests.chart.support import component, mounted, of_kind, pods, render

SAMPLE = Path(__file__).parents[2] / "samples/languages"


def test_the_sample_folder_reaches_every_service_as_it_is(tmp_path: Path) -> None:
    files = {str(path.relative_to(SAMPLE)): path.read_text("utf-8") for path in sorted(SAMPLE.rglob("*.yaml"))}
    docs = render("minimal", over={"policies": {"languages": files}})
    for deployment in of_kind(docs, "Deployment"):
        [container] = next(pods([deployment]))[1]["spec"]["containers"]
        env = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert env["AMENDS_LANGUAGES"] == "/etc/amends/languages"
        folder = mounted(docs, component(deployment), tmp_path / component(deployment)) / "languages"
        found = {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))}
        assert {name: text.rstrip() for name, text in found.items()} == {n: t.rstrip() for n, t in files.items()}
        assert sorted(Languages.of(folder).all) == ["en", "fr", "zh"]
    tried = CliRunner().invoke(letter, ["languages", "--languages", str(tmp_path / "notifier/languages")])
    assert (tried.exit_code, "fr Français: 5 kinds of letters" in tried.output) == (0, True), tried.output


@pytest.mark.parametrize("service", SERVICES)
def test_without_further_languages_nothing_is_mounted(service: str) -> None:
    [deployment] = [d for d in of_kind(render("minimal"), "Deployment") if component(d) == service]
    [container] = next(pods([deployment]))[1]["spec"]["containers"]
    assert "AMENDS_LANGUAGES" not in {entry["name"] for entry in container["env"]}
    assert "/etc/amends" not in {mount["mountPath"] for mount in container["volumeMounts"]}
