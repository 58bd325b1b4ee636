"""The chart and the code mean the same settings, commands, ports and paths."""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli import COMMANDS
from services.outside import application, routes
from shared.base.config import ServiceSettings
from shared.events.catalog import SERVICES
from shared.spine.cli import AdminSettings, KafkaSettings
from tests.chart.generate import CHART, MANAGED, UNSUITABLE
from tests.chart.support import CI, component, mounted, of_kind, pods, render, rendered

JOBS = {"migrate": AdminSettings, "topics": KafkaSettings}
PRIVATE = {"/healthz", "/readyz", "/metrics"}


def settings_of(name: str) -> type[Any]:
    return JOBS[name] if name in JOBS else import_module(f"services.{name}.settings").Settings


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    """Setting → value, or None where it comes from a Secret."""
    return {
        entry["name"].removeprefix("AMENDS_").lower(): entry.get("value")
        for entry in pod["spec"]["containers"][0]["env"]
        if entry["name"].startswith("AMENDS_")
    }


def found(doc: dict[str, Any], case: str, folder: Path) -> dict[str, Any]:
    """The environment as in the pod, with its mounted files in a folder of the test."""
    env = environment(next(pods([doc]))[1])
    if component(doc) not in SERVICES:
        return env
    data = mounted(rendered(case), component(doc), folder / component(doc))
    return {name: value and value.replace("/etc/amends", str(data)) for name, value in env.items()}


# Secrets that are lists in JSON.
LISTS = {"mailboxes": '["imaps://complaints:secret@mail.example.com/INBOX"]'}


@pytest.mark.parametrize("case", CI)
def test_what_is_set_is_known_and_what_is_required_is_set(case: str) -> None:
    for doc in of_kind(rendered(case), "Deployment", "Job"):
        name = component(doc)
        fields = settings_of(name).model_fields
        given = environment(next(pods([doc]))[1]).keys()
        assert given <= fields.keys(), f"{name}: the code does not know {given - fields.keys()}"
        required = {field for field, info in fields.items() if info.is_required()}
        assert required <= given, f"{name}: {required - given} is not set"


@pytest.mark.parametrize("case", CI)
def test_the_code_takes_the_values(case: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for doc in of_kind(rendered(case), "Deployment", "Job"):
        with monkeypatch.context() as clean:
            for variable, value in found(doc, case, tmp_path).items():
                secret = LISTS.get(variable, '{"intake": "0123456789012345678901234567890123"}')
                clean.setenv(f"AMENDS_{variable.upper()}", value or secret)
            settings = settings_of(component(doc))()
        if component(doc) in SERVICES:
            assert settings.http_port == 8000
            assert settings.http_host == "0.0.0.0"


def test_settings_of_values_reach_the_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deployment = next(d for d in of_kind(rendered("full"), "Deployment") if component(d) == "intake")
    for variable, value in found(deployment, "full", tmp_path).items():
        monkeypatch.setenv(f"AMENDS_{variable.upper()}", value or LISTS.get(variable, "0" * 40))
    settings = settings_of("intake")()
    assert (settings.max_mail, settings.mail_seconds, settings.phone_region) == (26214400, 2.5, "DE")
    assert settings.trusted_gateways == ["mx.example.com"]
    assert settings.poll_records == 400
    assert sorted(settings.tongues.all) == ["en", "pt-BR", "zh"]


def test_every_setting_is_filled_by_the_chart_or_can_be_given() -> None:
    known = {name for service in SERVICES for name in settings_of(service).model_fields}
    assert known >= MANAGED | UNSUITABLE, "the chart fills a setting that is gone"
    filled = {
        name for d in of_kind(rendered("full"), "Deployment") for name in environment(next(pods([d]))[1])
    }  # fmt: skip
    given = yaml.safe_load(CI["full"].read_text())
    own = set(given["defaults"]["settings"]).union(*(s.get("settings", {}) for s in given["services"].values()))
    assert filled - own == MANAGED


def test_the_pager_is_escalations_alone_and_only_when_it_has_an_address() -> None:
    for case, callers in (("full", {"escalation"}), ("minimal", set())):
        found = {component(d): environment(next(pods([d]))[1]) for d in of_kind(rendered(case), "Deployment")}
        assert {name for name, env in found.items() if any(key.startswith("on_call_") for key in env)} == callers


def test_pools_that_are_counted_are_those_that_are_opened() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["defaults"]["pools"]
    fields = ServiceSettings.model_fields
    assert values == {"work": fields["work_pool"].default, "api": fields["api_pool"].default}
    docs = render("minimal", 'services.routing.pools={"work": 12}')
    routing = next(d for d in of_kind(docs, "Deployment") if component(d) == "routing")
    given = environment(next(pods([routing]))[1])
    assert (given["work_pool"], given["api_pool"]) == ("12", "5")


def test_commands_exist() -> None:
    for doc in of_kind(rendered("full"), "Deployment", "Job"):
        command = next(pods([doc]))[1]["spec"]["containers"][0]["command"]
        if doc["kind"] == "Job":
            assert command[0] == "amends"
            assert command[1] in COMMANDS
        else:
            assert command == ["python", "-m", f"services.{component(doc)}"]
            assert (CHART.parents[2] / "services" / component(doc) / "__main__.py").exists()


@pytest.mark.parametrize("case", ["full", "gateway"])
def test_ports_have_names_that_exist(case: str) -> None:
    docs = rendered(case)
    for deployment in of_kind(docs, "Deployment"):
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        lmtp = case == "full" and component(deployment) == "intake"
        ports = {"http": 8000, **({"lmtp": 2424} if lmtp else {})}
        assert {p["name"]: p["containerPort"] for p in container["ports"]} == ports
    for service in of_kind(docs, "Service"):
        told = {"http": 8000, **({"lmtp": 24} if case == "full" and component(service) == "intake" else {})}
        assert {p["targetPort"]: p["port"] for p in service["spec"]["ports"]} == told


def published(case: str) -> dict[str, list[str]]:
    """Service → paths that Ingress or HTTPRoute publish."""
    found: dict[str, list[str]] = {}
    for doc in of_kind(rendered(case), "Ingress"):
        paths = [(p["path"], p["pathType"]) for p in doc["spec"]["rules"][0]["http"]["paths"]]
        found[component(doc)] = [path for path, _ in paths]
        assert [path for path, kind in paths if kind == "Exact"] == [path for path, _ in paths if path == "/"]
    for doc in of_kind(rendered(case), "HTTPRoute"):
        matched = [m["path"] for m in doc["spec"]["rules"][0]["matches"]]
        found[component(doc)] = [m["value"] for m in matched]
        assert [m["value"] for m in matched if m["type"] == "Exact"] == [
            m["value"] for m in matched if m["value"] == "/"
        ]
    return found


def under(path: str, prefix: str) -> bool:
    return path == prefix or (prefix != "/" and path.startswith(prefix + "/"))


def test_ingress_and_route_publish_the_same() -> None:
    assert published("full") == {k: v for k, v in published("gateway").items() if k in ("intake", "routing")}


@pytest.mark.parametrize("service", SERVICES)
def test_everything_but_health_and_metrics_is_published(service: str) -> None:
    prefixes = published("gateway")[service]
    paths = {path for _, path, _, _ in routes(application(service))}
    assert paths >= PRIVATE
    assert [p for p in paths - PRIVATE if not any(under(p, prefix) for prefix in prefixes)] == []
    assert [p for p in PRIVATE if any(under(p, prefix) for prefix in prefixes)] == []
    assert [prefix for prefix in prefixes if not any(under(p, prefix) for p in {*paths, "/static"})] == []


def test_the_scripts_of_helm_test_are_python_and_are_mounted() -> None:
    scripts = next(d for d in of_kind(rendered("full"), "ConfigMap") if d["metadata"]["name"] == "complaints-tests")
    for text in scripts["data"].values():
        ast.parse(text)
    for _, pod in pods(of_kind(rendered("full"), "Pod")):
        assert pod["spec"]["containers"][0]["command"][1].rpartition("/")[2] in scripts["data"]
