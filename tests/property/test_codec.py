"""Our mapping to CloudEvents against the CloudEvents SDK, which is the oracle, and against arbitrary bytes."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
from cloudevents.v1 import kafka as sdk
from hypothesis import given
from hypothesis import strategies as st

from shared.events import codec
from shared.events.catalog import CONSUMERS
from shared.events.envelope import Event, named_id, source_of
from tests.support import examples

MODELS = list(CONSUMERS)
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


def record(event: Event[Any]) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    """The Kafka record of an event."""
    named = codec.attributes(
        id=event.id, source=event.source, type=event.data.type, subject=event.complaint_id, time=event.time,
        sequence=event.sequence, causation_id=event.causation_id, traceparent=event.traceparent,
    )  # fmt: skip
    return str(event.complaint_id).encode(), codec.headers(named), codec.encode_body(event.data)


@given(
    model=st.sampled_from(MODELS), id=st.uuids(), complaint=st.uuids(), time=moments, sequence=st.integers(1, 2**40),
    cause=st.none() | st.uuids(),
)  # fmt: skip
def test_an_event_comes_back_as_it_was(
    model: Any, id: UUID, complaint: UUID, time: datetime, sequence: int, cause: UUID | None
) -> None:
    event = Event(id, complaint, examples.example(model), time, sequence, "d-1", cause, None)
    assert codec.decode(*record(event)) == event


@given(model=st.sampled_from(MODELS), time=moments)
def test_the_sdk_reads_the_same_cloud_event(model: Any, time: datetime) -> None:
    event = Event(UUID(int=1), UUID(int=2), examples.example(model), time, 7, "d-1", UUID(int=3), None)
    key, headers, body = record(event)
    read = sdk.from_binary(sdk.KafkaMessage(headers=dict(headers), key=key.decode(), value=body))
    assert read["id"] == str(event.id)
    assert read["source"] == source_of("d-1", model.emitter)
    assert read["type"] == model.type
    assert read["subject"] == str(event.complaint_id)
    assert datetime.fromisoformat(read["time"]) == time
    assert read["sequence"] == "7"
    assert read["causationid"] == str(UUID(int=3))


@given(
    key=st.none() | st.binary(max_size=40),
    headers=st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "x"]), st.binary())),
    body=st.none() | st.binary(max_size=200),
)
def test_arbitrary_records_are_undecodable_and_nothing_worse(key: Any, headers: Any, body: Any) -> None:
    with pytest.raises(codec.Undecodable):
        codec.decode(key, headers, body)


@given(data=st.data())
def test_one_damaged_attribute_makes_a_record_undecodable(data: st.DataObject) -> None:
    key, headers, body = record(examples.event(MODELS[0]))
    name = data.draw(st.sampled_from(["ce_id", "ce_subject", "ce_time", "ce_sequence", "ce_source", "ce_specversion"]))
    damaged = [(n, b"\xff" if n == name else v) for n, v in headers]
    with pytest.raises(codec.Undecodable):
        codec.decode(key, damaged, body)


def test_the_reason_names_the_field_and_repeats_no_content() -> None:
    key, headers, _ = record(examples.event(MODELS[0]))
    with pytest.raises(codec.Undecodable, match="customer") as caught:
        codec.decode(key, headers, b'{"reference": "secret words"}')
    assert "secret" not in str(caught.value)


@given(st.uuids(), st.text())
def test_a_named_id_is_a_uuid5(namespace: UUID, name: str) -> None:
    encodable = name.encode("utf-8", "ignore").decode()
    assert named_id(namespace, encodable) == uuid5(namespace, encodable)
