"""What may never change between versions, and what a drain, a scaler and a rollout may do."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events.catalog import SERVICES
from tests.chart.generate import CHART
from tests.chart.support import CI, Doc, component, of_kind, pods, render, rendered, selects

# Deployments' selectors cannot be changed in a cluster. These were released: every later chart must render the same.
RELEASED = {
    f"amends-{service}": {
        "app.kubernetes.io/name": "amends",
        "app.kubernetes.io/instance": "amends",
        "app.kubernetes.io/component": service,
    }
    for service in SERVICES
}


def selectors(docs: list[Doc]) -> dict[str, Any]:
    return {d["metadata"]["name"]: d["spec"]["selector"]["matchLabels"] for d in of_kind(docs, "Deployment")}


def test_selectors_are_the_released_ones() -> None:
    assert selectors(rendered("minimal")) == RELEASED


@pytest.mark.parametrize(
    "change",
    [
        'commonLabels={"team": "another"}',
        'defaults.podLabels={"cost": "1"}',
        'image.tag="2.0.0"',
        "defaults.replicas=1",
        'defaults.autoscaling.by="keda"',
        "networkPolicy.enabled=false",
        "jobs.asHooks=false",
    ],
)
def test_no_value_changes_a_selector(change: str) -> None:
    assert selectors(render("minimal", change, "database.connectionLimit=500")) == RELEASED


def test_a_new_chart_version_changes_no_selector_and_restarts_nothing(tmp_path: Path) -> None:
    newer = shutil.copytree(CHART, tmp_path / "amends")
    text = (newer / "Chart.yaml").read_text()
    (newer / "Chart.yaml").write_text(text.replace("version: 0.1.0", "version: 0.2.0", 1))
    before, after = rendered("full"), render("full", chart=newer)
    assert selectors(before) == selectors(after)
    assert list(pods(of_kind(before, "Deployment"))) == list(pods(of_kind(after, "Deployment")))


def test_a_changed_policy_restarts_those_who_read_it() -> None:
    before, after = (
        dict(pods(of_kind(docs, "Deployment")))
        for docs in (rendered("full"), render("full", 'policies.routing="queues: [general]"'))
    )
    assert [name for name in before if before[name] != after[name]] == ["Deployment complaints-routing"]


@pytest.mark.parametrize("case", CI)
def test_every_selector_chooses_the_pods_of_one_component(case: str) -> None:
    docs = rendered(case)
    labels = {component(doc): pod["metadata"]["labels"] for doc in docs for _, pod in pods([doc]) if component(doc)}
    for doc in of_kind(docs, "Deployment", "Service", "PodDisruptionBudget"):
        selector = doc["spec"]["selector"]
        selector = selector if "matchLabels" in selector else {"matchLabels": selector}
        assert [name for name, given in labels.items() if selects(selector, given)] == [component(doc)]


@pytest.mark.parametrize("case", CI)
def test_a_drain_is_never_blocked_for_good(case: str) -> None:
    docs = rendered(case)
    fewest = {component(d): d["spec"].get("replicas") for d in of_kind(docs, "Deployment")}
    for scaler in of_kind(docs, "HorizontalPodAutoscaler"):
        fewest[component(scaler)] = scaler["spec"]["minReplicas"]
    for scaler in of_kind(docs, "ScaledObject"):
        fewest[component(scaler)] = scaler["spec"]["minReplicaCount"]
    for budget in of_kind(docs, "PodDisruptionBudget"):
        spec, pods_at_least = budget["spec"], fewest[component(budget)]
        allowed = spec.get("maxUnavailable", pods_at_least - spec.get("minAvailable", 0))
        assert pods_at_least > 1, "a budget for a single pod"
        assert allowed >= 1, "no pod may ever leave"


def test_a_budget_comes_with_the_second_pod() -> None:
    one = render("minimal", "services.escalation.replicas=1")
    assert "escalation" not in {component(d) for d in of_kind(one, "PodDisruptionBudget")}
    assert {component(d) for d in of_kind(rendered("minimal"), "PodDisruptionBudget")} == set(SERVICES)


@pytest.mark.parametrize("case", CI)
def test_one_scaler_at_most_and_no_fixed_number_beside_it(case: str) -> None:
    docs = rendered(case)
    scaled = [component(d) for d in of_kind(docs, "HorizontalPodAutoscaler", "ScaledObject")]
    assert len(scaled) == len(set(scaled))
    for deployment in of_kind(docs, "Deployment"):
        assert ("replicas" in deployment["spec"]) is (component(deployment) not in scaled)


def test_keda_reads_the_group_that_the_service_joins() -> None:
    from shared.spine.unit import Origin

    given = yaml.safe_load(CI["keda"].read_text())["deploymentId"]
    for scaler in of_kind(rendered("keda"), "ScaledObject"):
        trigger = scaler["spec"]["triggers"][0]["metadata"]
        group = Origin(component(scaler), given, trigger["topic"], 12).group
        assert trigger["consumerGroup"] == group
        assert scaler["spec"]["minReplicaCount"] >= 1
        assert all(isinstance(value, str) for value in trigger.values())


def test_a_rollout_takes_no_pod_away_before_the_next_is_ready() -> None:
    for deployment in of_kind(rendered("ha"), "Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == deployment["spec"]["selector"]["matchLabels"]


def test_jobs_run_before_the_pods_and_what_they_need_runs_before_them() -> None:
    docs = rendered("full")
    weights = {
        (d["kind"], d["metadata"]["name"]): int(d["metadata"]["annotations"]["helm.sh/hook-weight"])
        for d in docs
        if "pre-install" in d["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    }
    jobs = {name: weight for (kind, name), weight in weights.items() if kind == "Job"}
    assert jobs == {"complaints-migrate": -10, "complaints-topics": -5}
    for job in of_kind(docs, "Job"):
        spec = job["spec"]["template"]["spec"]
        needs = {("ServiceAccount", spec["serviceAccountName"]), ("NetworkPolicy", job["metadata"]["name"])}
        for variable in spec["containers"][0]["env"]:
            if source := variable.get("valueFrom"):
                needs.add(("Secret", source["secretKeyRef"]["name"]))
        assert all(weights[need] < jobs[job["metadata"]["name"]] for need in needs)
        assert "priorityClassName" not in spec, "the class is made after the hooks"
    assert all(
        d["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
        for d in docs
        if "helm.sh/hook" in d["metadata"].get("annotations", {})
    ), "an uninstall would leave it behind"


def test_plain_jobs_belong_to_their_revision() -> None:
    docs = rendered("operators")
    assert [d["metadata"]["name"] for d in of_kind(docs, "Job")] == ["amends-migrate-1"]
    assert "annotations" not in of_kind(docs, "Job")[0]["metadata"]


def test_data_outlives_an_uninstall() -> None:
    kept = {
        d["kind"]
        for d in rendered("operators")
        if d["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    assert kept == {"Cluster", "KafkaTopic"}
