"""What other systems rely on in events: schemas, examples that stay readable, and the matrix in the docs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services import outside
from shared.events import codec, export
from shared.events.catalog import BY_TYPE, CONSUMERS, SERVICES
from shared.events.common import LANGUAGE_TAG
from shared.events.envelope import Payload
from tests.support import examples

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "events"
MODELS = list(CONSUMERS)
NAMES = [m.type for m in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_committed_schema_is_what_the_code_says(model: type[Payload]) -> None:
    committed = export.SCHEMAS / f"{model.type}.json"
    assert committed.read_text() == export.schema_text(model), "run `python -m shared.events.export`"


def test_the_matrix_in_the_docs_is_what_the_code_says() -> None:
    assert export.MATRIX.read_text() == export.matrix(), "run `python -m shared.events.export`"


def test_no_schema_is_left_of_a_type_that_is_gone() -> None:
    assert {p.stem for p in export.SCHEMAS.glob("*.json")} == set(BY_TYPE)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.stem)
def test_a_golden_record_is_still_understood_and_loses_nothing(path: Path) -> None:
    golden = json.loads(path.read_text())
    headers = [(name, value.encode()) for name, value in golden["headers"].items()]
    event = codec.decode(golden["key"].encode(), headers, json.dumps(golden["body"]).encode())
    assert json.loads(codec.encode_body(event.data)) == golden["body"]


def test_every_type_has_a_golden_record() -> None:
    assert {p.stem for p in GOLDEN.glob("*.json")} >= set(BY_TYPE)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_the_example_satisfies_its_schema(model: type[Payload]) -> None:
    jsonschema.validate(json.loads(codec.encode_body(examples.example(model))), export.schema(model))


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_unknown_fields_of_a_newer_emitter_are_ignored(model: type[Payload]) -> None:
    body = json.loads(codec.encode_body(examples.example(model)))
    assert model.model_validate({**body, "field_of_2031": 1}) == examples.example(model)


@pytest.mark.parametrize("service", SERVICES)
def test_the_catalog_says_what_each_service_really_handles(service: str) -> None:
    assert {m.type for m, consumers in CONSUMERS.items() if service in consumers} == outside.consumed(service)


def test_a_type_has_one_emitter_and_never_consumes_itself() -> None:
    for model, consumers in CONSUMERS.items():
        assert model.emitter in SERVICES
        assert model.emitter not in consumers
        assert model.type.endswith(".v1")


def _breaking(old: dict[str, Any], new: dict[str, Any], where: str = "") -> list[str]:
    """What a consumer of the old schema would miss or be surprised by in the new one.

    A list of words may become a pattern that all of them match: what was understood is, and a consumer falls back for
    what it does not know, as each does for a customer's language. It may not lose words, and a pattern may not change.
    """
    found = [f"{where}/{n} is gone" for n in old.get("properties", {}) if n not in new.get("properties", {})]
    found += [f"{where}/{n} became required" for n in new.get("required", []) if n not in old.get("required", [])]
    found += [f"{where}/{n} may be absent now" for n in old.get("required", []) if n not in new.get("required", [])]
    for name, part in old.get("properties", {}).items():
        other = new.get("properties", {}).get(name)
        if other is not None:
            if part.get("type") != other.get("type"):
                found.append(f"{where}/{name} changed its type")
            lost = [word for word in part.get("enum", ()) if not _takes(other, word)]
            found += [f"{where}/{name} no longer takes {word}" for word in lost]
            if "pattern" in part and part["pattern"] != other.get("pattern"):
                found.append(f"{where}/{name} changed its pattern")
            found += _breaking(part, other, f"{where}/{name}")
    for name, part in old.get("$defs", {}).items():
        if name in new.get("$defs", {}):
            found += _breaking(part, new["$defs"][name], f"{where}/$defs/{name}")
    return found


def _takes(part: dict[str, Any], word: str) -> bool:
    """Whether this part of a schema still allows a word."""
    return word in part["enum"] if "enum" in part else bool(re.search(part.get("pattern", ""), word))


def test_schemas_only_grew_since_the_first_release() -> None:
    """Against the tag v1 when there is one: before a release, types may still move."""
    tag = subprocess.run(["git", "rev-parse", "-q", "--verify", "v1"], cwd=ROOT, capture_output=True, check=False)
    for model in MODELS:
        path = f"shared/events/schemas/{model.type}.json"
        base = "v1" if tag.returncode == 0 else "HEAD"
        shown = subprocess.run(["git", "show", f"{base}:{path}"], cwd=ROOT, capture_output=True, check=False)
        if shown.returncode == 0:
            assert _breaking(json.loads(shown.stdout), export.schema(model)) == []


def test_the_additive_check_sees_what_breaks_consumers() -> None:
    old = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}
    assert _breaking(old, {**old, "properties": {**old["properties"], "c": {"type": "string"}}}) == []
    assert _breaking(old, {"properties": {"a": {"type": "string"}}, "required": ["a"]})
    assert _breaking(old, {**old, "required": ["a", "b"]})
    assert _breaking(old, {**old, "required": []})
    words = {"properties": {"language": {"type": "string", "enum": ["zh", "en"]}}}
    for wider in ({"enum": ["zh", "en", "fr"]}, {"pattern": LANGUAGE_TAG}):
        assert _breaking(words, {"properties": {"language": {"type": "string", **wider}}}) == []
    for narrower in ({"enum": ["en"]}, {"pattern": "^e"}):
        assert _breaking(words, {"properties": {"language": {"type": "string", **narrower}}})
    told = {"properties": {"language": {"type": "string", "pattern": LANGUAGE_TAG}}}
    assert _breaking(told, {"properties": {"language": {"type": "string", "pattern": "^[a-z]{2}$"}}})
    assert _breaking(old, {**old, "properties": {"a": {"type": "number"}, "b": {"type": "integer"}}})
