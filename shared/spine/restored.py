"""After a restore to an earlier moment: what a service had said, and its database no longer knows."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.base.brokers import Brokers
from shared.events.envelope import source_of

from . import tables as t
from .verify import read

AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Lost:
    """An event on the topic that its own service has forgotten. `time`: when it became true, RFC 3339 in UTC."""

    complaint_id: UUID
    sequence: int
    type: str
    time: str
    event_id: str


async def lost(
    tx: AsyncConnection, bootstrap: Brokers | str, topic: str, *, deployment: str, service: str
) -> list[Lost]:
    """Read the whole topic and give what this service's database does not know, oldest first; duplicates once.

    Raises LookupError when there is no topic, KafkaError and OSError when it cannot be read.
    """
    source = source_of(deployment, service).encode()
    told: dict[UUID, dict[int, Lost]] = defaultdict(dict)
    async for record in read(bootstrap, topic):
        named = dict(record.headers)
        if named.get("ce_source") == source:
            text = {name: named[name].decode() for name in ("ce_subject", "ce_sequence", "ce_type", "ce_time", "ce_id")}
            complaint, sequence = UUID(text["ce_subject"]), int(text["ce_sequence"])
            told[complaint][sequence] = Lost(complaint, sequence, text["ce_type"], text["ce_time"], text["ce_id"])
    known: dict[UUID, int] = {}
    ids = sorted(told)
    for start in range(0, len(ids), AT_ONCE):
        rows = await tx.execute(
            select(t.stream).where(sql.any_of(t.stream.c.complaint_id, ids[start : start + AT_ONCE]))
        )
        known |= {row.complaint_id: row.sequence for row in rows}
    missing = [one for i, tale in told.items() for n, one in tale.items() if n > known.get(i, 0)]
    return sorted(missing, key=lambda one: (one.time, one.complaint_id, one.sequence))
