"""Outbox → Kafka: one sender per service at a time, and a row is deleted only when the broker has it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import kafka, sql, tracing
from shared.base.brokers import Brokers
from shared.base.db import Database, driver_of
from shared.base.loops import LoopControl
from shared.base.telemetry import PUBLISHED
from shared.events import codec

from .unit import Origin

log = structlog.get_logger()

ROUND_ROWS = 500
ACK_TIMEOUT = 5.0
LINGER = 0.010  # a round costs the same for one row as for many
FIRST_BACKOFF = 0.1
HOLD_SECONDS = 0.5  # then another process may have its turn
_LOCK = sql.Statement("SELECT pg_advisory_lock(hashtextextended('amends.relay.' || current_schema(), 0))")
_UNLOCK = sql.Statement("SELECT pg_advisory_unlock_all()")
_DELETE = sql.Statement("DELETE FROM outbox WHERE seq = ANY(CAST(:seqs AS bigint[]))")
_PENDING = sql.Statement(
    f"SELECT seq, topic, complaint_id, headers, body, created_at FROM outbox ORDER BY seq LIMIT {ROUND_ROWS}"
)


class Relay:
    """Sends what the service's transactions left in the outbox, in order, at least once."""

    def __init__(self, db: Database, origin: Origin, *, bootstrap: Brokers | str) -> None:
        self.db, self.origin, self.bootstrap = db, origin, bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._published = PUBLISHED.labels(origin.service)

    async def run(self, ctl: LoopControl) -> None:
        """Bursts while there are rows; a poll behind the wake-up finds what another process left."""
        backoff = FIRST_BACKOFF
        try:
            while True:
                try:
                    left = await self._burst(ctl)
                    backoff = FIRST_BACKOFF
                except (KafkaError, OSError, TimeoutError) as error:
                    if backoff == FIRST_BACKOFF:
                        log.warning("broker does not take events, retrying", error=type(error).__name__)
                    await self._drop_producer()
                    if ctl.stopping:
                        return
                    await ctl.sleep(backoff)
                    backoff = min(backoff * 2, 2.0)
                    continue
                if not left:
                    if ctl.stopping:
                        return
                    await ctl.sleep(0.5)
        finally:
            await self._drop_producer()

    async def _burst(self, ctl: LoopControl) -> bool:
        """Rounds one after the other while commits bring rows; whether some may be waiting."""
        async with self._turn() as tx:
            end = time.monotonic() + HOLD_SECONDS
            while True:
                ctl.wake.clear()
                sent, left = await self._round(tx)
                ctl.beat()
                if ctl.stopping:
                    if not sent:
                        return False
                    continue
                if not sent:
                    return left
                await asyncio.sleep(LINGER)
                left = left or ctl.wake.is_set()
                if not left or time.monotonic() > end:
                    return left

    async def round(self) -> tuple[int, bool]:
        """One round: how many rows the broker acknowledged, and whether more may be waiting."""
        async with self._turn() as tx:
            return await self._round(tx)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[AsyncConnection]:
        """A connection that holds the lock of the one sender."""
        async with self.db.single() as tx:
            driver = driver_of(tx)
            try:
                await _LOCK.rows(tx)
                yield tx
            finally:
                if not driver.is_closed():
                    await _UNLOCK.rows(tx)

    async def _round(self, tx: AsyncConnection) -> tuple[int, bool]:
        producer = await self._started()
        rows = await _PENDING.rows(tx)
        if not rows:
            return 0, False
        acked, failure = await self._produce(producer, rows)
        await self._delete_acked(tx, acked)
        self._published.inc(len(acked))
        if tracing.on():
            sent = [row for row in rows if row.seq in set(acked)]
            tracing.published([row.headers for row in sent], [row.created_at for row in sent])
        if failure is not None:
            raise failure
        return len(acked), len(rows) == ROUND_ROWS or len(acked) < len(rows)

    async def _produce(self, producer: AIOKafkaProducer, rows: Sequence[Any]) -> tuple[list[int], BaseException | None]:
        """Send one batch per partition; the sequence numbers that the broker has, and the first failure."""
        groups: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for row in rows:
            groups[row.topic, self._partition(row)].append(row)
        flights = []
        for (topic, partition), members in groups.items():
            batch, taken = producer.create_batch(), []
            for row in members:
                headers = codec.headers(row.headers)
                key = str(row.complaint_id).encode() if row.complaint_id else None
                if batch.append(key=key, value=row.body, timestamp=None, headers=headers) is None:
                    break  # full: the rest goes in the next round, after these
                taken.append(row.seq)
            flights.append((taken, await producer.send_batch(batch, topic, partition=partition)))
        done = await asyncio.gather(
            *(asyncio.wait_for(asyncio.shield(future), ACK_TIMEOUT) for _, future in flights), return_exceptions=True
        )
        acked = [
            seq
            for (taken, _), r in zip(flights, done, strict=True)
            if not isinstance(r, BaseException)
            for seq in taken
        ]
        return acked, next((r for r in done if isinstance(r, BaseException)), None)

    def _partition(self, row: Any) -> int:
        if row.topic != self.origin.topic or row.complaint_id is None:
            return 0
        return kafka.partition_of(str(row.complaint_id).encode(), self.origin.partitions)

    async def _delete_acked(self, tx: AsyncConnection, acked: Sequence[int]) -> None:
        if acked:
            await _DELETE.rows(tx, {"seqs": list(acked)})

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = kafka.producer(self.bootstrap, self.origin.group)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        # An idempotent producer whose batch failed can wedge on its sequence numbers: a new one has a new identity.
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), 3.0)
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("producer did not stop cleanly", error=type(error).__name__)
