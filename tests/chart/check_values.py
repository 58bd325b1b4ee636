"""Every value does something, and templates read no value that is not there."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.events.catalog import SERVICES
from tests.chart import samples
from tests.chart.generate import CHART, generated
from tests.chart.support import CI, template

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads(generated()[CHART / "values.schema.json"])
PEERS = [{"ipBlock": {"cidr": "10.99.0.0/16"}}]
# What to change a value to, where counting up, turning round or adding a letter would not be allowed.
CHANGES: dict[str, Any] = {
    "deploymentId": "another",
    "publicUrl": "https://another.example.com",
    "deskUrl": "https://another.example.com",
    "nameOverride": "another",
    "fullnameOverride": "another",
    "image.digest": "sha256:" + "a" * 64,
    "image.pullPolicy": "Always",
    "image.pullSecrets": [{"name": "another"}],
    "kafka.bootstrap": "another.example.com:9092",
    "kafka.topicBy": "none",
    "kafka.security": "SSL",
    "kafka.sasl.mechanism": "PLAIN",
    "mail.lmtp.enabled": False,
    "pager.url": "https://another.example.com",
    "pager.format": "alertmanager",
    "pager.networks": ["10.99.0.0/16"],
    "networkPolicy.webhooks.enabled": False,
    "policies.escalation": {"another.yaml": "a: b"},
    "policies.languages": {"fr/language.yaml": "a: b"},
    "defaults.autoscaling.by": "keda",
    "defaults.autoscaling.min": 1,
    "defaults.topologySpread": [{"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}],
    "defaults.tolerations": [{"operator": "Exists"}],
    "defaults.affinity": {"podAffinity": {}},
    "defaults.extraEnv": [{"name": "ANOTHER", "value": "1"}],
    "defaults.settings": {"poll_records": 77},
    "defaults.pdb.minAvailable": 1,
    "priorityClass.create": False,
    "pod.listen": "::",
    "pod.tmpSize": "7Mi",
    "pod.logLevel": "debug",
    "networkPolicy.extraEgress": [{"ports": [{"port": 7}]}],
    "ingress.enabled": False,
    "httpRoute.enabled": False,
    "httpRoute.gateways": [{"name": "another"}],
    "hosts": {"intake": "another.example.com"},
    "monitoring.interval": "7s",
    "monitoring.withoutAlerts": ["Slow"],
    "monitoring.serviceMonitor": False,
    "monitoring.prometheusRule": False,
    "monitoring.dashboards": False,
    "externalSecrets.enabled": False,
    "externalSecrets.storeKind": "ClusterSecretStore",
    "externalSecrets.refresh": "7h",
    "cloudNativePG.enabled": False,
    "cloudNativePG.storage": "7Gi",
    "tests.email": "another@example.com",
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "another"}}],
}  # fmt: skip
SECRETS = yaml.safe_load(CI["full"].read_text())["secret"]["values"]
# Beginning of a path → the case of ci/ in which the value counts, and what must be given besides; else `full`.
PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "secret.name": ("minimal", {}),
    "secret.create": ("minimal", {"secret": {"values": SECRETS}}),
    "secret.values": ("full", {}),
    "database.connectionLimit": ("operators", {}),
    "kafka.topicBy": ("minimal", {}),
    "kafka.strimzi": ("operators", {}),
    "externalSecrets": ("operators", {"secret": {"name": "amends"}}),
    "cloudNativePG": ("operators", {}),
    "jobs.keepSeconds": ("operators", {}),
    "httpRoute": ("gateway", {}),
    "defaults.autoscaling.by": ("minimal", {"database": {"connectionLimit": 500}}),
    "defaults.autoscaling.lag": ("keda", {}),
    "defaults.autoscaling": ("ha", {}),
    "defaults.topologySpread": ("ha", {}),
    "services": ("minimal", {"database": {"connectionLimit": 500}}),
}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with an alert and a dashboard of our own, whatever it carries."""
    copy = shutil.copytree(CHART, tmp_path_factory.mktemp("values") / "amends")
    samples.put_into(copy)
    return copy


def leaves(schema: dict[str, Any], where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Path and schema of every value that has a default, and of the services' maps."""
    found = []
    for name, value in schema["properties"].items():
        path = f"{where}.{name}".lstrip(".")
        if path in ("global", "services") or name == "settings":
            continue
        found += leaves(value, path) if "default" not in value else [(path, value)]
    return found


LEAVES = [
    *leaves(SCHEMA),
    ("defaults.settings", {}),
    *((f"services.{name}.replicas", {"default": 2}) for name in SERVICES),
]


def changed(path: str, schema: dict[str, Any]) -> Any:
    """Another allowed value."""
    if path in CHANGES:
        return CHANGES[path]
    default, reference = schema["default"], schema.get("allOf", [{}])[0].get("$ref", "").rpartition("/")[2]
    if reference:
        return {
            "secretRef": {"name": "another", "key": "another"},
            "resources": {"requests": {"cpu": "7"}, "limits": {"memory": "7Gi"}},
            "peers": PEERS,
            "labels": {"another": "x"},
            "port": 7,
            "host": "another.example.com",
        }[reference]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, dict):
        return {**(SECRETS if path == "secret.values" else {}), "another": "x"}
    return f"{default}x" if default else "another"


@pytest.mark.parametrize(("path", "schema"), LEAVES, ids=[path for path, _ in LEAVES])
def test_a_changed_value_changes_what_is_rendered(chart: Path, path: str, schema: dict[str, Any]) -> None:
    case, besides = next((place for start, place in PLACES.items() if path.startswith(start)), ("full", {}))
    before = template(CI[case], over=besides, chart=chart)
    after = template(CI[case], f"{path}={json.dumps(changed(path, schema))}", over=besides, chart=chart)
    assert before.code == after.code == 0, before.err + after.err
    assert (before.out != after.out) is True, f"{path} changes nothing"


def test_templates_read_only_values_that_exist() -> None:
    texts = {p.name: p.read_text() for p in (CHART / "templates").rglob("*") if p.is_file()}
    unknown = []
    for name, text in texts.items():
        for path in re.findall(r"\.Values\.([A-Za-z.]+)", text):
            place: Any = VALUES
            for key in path.split("."):
                if not isinstance(place, dict) or key not in place:
                    unknown.append(f"{name}: .Values.{path}")
                    break
                place = place[key]
    assert unknown == []


def test_a_service_takes_every_default() -> None:
    own = SCHEMA["properties"]["services"]["properties"]
    for name in SERVICES:
        assert own[name]["properties"].keys() == SCHEMA["properties"]["defaults"]["properties"].keys()
        assert own[name]["additionalProperties"] is False


def test_nothing_undescribed_and_nothing_open() -> None:
    def visit(schema: Any, where: str) -> None:
        for name, value in schema.get("properties", {}).items():
            path = f"{where}.{name}".lstrip(".")
            assert value.get("description"), f"{path} has no description"
            if value.get("properties"):
                assert value["additionalProperties"] is False, path
            visit(value, path)

    visit(SCHEMA, "")
    assert SCHEMA["additionalProperties"] is False
