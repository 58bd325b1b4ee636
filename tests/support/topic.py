"""The topic as an auditor reads it: from its beginning, in no group, believing nobody."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from aiokafka import AIOKafkaConsumer

from shared.spine import verify


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of the topic."""

    id: UUID
    service: str
    complaint: UUID
    type: str
    sequence: int
    time: datetime
    body: bytes


@dataclass
class Topic:
    """The whole topic: each event once, in the order of its first record, and what is wrong with the records."""

    facts: list[Fact] = field(default_factory=list)
    records: int = 0
    undecodable: int = 0
    wrong: list[str] = field(default_factory=list)

    def of(self, type_: str) -> dict[UUID, list[Fact]]:
        """Complaint → its events of this type."""
        found: dict[UUID, list[Fact]] = defaultdict(list)
        for fact in self.facts:
            if fact.type == type_:
                found[fact.complaint].append(fact)
        return found

    def last_sequences(self) -> dict[tuple[str, UUID], int]:
        """(service, complaint) → the highest sequence number."""
        last: dict[tuple[str, UUID], int] = {}
        for fact in self.facts:
            tale = (fact.service, fact.complaint)
            last[tale] = max(last.get(tale, 0), fact.sequence)
        return last


async def read_topic(bootstrap: str, topic: str) -> Topic:
    """Read it from its beginning; repeated records are allowed, everything else that is odd is said in `wrong`."""
    found = Topic()
    seen: dict[UUID, int] = {}
    last: Counter[tuple[str, UUID]] = Counter()
    async for record in verify.read(bootstrap, topic):
        found.records += 1
        named = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        try:
            fact = Fact(
                UUID(named["ce_id"]), named["ce_source"].split("/")[3], UUID(named["ce_subject"]), named["ce_type"],
                int(named["ce_sequence"]), datetime.fromisoformat(named["ce_time"]), record.body or b"",
            )  # fmt: skip
        except (KeyError, ValueError, IndexError):
            found.undecodable += 1
            continue
        what = f"{fact.service} about {fact.complaint}: {fact.type}"
        if fact.id in seen:
            if seen[fact.id] != fact.sequence:
                found.wrong.append(f"{what} was decided twice, as number {seen[fact.id]} and {fact.sequence}")
            continue
        seen[fact.id] = fact.sequence
        found.facts.append(fact)
        expected = last[fact.service, fact.complaint] + 1
        if fact.sequence != expected:
            kind = "a gap" if fact.sequence > expected else "a number used again or late"
            found.wrong.append(f"{what} has number {fact.sequence} where {expected} follows: {kind}")
        last[fact.service, fact.complaint] = max(fact.sequence, expected - 1)
    return found


async def log_ends(bootstrap: str, topic: str) -> dict[int, tuple[int, int]]:
    """Partition → its first and its next offset."""
    client = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None)
    await client.start()
    try:
        tps = sorted(client.assignment())
        first, end = await client.beginning_offsets(tps), await client.end_offsets(tps)
        return {tp.partition: (first[tp], end[tp]) for tp in tps}
    finally:
        await client.stop()
