"""docs/asyncapi.yaml: what readers of the topic are told is what the code does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.events import asyncapi
from shared.events.catalog import CONSUMERS, SERVICES

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.PAGE.read_text())


def test_the_committed_document_is_what_the_code_says() -> None:
    assert asyncapi.PAGE.read_text() == asyncapi.page(), "run `python -m shared.events.export`"


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [r for value in node.values() for r in references(value)]
    return [r for value in node for r in references(value)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        file, _, inside = reference.partition("#")
        if file:
            assert (asyncapi.PAGE.parent / file).resolve().is_file(), reference
            continue
        node = DOCUMENT
        for step in inside.strip("/").split("/"):
            node = node[step]


@pytest.mark.parametrize("service", SERVICES)
def test_operations_name_what_a_service_tells_and_hears(service: str) -> None:
    def named(operation: str) -> set[str]:
        return {m["$ref"].rpartition("/")[2] for m in DOCUMENT["operations"][operation]["messages"]}

    assert named(f"{service}Tells") == {model.__name__ for model in CONSUMERS if model.emitter == service}
    assert named(f"{service}Hears") == {model.__name__ for model, heard in CONSUMERS.items() if service in heard}


@pytest.mark.parametrize("model", CONSUMERS, ids=[model.type for model in CONSUMERS])
def test_golden_records_fit_the_headers_and_the_payload_of_their_message(model: Any) -> None:
    golden = json.loads((GOLDEN / f"{model.type}.json").read_text())
    message = DOCUMENT["components"]["messages"][model.__name__]
    common, own = message["headers"]["allOf"]
    for schema in (DOCUMENT["components"]["schemas"][common["$ref"].rpartition("/")[2]], own):
        jsonschema.validate(golden["headers"], schema, format_checker=jsonschema.FormatChecker())
    payload = (asyncapi.PAGE.parent / message["payload"]["$ref"]).resolve()
    jsonschema.validate(golden["body"], json.loads(payload.read_text()))


def test_a_record_without_a_sequence_would_be_refused() -> None:
    golden = json.loads((GOLDEN / "complaint.received.v1.json").read_text())
    del golden["headers"]["ce_sequence"]
    with pytest.raises(jsonschema.ValidationError, match="ce_sequence"):
        jsonschema.validate(golden["headers"], DOCUMENT["components"]["schemas"]["headers"])
