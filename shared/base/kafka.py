"""Kafka clients, each setting with its reason, in one place."""

import asyncio
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from shared.events.envelope import parked_topic

from .brokers import Brokers, connection

log = structlog.get_logger()
TOPIC_EXISTS = 36


@lru_cache(maxsize=1 << 14)  # murmur2 in Python costs as much as decoding a small event
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as Kafka's own default partitioner computes it (murmur2 of the key)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def producer(bootstrap: Brokers | str, client_id: str) -> AIOKafkaProducer:
    """A producer for whole batches: acknowledged by all replicas, without duplicates from its own retries."""
    return AIOKafkaProducer(
        **connection(bootstrap),
        client_id=client_id,
        acks="all",  # the default acknowledges when the leader alone has it
        enable_idempotence=True,  # a retried request must not write twice
        max_batch_size=1 << 20,  # the relay sends one large batch per partition
        request_timeout_ms=5_000,
        retry_backoff_ms=50,
        metadata_max_age_ms=60_000,
    )


def consumer(bootstrap: Brokers | str, group: str, *, instance: str | None, session_timeout: float) -> AIOKafkaConsumer:
    """A group member that commits nothing by itself: the position stands in the database.

    `instance` is a name that survives a restart: a member that comes back under it has its partitions at once,
    otherwise those of a killed one are free after `session_timeout` seconds.
    """
    return AIOKafkaConsumer(
        **connection(bootstrap),
        group_id=group,
        client_id=group,
        group_instance_id=instance,
        enable_auto_commit=False,
        # "none" would race with our own seek after an assignment; that nothing is skipped, the consumer checks itself.
        auto_offset_reset="earliest",
        fetch_max_wait_ms=250,
        fetch_min_bytes=1,
        max_partition_fetch_bytes=2 << 20,
        session_timeout_ms=int(session_timeout * 1000),
        heartbeat_interval_ms=int(session_timeout * 200),
        rebalance_timeout_ms=10_000,
        max_poll_interval_ms=300_000,
        request_timeout_ms=15_000,
        retry_backoff_ms=100,
        metadata_max_age_ms=60_000,
    )


class WrongTopic(Exception):
    """The topic exists with another number of partitions: growing it would give complaints new partitions."""


async def create_topics(
    bootstrap: Brokers | str, topic: str, *, partitions: int, replication: int, retention_days: int = 14
) -> list[str]:
    """Create the two topics where they are missing; says what was done. Raises WrongTopic, KafkaError."""
    admin = AIOKafkaAdminClient(**connection(bootstrap), request_timeout_ms=10_000)
    await admin.start()
    try:
        config = {
            "retention.ms": str(retention_days * 86_400_000),
            "cleanup.policy": "delete",
            "min.insync.replicas": str(max(1, replication - 1)),
            "max.message.bytes": str(4 << 20),
        }
        wanted = [
            NewTopic(topic, partitions, replication, topic_configs=config),
            NewTopic(parked_topic(topic), 1, replication, topic_configs=config),
        ]
        answer = await admin.create_topics(wanted)
        done = []
        for name, code, *message in answer.topic_errors:
            if code not in (0, TOPIC_EXISTS):
                raise KafkaError(f"{name}: error {code} {message}")
            done.append(f"{name}: {'exists' if code else 'created'}")
        await asyncio.sleep(0)
        for described in await admin.describe_topics([topic]):
            if described["error_code"] == 0 and len(described["partitions"]) != partitions:
                raise WrongTopic(f"{topic} has {len(described['partitions'])} partitions, not {partitions}")
        return done
    finally:
        await admin.close()
