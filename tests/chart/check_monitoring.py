"""Alerts and dashboards arrive in the cluster as they are written, and small enough."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart import samples
from tests.chart.check_schemas import VERSIONS, faults
from tests.chart.generate import CHART
from tests.chart.support import Doc, of_kind, pods, render, rendered, selects

LIMIT = 1 << 20


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = shutil.copytree(CHART, tmp_path_factory.mktemp("monitoring") / "amends")
    samples.put_into(copy)
    return copy


def dashboards(docs: list[Doc]) -> list[Doc]:
    return [d for d in of_kind(docs, "ConfigMap") if "-dashboard-" in d["metadata"]["name"]]


def test_every_dashboard_of_the_chart_is_carried(chart: Path) -> None:
    found = dashboards(render("full", chart=chart))
    files = {p.name: p.read_text() for p in (chart / "files/dashboards").glob("*.json")}
    assert {name: json.loads(text) for d in found for name, text in d["data"].items()} == {
        name: json.loads(text) for name, text in files.items()
    }
    for dashboard in found:
        assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert dashboard["metadata"]["annotations"]["grafana_folder"] == "Amends"
        assert len(json.dumps(dashboard)) < LIMIT


def test_every_alert_of_the_chart_is_carried(chart: Path) -> None:
    found = of_kind(render("full", chart=chart), "PrometheusRule")
    files = [yaml.safe_load(p.read_text()) for p in sorted((chart / "files/alerts").glob("*.yaml"))]
    assert [d["spec"]["groups"] for d in found] == [f["groups"] for f in files]
    for rule in found:
        assert rule["metadata"]["labels"]["release"] == "monitoring"
        assert [fault for version in VERSIONS for fault in faults(version, rule)] == []


def test_alerts_can_be_left_out(chart: Path) -> None:
    def names(*sets: str) -> list[Any]:
        rules = of_kind(render("full", *sets, chart=chart), "PrometheusRule")
        groups = [g for r in rules for g in r["spec"]["groups"] if g["name"] == "sample"]
        return [[rule.get("alert", rule.get("record")) for rule in g["rules"]] for g in groups]

    assert names() == [["Slow", "Stuck", "amends:sample"]]
    assert names('monitoring.withoutAlerts=["Slow"]') == [["Stuck", "amends:sample"]]


def test_nothing_of_it_without_being_asked() -> None:
    docs = rendered("minimal")
    assert of_kind(docs, "ServiceMonitor", "PrometheusRule") == []
    assert dashboards(docs) == []


def test_the_monitor_finds_the_four_services_and_their_port() -> None:
    docs = rendered("full")
    monitor = of_kind(docs, "ServiceMonitor")[0]
    chosen = [d for d in of_kind(docs, "Service") if selects(monitor["spec"]["selector"], d["metadata"]["labels"])]
    assert len(chosen) == 4
    endpoint = monitor["spec"]["endpoints"][0]
    assert all(endpoint["port"] in [p["name"] for p in d["spec"]["ports"]] for d in chosen)
    assert all(not name.startswith("Service ") for name, _ in pods(chosen))
