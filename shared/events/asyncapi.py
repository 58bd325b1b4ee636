"""The topic for those who read it from outside: AsyncAPI 3.0, made from the catalogue.

`python -m shared.events.export` writes docs/asyncapi.yaml; a test compares it. Payloads are referred to, not repeated.
"""

from pathlib import Path
from typing import Any

import yaml

from .catalog import CONSUMERS, SERVICES, emitted_by
from .envelope import MAX_BODY_BYTES, SPEC_VERSION, TOPIC, Payload, parked_topic

PAGE = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
SCHEMAS = "../shared/events/schemas"
ABOUT = (
    "Everything that happens to a complaint, told once on one topic. A record's key is the complaint's id, so one "
    "partition holds a complaint's whole life. One service's events about one complaint come in the order in which "
    "they were committed (`ce_sequence`, without gaps), an effect after its cause; decisions of two services may stand "
    "in either order. Delivery is at least once: a reader drops an id (`ce_id`) that it has seen. Within a major "
    "version (the end of the type) events only grow by optional fields; readers ignore what they do not know. "
    "Personal data stand in `personal` and nowhere else."
)
_UUID = {"type": "string", "format": "uuid"}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ce_specversion": ("Version of CloudEvents.", {"type": "string", "const": SPEC_VERSION}),
    "ce_id": ("The event; a second delivery has the same.", _UUID),
    "ce_source": (
        "Who tells it: /amends/<deployment>/<service>.",
        {"type": "string", "pattern": "^/amends/[A-Za-z0-9-]{1,64}/[a-z]+$"},
    ),
    "ce_subject": ("The complaint; also the record's key.", _UUID),
    "ce_time": ("When it became true, in UTC.", {"type": "string", "format": "date-time"}),
    "ce_sequence": (
        "Counts this service's events about this complaint, from 1, without gaps.",
        {"type": "string", "pattern": "^[1-9][0-9]*$"},
    ),
    "ce_causationid": ("The event or command that led to it.", _UUID),
    "traceparent": (
        "W3C trace context, when tracing is on.",
        {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    ),
    "content-type": ("Of the body.", {"type": "string", "const": "application/json"}),
}
_OPTIONAL = ("ce_causationid", "traceparent")


def _described(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **schema}


def _meaning(model: type[Payload]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _message(model: type[Payload]) -> dict[str, Any]:
    return {
        "name": model.type,
        "title": model.__name__,
        "summary": _meaning(model),
        "contentType": "application/json",
        "tags": [{"name": model.emitter}],
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/headers"},
                {"type": "object", "required": ["ce_type"], "properties": {"ce_type": {"const": model.type}}},
            ]
        },
        "payload": {"$ref": f"{SCHEMAS}/{model.type}.json"},
    }


def _operation(action: str, channel: str, models: list[type[Payload]], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{model.__name__}"} for model in models],
    }


def _channel(address: str, description: str) -> dict[str, Any]:
    messages = {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in CONSUMERS}
    return {
        "address": address,
        "description": description,
        "messages": messages,
        "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
    }


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    operations: dict[str, Any] = {}
    for service in SERVICES:
        told = list(emitted_by(service))
        heard = [model for model, consumers in CONSUMERS.items() if service in consumers]
        operations[f"{service}Tells"] = _operation("send", "complaints", told, f"What {service} tells.")
        operations[f"{service}Hears"] = _operation("receive", "complaints", heard, f"What {service} acts on.")
    headers = {
        "type": "object",
        "required": [name for name in _HEADERS if name not in _OPTIONAL],
        "properties": {name: _described(*given) for name, given in _HEADERS.items()},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Amends", "version": TOPIC.rpartition(".")[2].removeprefix("v"), "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {
            "complaints": _channel(
                TOPIC, f"CloudEvents {SPEC_VERSION}, Kafka binary mode; a body has at most {MAX_BODY_BYTES} bytes."
            ),
            "parked": _channel(
                parked_topic(TOPIC),
                "Copies of records that a service could not handle, with `amends_parked_by` and `amends_reason` "
                "beside their own headers. The truth is the service's table: `amends parked list`.",
            ),
        },
        "operations": operations,
        "components": {
            "messages": {model.__name__: _message(model) for model in CONSUMERS},
            "schemas": {"headers": headers},
        },
    }


def page() -> str:
    """The document as it is committed."""
    head = "# Generated by `python -m shared.events.export` from shared/events/catalog.py.\n"
    return head + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
