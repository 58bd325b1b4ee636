"""The topic read as an auditor would: does each service's tale about each complaint have no gap and the right order?"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from shared.base.brokers import Brokers, connection

from .parking import Record


@dataclass
class Verdict:
    """What the whole topic says. Repeated records are allowed (at least once); gaps and wrong order are not."""

    records: int = 0
    repeated: int = 0
    undecodable: int = 0
    events: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    out_of_order: Counter[str] = field(default_factory=Counter)


async def read(bootstrap: Brokers | str, topic: str) -> AsyncIterator[Record]:
    """Every record of the topic from its beginning to where it ends now; joins no group."""
    client = AIOKafkaConsumer(
        topic, **connection(bootstrap), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await client.start()
    try:
        tps = sorted(client.assignment())
        if not tps:
            raise LookupError(f"there is no topic {topic}")
        ends = await client.end_offsets(tps)
        await client.seek_to_beginning(*tps)
        open_ = {tp for tp in tps if ends[tp] > await client.position(tp)}
        while open_:
            for tp, records in (await client.getmany(*open_, timeout_ms=1000)).items():
                for r in records:
                    if r.offset < ends[tp]:
                        yield Record(tp.partition, r.offset, r.key, r.headers, r.value)
            open_ = {tp for tp in open_ if await client.position(tp) < ends[tp]}
    finally:
        await client.stop()


async def verify(bootstrap: Brokers | str, topic: str) -> Verdict:
    """Count gaps and wrong order of `ce_sequence` per emitting service over the whole topic."""
    verdict = Verdict()
    last: dict[tuple[str, UUID], int] = {}
    ids: dict[tuple[str, UUID], set[UUID]] = defaultdict(set)
    async for record in read(bootstrap, topic):
        verdict.records += 1
        named = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        try:
            service, complaint = named["ce_source"].split("/")[3], UUID(named["ce_subject"])
            event, sequence = UUID(named["ce_id"]), int(named["ce_sequence"])
        except (KeyError, ValueError, IndexError):
            verdict.undecodable += 1
            continue
        tale = (service, complaint)
        if event in ids[tale]:
            verdict.repeated += 1
            continue
        ids[tale].add(event)
        verdict.events[named.get("ce_type", "?")] += 1
        expected = last.get(tale, 0) + 1
        if sequence > expected:
            verdict.gaps[service] += sequence - expected
        elif sequence < expected:
            verdict.out_of_order[service] += 1
        last[tale] = max(sequence, expected - 1)
    return verdict
