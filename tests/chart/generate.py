"""Writes values.schema.json and the chart's README from what stands in values.yaml and in the services' settings.

`python -m tests.chart.generate`; a test compares both files with what would be written. In values.yaml the comment
above a key is its description, and an `@schema {...}` line in it adds constraints. Every key must have a description.
"""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from shared.base.config import ServiceSettings
from shared.events.catalog import SERVICES

CHART = Path(__file__).parents[2] / "deploy/k8s/amends"
Schema = dict[str, Any]

# Settings that the chart fills from values of their own, and those that make no sense in a Deployment.
MANAGED = {
    "database_url", "deployment_id", "kafka_bootstrap", "token_key", "token_key_before", "public_url", "http_host",
    "desk_url", "routing_url", "notifier_url", "intake_url", "oidc_client_secret", "http_port", "escalation_url",
    "kafka_security", "kafka_sasl_mechanism", "kafka_username", "kafka_password", "kafka_ca", "kafka_certificate",
    "kafka_key", "log_format", "log_level", "work_pool", "api_pool", "topic", "topic_partitions", "shutdown_grace",
    "smtp_url", "mailboxes", "lmtp_host", "lmtp_port", "routing_policy", "notifier_policy", "escalation_packs",
    "calendars", "languages", "on_call_url", "on_call_format", "on_call_secret", "on_call_networks",
}  # fmt: skip
UNSUITABLE = {"instance"}  # a pod's name does not last, so the share of a stopped pod would wait for nobody

NAME = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$"
QUANTITY = {"type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$"}
AMOUNTS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"cpu": QUANTITY, "memory": QUANTITY, "ephemeral-storage": QUANTITY},
}
SELECTOR = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "items": {"type": "object"}},
    },
}
CIDR = {"type": "string", "pattern": "^[0-9a-fA-F.:]+/[0-9]{1,3}$"}
DEFINITIONS: Schema = {
    "secretRef": {
        "type": "object",
        "additionalProperties": False,
        "required": ["key"],
        "properties": {
            "name": {"type": "string", "pattern": NAME, "description": "Another Secret than `secret.name`."},
            "key": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "description": "Key in the Secret."},
        },
    },
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "required": ["requests", "limits"],
        "properties": {"requests": AMOUNTS, "limits": AMOUNTS},
    },
    "peers": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "podSelector": SELECTOR,
                "namespaceSelector": SELECTOR,
                "ipBlock": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["cidr"],
                    "properties": {"cidr": CIDR, "except": {"type": "array", "items": CIDR}},
                },
            },
        },
    },
    "labels": {
        "type": "object",
        "propertyNames": {"not": {"pattern": "^(app\\.kubernetes\\.io|helm\\.sh)/"}},
        "additionalProperties": {"type": "string", "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"},
    },
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "host": {"type": "string", "pattern": "^([a-z0-9*]([-a-z0-9.]*[a-z0-9])?)?$"},
    "anything": {"type": "object"},
}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


class Undescribed(Exception):
    """A key of values.yaml has no comment."""


def settings_schema(service: str | None) -> Schema:
    """The settings of a service that may be given under `settings`; without a service those that all have."""
    settings = import_module(f"services.{service}.settings").Settings if service else ServiceSettings
    found: Schema = {}
    for name, field in settings.model_json_schema()["properties"].items():
        if name in MANAGED | UNSUITABLE:
            continue
        choices = [c for c in field.pop("anyOf", []) if c["type"] != "null"]
        field.update(*choices)
        default = field.pop("default", None)
        field.pop("title", None)
        field.pop("format", None)
        field["description"] = field.get("description", "") + (
            f" (default {json.dumps(default)})" if default is not None else ""
        )
        found[name] = field
    return {"type": "object", "additionalProperties": False, "properties": found}


class Reader:
    """values.yaml with its comments."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._root = yaml.compose(text)

    def schema(self) -> Schema:
        """The schema of the whole file."""
        self._service: Schema = {}
        root = self._object(self._root, "")
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Values of the chart amends",
            "definitions": DEFINITIONS,
            **root,
            # Helm puts these in when the chart is a dependency of another.
            "properties": {**root["properties"], "global": {"type": "object", "description": "Of a parent chart."}},
        }

    def _comment(self, line: int, where: str) -> tuple[str, Schema]:
        """Description and constraints above a line. Raises Undescribed."""
        words: list[str] = []
        constraints: Schema = {}
        while line > 0 and (said := self._lines[line - 1].strip()).startswith("#"):
            if found := re.match(r"# @schema (\{.*\})$", said):
                constraints = {**json.loads(found[1]), **constraints}
            else:
                words.insert(0, said.removeprefix("#").strip())
            line -= 1
        if not words:
            raise Undescribed(f"values.yaml:{line + 1}: {where} has no description")
        return " ".join(words), constraints

    def _object(self, node: Any, where: str) -> Schema:
        properties: Schema = {}
        for key, value in node.value:
            path = f"{where}.{key.value}".lstrip(".")
            description, constraints = self._comment(key.start_mark.line, path)
            properties[key.value] = {"description": description, **self._value(value, constraints, path)}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    def _value(self, node: Any, constraints: Schema, where: str) -> Schema:
        default = yaml.safe_load(yaml.serialize(node))
        if "settings" in constraints:
            return settings_schema(None)
        if service := constraints.get("service"):
            own = {**self._service["properties"], "settings": settings_schema(service)}
            own["settings"]["description"] = "Variables of the service, by the names of its settings in lower case."
            return {**self._service, "properties": own}
        if "$ref" in constraints:
            # Draft 7 ignores what stands beside a $ref.
            return {"allOf": [constraints], "default": default}
        if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
            found = self._object(node, where)
            if constraints.get("definition") == "service":
                self._service = found
            return found
        return {"type": TYPES[type(default)], **constraints, "default": default}


def rows(schema: Schema, where: str = "") -> list[tuple[str, str, str, str]]:
    """Key, default, what is allowed, description of every leaf of a schema."""
    found = []
    for name, value in schema["properties"].items():
        path = f"{where}.{name}".lstrip(".")
        if "default" not in value and value.get("properties"):
            if where == "services" or name == "settings":
                continue
            found += rows(value, path)
        elif "default" in value:
            found.append((path, json.dumps(value["default"]), allowed(value), value["description"]))
    return found


def allowed(value: Schema) -> str:
    """A constraint in a few words."""
    if reference := value.get("allOf"):
        return str(reference[0]["$ref"]).rpartition("/")[2]
    if "enum" in value:
        return ", ".join(json.dumps(v) for v in value["enum"])
    said = [str(value["type"])]
    if "minimum" in value or "maximum" in value:
        said.append(f"{value.get('minimum', '')}…{value.get('maximum', '')}")
    return " ".join(said)


def cell(text: str) -> str:
    """Text that stays in one cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def readme(schema: Schema) -> str:
    """The reference of all values."""
    table = ["| value | default | allowed | what it is |", "|---|---|---|---|"]
    for key, default, may, text in rows(schema):
        table.append(f"| `{key}` | `{cell(default)}` | {cell(may)} | {cell(text)} |")
    services = []
    for service in (None, *SERVICES):
        services += [f"### {f'services.{service}' if service else 'defaults'}.settings", ""]
        services += ["| setting | type | what it is |", "|---|---|---|"]
        common = settings_schema(None)["properties"] if service else {}
        for name, field in settings_schema(service)["properties"].items():
            if name not in common:
                services.append(f"| `{name}` | {field['type']} | {cell(field['description'])} |")
        services.append("")
    return "\n".join([HEAD, "## Values", "", *table, "", "## Settings", "", *services]).rstrip() + "\n"


HEAD = """# Chart amends

One Deployment template for the four services (intake, routing, escalation, notifier) of one image, a migration job and
a topics job. PostgreSQL, Kafka and the mail server are outside and referred to. How to install, upgrade and check it:
[../README.md](../README.md). This page is generated by `python -m tests.chart.generate` from values.yaml and the
services' settings. `services.<name>` takes everything that `defaults` has. The smallest values that install:
[ci/minimal-values.yaml](ci/minimal-values.yaml).
"""


def generated() -> dict[Path, str]:
    """Path and text of the generated files."""
    schema = Reader((CHART / "values.yaml").read_text(encoding="utf-8")).schema()
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        CHART / "README.md": readme(schema),
    }


def main() -> None:
    """Write them."""
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(CHART.parents[2])} written")


if __name__ == "__main__":
    main()
