"""The envelope of every event: CloudEvents 1.0 attributes around one domain payload.

Source: CloudEvents 1.0 core specification and its Kafka binding (binary content mode).
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

SPEC_VERSION = "1.0"
TOPIC = "complaints.v1"
MAX_BODY_BYTES = 256_000


def parked_topic(topic: str) -> str:
    """Where copies of events that could not be handled go."""
    return topic + ".parked"


class Frozen(BaseModel):
    """A value inside an event: immutable, and tolerant of fields that a newer emitter added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Payload(Frozen):
    """The body of an event: plain domain JSON.

    `type` is the wire name with its major version (`complaint.received.v1`), `emitter` the one service that may emit
    it. Personal data stand in the field `personal`, a map from subject id to that person's fields, and nowhere else.
    """

    type: ClassVar[str]
    emitter: ClassVar[str]


P_co = TypeVar("P_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[P_co]):
    """One fact about one complaint, as it travels.

    `time` is when the fact became true (database time, aware UTC), not when it was sent or read. `sequence` counts
    without gaps per emitting service and complaint, from 1. `deployment` is the installation that emitted it.
    """

    id: UUID
    complaint_id: UUID
    data: P_co
    time: datetime
    sequence: int
    deployment: str
    causation_id: UUID | None = None
    traceparent: str | None = None

    @property
    def source(self) -> str:
        """The CloudEvents source: the emitting service within its deployment."""
        return source_of(self.deployment, self.data.emitter)


def source_of(deployment: str, service: str) -> str:
    """`ce_source` of a service: a URI reference that names deployment and service."""
    return f"/amends/{deployment}/{service}"


def derived_id(cause: UUID, service: str, type_: str, n: int) -> UUID:
    """The id of the n-th event of a type that a service emits because of `cause`: the same cause, the same id."""
    return named_id(cause, f"{service}:{type_}:{n}")


_VARIABLE = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_5 = 5 << 76 | 0x8000 << 48


def named_id(namespace: UUID, name: str) -> UUID:
    """uuid5 in half its time: several are made for each event and timer."""
    digest = sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()
    return UUID(int=int.from_bytes(digest[:16]) & _VARIABLE | _VERSION_5)
