"""Every rendered object passes the strict schemas of three Kubernetes versions and of the custom resources."""

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.chart.support import CI, Doc, of_kind, rendered
from tests.chart.tools import tool

VERSIONS = ("1.31.0", "1.35.0", "1.37.0")
CRDS = Path(__file__).with_name("crds")


@lru_cache
def registry(version: str) -> Registry[Any]:
    definitions = json.loads((tool("schemas") / f"v{version}-local-strict/_definitions.json").read_text())
    resource = Resource.from_contents(definitions, default_specification=DRAFT202012)
    return Registry().with_resource("/api/_definitions.json", resource)


@lru_cache
def validator(version: str, kind: str, api: str) -> Draft202012Validator:
    group, _, number = api.rpartition("/")
    own = CRDS / f"{kind.lower()}-{group}-{number}.json"
    if own.exists():
        return Draft202012Validator(json.loads(own.read_text()))
    short = group.removesuffix(".k8s.io").split(".")[0]
    name = "-".join(part for part in (kind.lower(), short, number) if part)
    schema = json.loads((tool("schemas") / f"v{version}-local-strict/{name}.json").read_text())
    schema.pop("$id", None)
    schema.pop("$schema", None)
    return Draft202012Validator(schema, registry=registry(version))


def faults(version: str, doc: Doc) -> list[str]:
    found = validator(version, doc["kind"], doc["apiVersion"]).iter_errors(doc)
    return [f"{doc['kind']} {doc['metadata']['name']} {e.json_path}: {e.message[:200]}" for e in found]


@pytest.mark.parametrize("case", CI)
@pytest.mark.parametrize("version", VERSIONS)
def test_objects_fit_their_schema(version: str, case: str) -> None:
    assert [fault for doc in rendered(case) for fault in faults(version, doc)] == []


def test_every_kind_that_a_template_can_make_is_rendered_by_some_case() -> None:
    templates = Path(CI["minimal"]).parents[1] / "templates"
    written = {
        line.removeprefix("kind:").strip()
        for path in templates.rglob("*")
        if path.suffix in (".yaml", ".tpl")
        for line in path.read_text().splitlines()
        if line.startswith("kind:")
    }
    made = {doc["kind"] for case in CI for doc in rendered(case)}
    assert written - made <= {"PrometheusRule"}  # made when the chart carries alerts: see check_monitoring
    assert len(made) >= 18


@pytest.mark.parametrize(
    ("case", "kind", "path", "wrong"),
    [
        ("minimal", "Deployment", ["spec", "template", "spec"], "terminationGracePeriodSecond"),
        ("minimal", "NetworkPolicy", ["spec"], "policyType"),
        ("full", "ServiceMonitor", ["spec", "endpoints", 0], "intervall"),
        ("keda", "ScaledObject", ["spec"], "minReplicas"),
        ("gateway", "HTTPRoute", ["spec"], "hostname"),
        ("operators", "KafkaTopic", ["spec"], "partition"),
        ("operators", "Cluster", ["spec"], "instance"),
        ("operators", "ExternalSecret", ["spec"], "refresh"),
    ],
)
def test_the_schemas_catch_a_slip(case: str, kind: str, path: list[str | int], wrong: str) -> None:
    doc = copy.deepcopy(of_kind(rendered(case), kind)[0])
    place: Any = doc
    for step in path:
        place = place[step]
    place[wrong] = 1
    assert any(wrong in fault for version in VERSIONS for fault in faults(version, doc))
