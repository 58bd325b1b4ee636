"""A full example of any payload: every field filled, with values that read like the field.

`python -m tests.support.examples` writes the golden record of each type that has none yet; it never touches others.
"""

import json
import types
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel

from shared.events import codec
from shared.events.catalog import BY_TYPE
from shared.events.envelope import Event, Payload, source_of

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
MOMENT = datetime(2026, 6, 9, 8, 30, 15, 250000, tzinfo=UTC)
BY_NAME: dict[str, Any] = {
    "reference": "AM-7K2M9Q4T1C",
    "source": "web-shop",
    "tier": "top",
    "name": "Li Na",
    "family_name": "Li",
    "given_name": "Na",
    "salutation": "女士",
    "email": "li.na@example.com",
    "phone": "+861055501234",
    "text": "我要求退款。The phone was a special offer.",
    "subject": "Refund",
    "amount": "20.00",
    "value_at_stake": "799.00",
    "currency": "CNY",
    "by": "handler-zhang",
    "contact": "010-5550100",
    "role_title": "complaint handler",
    "message_id": "<5f0c@example.com>",
    "letter_message_id": "<letter-5f0c@amends.example>",
    "status": "5.1.1",
    "language": "zh",
    "queue": "product",
    "tracking_url": "https://complaints.example/track/AM-7K2M9Q4T1C",
    "confirm_url": "https://complaints.example/track/AM-7K2M9Q4T1C",
    "sha256": "0" * 64,
    "media_type": "image/jpeg",
    "address": "li.na@example.com",
    "pack": "house-tiered",
    "reason": "No fault was found in the test of 5 June.",
}


def example(model: type[Payload]) -> Payload:
    """One payload of this type with every field filled."""
    return model.model_validate(_fill(model))


def event(model: type[Payload]) -> Event[Payload]:
    """The example as an event."""
    return Event(
        id=uuid5(NAMESPACE_URL, model.type),
        complaint_id=uuid5(NAMESPACE_URL, "complaint"),
        data=example(model),
        time=MOMENT,
        sequence=3,
        deployment="golden",
        causation_id=uuid5(NAMESPACE_URL, "cause"),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )


def _fill(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _value(name, field.annotation) for name, field in model.model_fields.items()}


def _value(name: str, kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(name, next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return arguments[0]
    if origin is tuple:
        return [_value(name, arguments[0])]
    if origin is dict:
        return {str(_value("customer_id", arguments[0])): _value(name, arguments[1])}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _fill(kind)
    return _scalar(name, kind)


def _scalar(name: str, kind: Any) -> Any:
    if kind is UUID:
        return str(uuid5(NAMESPACE_URL, name))
    if kind is datetime:
        return MOMENT.isoformat()
    if kind is date:
        return "2026-06-09"
    if kind is bool:
        return True
    if kind is int:
        return 2
    if kind is float:
        return 0.8
    return BY_NAME.get(name, f"{name} of the example")


def golden(model: type[Payload]) -> dict[str, Any]:
    """The example as a record of the topic: key, headers, body."""
    one = event(model)
    named = codec.attributes(
        id=one.id, source=source_of(one.deployment, model.emitter), type=model.type, subject=one.complaint_id,
        time=one.time, sequence=one.sequence, causation_id=one.causation_id, traceparent=one.traceparent,
    )  # fmt: skip
    return {"key": str(one.complaint_id), "headers": named, "body": json.loads(codec.encode_body(one.data))}


def main() -> None:
    """Write the records that are missing."""
    for name, model in BY_TYPE.items():
        path = GOLDEN / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(golden(model), indent=1, ensure_ascii=False) + "\n")
            print(path)


if __name__ == "__main__":
    main()
