"""Events to Kafka records and back: CloudEvents binary mode, written out because the SDK is slower and looser.

`tests/property/test_codec.py` holds the CloudEvents SDK beside it as the oracle.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from pydantic import ValidationError

from .catalog import BY_TYPE
from .envelope import MAX_BODY_BYTES, SPEC_VERSION, Event, Payload

Headers = Sequence[tuple[str, bytes]]


class Undecodable(ValueError):
    """The record is no event that this version understands; retrying does not help."""


class TooLarge(ValueError):
    """The event's body exceeds what one event may carry (256 kB)."""


def encode_body(payload: Payload) -> bytes:
    """The JSON body (UTF-8). Raises TooLarge over 256 kB."""
    body = payload.model_dump_json(exclude_none=True).encode()
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"{payload.type} is {len(body)} bytes, more than {MAX_BODY_BYTES}")
    return body


@lru_cache(maxsize=256)  # events of one transaction became true at the same time
def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def attributes(
    *, id: UUID, source: str, type: str, subject: UUID, time: datetime, sequence: int,
    causation_id: UUID | None, traceparent: str | None,
) -> dict[str, str]:  # fmt: skip
    """What the record headers of one event say, by name."""
    named = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(id),
        "ce_source": source,
        "ce_type": type,
        "ce_subject": str(subject),
        "ce_time": timestamp(time),
        "ce_sequence": str(sequence),
        "content-type": "application/json",
    }
    if causation_id:
        named["ce_causationid"] = str(causation_id)
    if traceparent:
        named["traceparent"] = traceparent
    return named


def headers(named: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """The record headers of one event."""
    return [(name, value.encode()) for name, value in named.items()]


def type_of(record_headers: Headers) -> str | None:
    """The event type, read without decoding anything else; None when the header is missing."""
    for name, value in record_headers:
        if name == "ce_type":
            return value.decode("utf-8", "replace")
    return None


def decode(key: bytes | None, record_headers: Headers, body: bytes | None) -> Event[Payload]:
    """The event of a record. Raises Undecodable with the reason when it is none."""
    try:
        attributes = {name: value.decode() for name, value in record_headers}
        if attributes["ce_specversion"] != SPEC_VERSION:
            raise Undecodable(f"CloudEvents {attributes['ce_specversion']!r} is not {SPEC_VERSION}")
        model = BY_TYPE[attributes["ce_type"]]
        subject = UUID(attributes["ce_subject"])
        if key is None or key.decode() != str(subject):
            raise Undecodable("the record's key is not its subject")
        return Event(
            id=UUID(attributes["ce_id"]),
            complaint_id=subject,
            data=model.model_validate_json(body or b""),
            time=datetime.fromisoformat(attributes["ce_time"]),
            sequence=int(attributes["ce_sequence"]),
            deployment=_deployment(attributes),
            causation_id=UUID(attributes["ce_causationid"]) if "ce_causationid" in attributes else None,
            traceparent=attributes.get("traceparent"),
        )
    except ValidationError as problem:
        where = ", ".join(".".join(map(str, e["loc"])) or "body" for e in problem.errors(include_input=False))
        raise Undecodable(f"the body does not fit its type at {where}") from None
    except KeyError as missing:
        raise Undecodable(f"missing or unknown {missing.args[0]!r}") from None
    except (UnicodeDecodeError, ValueError) as problem:
        if isinstance(problem, Undecodable):
            raise
        raise Undecodable(f"a malformed attribute ({type(problem).__name__})") from None


def _deployment(attributes: Mapping[str, str]) -> str:
    parts = attributes["ce_source"].split("/")
    if len(parts) != 4 or parts[:2] != ["", "amends"]:
        raise Undecodable("the source is not of Amends")
    return parts[2]
