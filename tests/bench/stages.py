"""Where an acknowledgement's time goes, read from the times in the topic and in the notifier's ledger."""

from itertools import pairwise
from statistics import quantiles
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.stack import Stack
from shared.events import codec
from shared.events.envelope import TOPIC
from tests.bench import servers

RECEIVED, CLOCKS = "complaint.received.v1", "complaint.clocks-changed.v1"
LETTERS = (
    "SELECT complaint_id, created_at, sent_at FROM notifier.letter WHERE sent_at IS NOT NULL "
    "ORDER BY created_at DESC LIMIT {n}"
)
NAMES = (
    "intake's transaction → broker",
    "broker → escalation's transaction",
    "escalation's transaction → broker",
    "broker → notifier's transaction",
    "notifier's transaction → sent",
)


async def table(stack: Stack, n: int) -> str:
    """Median and 99th percentile of each stage for the newest `n` letters, as text."""
    letters = await servers.execute(stack, LETTERS.format(n=n))
    told = await _told(stack.kafka_bootstrap, {row["complaint_id"] for row in letters})
    found: list[tuple[float, ...]] = []
    for row in letters:
        if (first := told.get((row["complaint_id"], RECEIVED))) and (second := told.get((row["complaint_id"], CLOCKS))):
            moments = (*first, *second, row["created_at"].timestamp(), row["sent_at"].timestamp())
            found.append(tuple(1000 * (b - a) for a, b in pairwise(moments)))
    lines = [f"{'stage':36} p50 ms  p99 ms"]
    for name, times in zip(NAMES, zip(*found, strict=True), strict=True):
        cuts = quantiles(times, n=100)
        lines.append(f"{name:36} {cuts[49]:6.1f}  {cuts[98]:6.1f}")
    return "\n".join(lines)


async def _told(bootstrap: str, complaints: set[UUID]) -> dict[tuple[UUID, str], tuple[float, float]]:
    """(complaint, type) → when the first such event was decided, and when its batch was made for the broker."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    await client.start()
    found: dict[tuple[UUID, str], tuple[float, float]] = {}
    try:
        partitions = [TopicPartition(TOPIC, p) for p in range(servers.PARTITIONS)]
        client.assign(partitions)
        ends = await client.end_offsets(partitions)
        while any([await client.position(tp) < ends[tp] for tp in partitions]):
            for batch in (await client.getmany(timeout_ms=500)).values():
                for record in batch:
                    _note(record, complaints, found)
    finally:
        await client.stop()
    return found


def _note(record: Any, complaints: set[UUID], found: dict[tuple[UUID, str], tuple[float, float]]) -> None:
    type_ = codec.type_of(record.headers)
    if type_ in (RECEIVED, CLOCKS):
        event = codec.decode(record.key, record.headers, record.value)
        if event.complaint_id in complaints:
            found.setdefault((event.complaint_id, type_), (event.time.timestamp(), record.timestamp / 1000))
