"""Rendering the chart, and reading what came out."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.generate import CHART
from tests.chart.tools import tool

CI = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*.yaml"))}
HELMS = ("helm3", "helm4")
KUBERNETES = "1.34.0"
Doc = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What a call of helm gave."""

    code: int
    out: str
    err: str


@lru_cache(maxsize=2000)
def helm(name: str, *arguments: str | Path, stdin: str | None = None) -> Outcome:
    """Run helm 3 or 4, once for the same arguments: a chart that is changed needs a new folder."""
    done = subprocess.run(
        [tool(name), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def template(
    values: Path, *sets: str, over: Doc | None = None, helm_name: str = "helm3", chart: Path = CHART,
    release: str = "amends", kubernetes: str = KUBERNETES,
) -> Outcome:  # fmt: skip
    """`helm template` with a values file, `--set-json` arguments, and a further map of values over them."""
    arguments: list[str | Path] = ["template", release, chart, "--kube-version", kubernetes, "--namespace", "service"]
    arguments += ["-f", values]
    if over is not None:
        arguments += ["-f", "-"]
    for given in sets:
        arguments += ["--set-json", given]
    return helm(helm_name, *arguments, stdin=json.dumps(over) if over is not None else None)


def render(case: str, *sets: str, **options: Any) -> list[Doc]:
    """The objects of a case of ci/, parsed. Fails with what helm said."""
    done = template(CI[case], *sets, **options)
    assert done.code == 0, done.err
    return [doc for doc in yaml.safe_load_all(done.out) if doc]


@lru_cache
def rendered(case: str) -> list[Doc]:
    """The same without changes, once a run."""
    return render(case)


def of_kind(docs: list[Doc], *kinds: str) -> list[Doc]:
    """The objects of some kinds."""
    return [doc for doc in docs if doc["kind"] in kinds]


def pods(docs: list[Doc]) -> Iterator[tuple[str, Doc]]:
    """Name and pod template (metadata, spec) of everything that runs."""
    for doc in docs:
        if doc["kind"] in ("Deployment", "Job"):
            yield f"{doc['kind']} {doc['metadata']['name']}", doc["spec"]["template"]
        elif doc["kind"] == "Pod":
            yield f"Pod {doc['metadata']['name']}", doc


def component(doc: Doc) -> str:
    """Which part of Amends an object belongs to; empty for all of them."""
    return str(doc["metadata"]["labels"].get("app.kubernetes.io/component", ""))


def selects(selector: Doc, labels: Doc) -> bool:
    """Whether a label selector chooses these labels; an empty one chooses everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        has = labels.get(rule["key"])
        if {
            "In": has in rule.get("values", ()),
            "NotIn": has not in rule.get("values", ()),
            "Exists": has is not None,
            "DoesNotExist": has is None,
        }[rule["operator"]]:
            continue
        return False
    return True


def mounted(docs: list[Doc], service: str, folder: Path) -> Path:
    """The files of a service's data, written as its pods find them under /etc/amends; the folder for that path."""
    folder.mkdir(parents=True, exist_ok=True)
    [deployment] = [d for d in of_kind(docs, "Deployment") if component(d) == service]
    for volume in next(pods([deployment]))[1]["spec"]["volumes"]:
        named = volume.get("configMap")
        if volume["name"] != "policies" or named is None:
            continue
        [config] = [d for d in of_kind(docs, "ConfigMap") if d["metadata"]["name"] == named["name"]]
        assert {item["key"] for item in named["items"]} == config["data"].keys()
        for item in named["items"]:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(config["data"][item["key"]], "utf-8")
    return folder
