"""How fast one consumer drains a backlog, each event's effect exactly once; the reference promises nothing."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from deploy.local.stack import Stack
from shared.base import kafka
from shared.events import codec
from shared.spine.effects import Emit
from tests.bench import measure, servers
from tests.support.spines import received, replied

TOPIC = "bench.consume"
COMPLAINTS = 10_000
EVENTS = 2 * COMPLAINTS
BLOCK = 500
WORDS = "The washing machine stopped in the middle of its program and nobody has answered me since. " * 9
WHAT = (
    "Events/s of one consumer that drains a backlog of 20,000 events (10,000 complaints, each received with a body of "
    "1.3 kB and then replied to) with handlers that do nothing: inbox, lock, load, save and position in one "
    "transaction per poll of at most 500. Reference: aiokafka getmany of the same size, the same pydantic models, one "
    "multi-row INSERT of the events (two ids, type, body as jsonb) with asyncpg per poll; no lock, no inbox, no state, "
    "no position. From the first to the last commit; effects are read back."
)
TABLES = (
    "CREATE TABLE escalation.counted (complaint_id uuid PRIMARY KEY, version int NOT NULL)",
    "CREATE TABLE escalation.bare (event_id uuid PRIMARY KEY, complaint_id uuid, type text, body jsonb)",
    "GRANT ALL ON escalation.counted, escalation.bare TO amends_escalation",
)
EMPTY = (
    "TRUNCATE escalation.counted, escalation.bare, escalation.inbox, escalation.stream, escalation.consumer_position",
    "CHECKPOINT",
)
EFFECTS = {
    "ours": "SELECT count(*) AS complaints, sum(version) AS events FROM escalation.counted",
    "bare": "SELECT count(DISTINCT complaint_id) AS complaints, count(*) AS events FROM escalation.bare",
}


async def run(rounds: int) -> measure.Result:
    """Fill the topic once and drain it in turn."""
    with servers.stack() as stack:
        await servers.execute(stack, *TABLES)
        await kafka.create_topics(stack.kafka_bootstrap, TOPIC, partitions=12, replication=1)
        await _fill(stack.kafka_bootstrap)
        pairs = await measure.in_turn(lambda: _drain(stack, "ours"), lambda: _drain(stack, "bare"), rounds)
    return measure.compare("consume", pairs, WHAT)


async def _drain(stack: Stack, side: str) -> measure.Run:
    await servers.execute(stack, *EMPTY)
    arguments = {
        "side": side, "topic": TOPIC, "events": EVENTS, "bootstrap": stack.kafka_bootstrap,
        "database": stack.database_url("escalation"), "deployment": stack.keys.deployment_id,
        "servers": {name: pid for name, pid in servers.pids(stack).items() if name in ("postgres", "kafka")},
    }  # fmt: skip
    done = measure.Run(**await servers.worker("consumer", arguments))
    (row,) = await servers.execute(stack, EFFECTS[side])
    if (row["complaints"], row["events"]) != (COMPLAINTS, EVENTS):
        raise AssertionError(f"{side}: {row['events']} effects in {row['complaints']} complaints")
    return done


async def _fill(bootstrap: str) -> None:
    producer = kafka.producer(bootstrap, "bench")
    await producer.start()
    try:
        for _ in range(COMPLAINTS // BLOCK):
            complaints = [uuid4() for _ in range(BLOCK)]
            await _send(producer, [(c, received(c, text=WORDS), 1) for c in complaints])
            await _send(producer, [(c, replied(c, "Is anybody there?"), 2) for c in complaints])
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, events: list[tuple[UUID, Emit, int]]) -> None:
    batches: dict[int, Any] = {}
    for complaint, emit, sequence in events:
        key = str(complaint).encode()
        batch = batches.setdefault(kafka.partition_of(key, 12), producer.create_batch())
        named = codec.attributes(
            id=uuid4(), source="/amends/bench/intake", type=emit.data.type, subject=complaint,
            time=datetime.now(UTC), sequence=sequence, causation_id=uuid4(), traceparent=None,
        )  # fmt: skip
        batch.append(key=key, value=codec.encode_body(emit.data), timestamp=None, headers=codec.headers(named))
    for partition, batch in batches.items():
        await (await producer.send_batch(batch, TOPIC, partition=partition))
