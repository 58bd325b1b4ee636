"""Pod Security Standard "restricted" and what goes beyond it, for every pod of services, jobs and tests."""

import copy
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.generate import CHART
from tests.chart.support import CI, Doc, of_kind, pods, rendered, template
from tests.chart.tools import tool

ACCEPTED = CHART.parent / "policy/checkov.yaml"


def faults(name: str, pod: Doc) -> list[str]:
    """What is wrong with a pod, in words."""
    spec = pod["spec"]
    whole = spec.get("securityContext", {})
    found = []
    if not (whole.get("runAsNonRoot") and whole.get("runAsUser", 0) > 0):
        found.append("may run as root")
    if whole.get("seccompProfile") != {"type": "RuntimeDefault"}:
        found.append("has no seccomp profile")
    if spec.get("automountServiceAccountToken") is not False:
        found.append("gets a token of the API server")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            found.append(f"has {key}")
    for volume in spec.get("volumes", []):
        if not volume.keys() & {"emptyDir", "configMap", "secret", "projected"}:
            found.append(f"mounts {volume}")
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            found.append(f"may fill the node through {volume['name']}")
    for container in spec["containers"] + spec.get("initContainers", []):
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            found.append("may gain privileges")
        if context.get("capabilities") != {"drop": ["ALL"]}:
            found.append("keeps capabilities")
        if not context.get("readOnlyRootFilesystem"):
            found.append("may write to its root file system")
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
            found.append("has no bounds")
        if any("hostPort" in port for port in container.get("ports", [])):
            found.append("has a port of the node")
    return [f"{name} {fault}" for fault in found]


@pytest.mark.parametrize("case", CI)
def test_all_pods_are_restricted(case: str) -> None:
    every = list(pods(rendered(case)))
    assert len(every) >= 6
    assert [fault for name, pod in every for fault in faults(name, pod)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda spec: spec["securityContext"].pop("seccompProfile"),
        lambda spec: spec["securityContext"].update(runAsUser=0),
        lambda spec: spec.update(hostNetwork=True),
        lambda spec: spec.pop("automountServiceAccountToken"),
        lambda spec: spec["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
        lambda spec: spec["containers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
        lambda spec: spec["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        lambda spec: spec["containers"][0]["resources"].pop("limits"),
    ],
)
def test_the_rules_catch_a_slip(spoil) -> None:
    name, pod = next(pods(copy.deepcopy(rendered("minimal"))))
    spoil(pod["spec"])
    assert len(faults(name, pod)) == 1


@pytest.mark.parametrize("case", CI)
def test_services_have_three_probes_and_a_pause_before_they_stop(case: str) -> None:
    for _, pod in pods(of_kind(rendered(case), "Deployment")):
        container = pod["spec"]["containers"][0]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
        env = {e["name"]: e.get("value") for e in container["env"]}
        assert pod["spec"]["terminationGracePeriodSeconds"] == 60 > 5 + float(env["AMENDS_SHUTDOWN_GRACE"])


def test_the_image_can_be_pinned_by_digest() -> None:
    images = {c["image"] for _, pod in pods(rendered("full")) for c in pod["spec"]["containers"]}
    assert len(images) == 1
    assert next(iter(images)).endswith("amends:0.1.0@sha256:" + "0123456789abcdef" * 4)


def test_no_secret_stands_in_a_pod_or_a_configmap() -> None:
    secrets = set(yaml.safe_load(CI["full"].read_text())["secret"]["values"].values())
    elsewhere = json.dumps([doc for doc in rendered("full") if doc["kind"] != "Secret"])
    assert [secret for secret in secrets if json.dumps(secret).strip('"') in elsewhere] == []


def test_each_service_has_an_account_of_its_own_that_may_nothing() -> None:
    docs = rendered("full")
    accounts = {d["metadata"]["name"]: d for d in of_kind(docs, "ServiceAccount")}
    used = [pod["spec"]["serviceAccountName"] for name, pod in pods(docs) if not name.startswith("Pod ")]
    assert sorted(used) == sorted(accounts)
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    assert of_kind(docs, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []


@pytest.mark.timeout(240)
def test_checkov_finds_nothing_that_is_not_explained(tmp_path: Path) -> None:
    accepted = yaml.safe_load(ACCEPTED.read_text())
    assert all(len(reason) > 20 for reason in accepted.values())
    for case in ("full", "operators"):
        (tmp_path / f"{case}.yaml").write_text(template(CI[case]).out)
    done = subprocess.run(
        [tool("checkov"), "-d", tmp_path, "--framework", "kubernetes", "--compact", "--quiet", "-o", "json",
         "--skip-download"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 1000
    used, open_findings = set(), []
    for finding in report["results"]["failed_checks"]:
        names = {finding["check_id"], f"{finding['check_id']} {finding['resource'].partition('.')[0]}"}
        used |= names & accepted.keys()
        if not names & accepted.keys():
            open_findings.append(f"{finding['check_id']} {finding['check_name']}: {finding['resource']}")
    assert open_findings == []
    assert used == accepted.keys(), "these accept nothing any more"
