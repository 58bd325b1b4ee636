"""Makes the strict JSON schemas beside this file out of custom resource definitions.

`python -m tests.chart.crds.make CRD.yaml...`: one file a version of a kind, without words and without status; an
object that lists its properties and does not say that it keeps others allows no others. README.md names the sources.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


def strict(schema: Any, inside_properties: bool = False) -> Any:
    """A copy that refuses unknown fields, without descriptions and without what only an API server understands."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if inside_properties:
        return {name: strict(part) for name, part in schema.items()}
    kept = {
        key: strict(part, key == "properties")
        for key, part in schema.items()
        if key != "description" and not key.startswith("x-kubernetes")
    }
    if schema.get("x-kubernetes-int-or-string"):
        kept.pop("anyOf", None)
        kept["type"] = ["integer", "string"]
    if "properties" in kept and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept


def main(paths: list[str]) -> None:
    """Write the schemas of every version that a definition serves."""
    for path in paths:
        for crd in yaml.safe_load_all(Path(path).read_text(encoding="utf-8")):
            spec = crd["spec"]
            for version in spec["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                schema["properties"].pop("status", None)
                schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                out = HERE / f"{spec['names']['kind'].lower()}-{spec['group']}-{version['name']}.json"
                out.write_text(json.dumps(strict(schema), separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
