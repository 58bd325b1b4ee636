"""Outbox → Kafka: one sender per service at a time, and a row is deleted only when the broker has it.

The table says what is to be sent, and in which order. What this process wrote itself it need not read back: it holds
the rows of its last commits in memory, and reads only those of others.
"""

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

from .unit import Origin, Outgoing

log = structlog.get_logger()

ROUND_ROWS = 500
ACK_TIMEOUT = 5.0
LINGER = 0.010  # a round costs the same for one row as for many
FIRST_BACKOFF = 0.1
HOLD_SECONDS = 0.5  # then another process may have its turn
HELD_ROWS, HELD_BYTES = 4 * ROUND_ROWS, 8 << 20
_LOCK = sql.Statement("SELECT pg_advisory_lock(hashtextextended('amends.relay.' || current_schema(), 0))")
_UNLOCK = sql.Statement("SELECT pg_advisory_unlock_all()")
_DELETE = sql.Statement("DELETE FROM outbox WHERE seq = ANY(CAST(:seqs AS bigint[]))")
_PENDING = sql.Statement(
    f"SELECT seq FROM outbox WHERE seq NOT IN (SELECT unnest(CAST(:sent AS bigint[]))) ORDER BY seq LIMIT {ROUND_ROWS}"
)
_READ = sql.Statement(
    "SELECT seq, topic, complaint_id, headers, body, created_at FROM outbox WHERE seq = ANY(CAST(:seqs AS bigint[]))"
)


class Relay:
    """Sends what the service's transactions left in the outbox, in order, at least once."""

    def __init__(self, db: Database, origin: Origin, *, bootstrap: Brokers | str) -> None:
        self.db, self.origin, self.bootstrap = db, origin, bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._published = PUBLISHED.labels(origin.service)
        self._held: dict[int, Outgoing] = {}
        self._held_bytes = 0
        self._sent: list[int] = []  # the broker has them, and this turn has not deleted them yet

    def hold(self, rows: Sequence[Outgoing]) -> None:
        """Keep rows that this process has just committed; the oldest go when another process is the sender."""
        for row in rows:
            self._held[row.seq] = row
            self._held_bytes += len(row.body)
        while len(self._held) > HELD_ROWS or self._held_bytes > HELD_BYTES:
            self._held_bytes -= len(self._held.pop(next(iter(self._held))).body)

    @property
    def held(self) -> Sequence[Outgoing]:
        """The rows that need not be read back."""
        return list(self._held.values())

    async def run(self, ctl: LoopControl) -> None:
        """Bursts while there are rows; a poll behind the wake-up finds what another process left."""
        backoff = FIRST_BACKOFF
        self._held.clear()  # the database was lost, and may come back as another one
        self._held_bytes = 0
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
            left = await self._rounds(tx, ctl)
            await self._forget(tx)
        return left

    async def _rounds(self, tx: AsyncConnection, ctl: LoopControl) -> bool:
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

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[AsyncConnection]:
        """A connection that holds the lock of the one sender."""
        async with self.db.single() as tx:
            driver = driver_of(tx)
            self._sent.clear()
            try:
                await _LOCK.rows(tx)
                yield tx
            finally:
                if not driver.is_closed():
                    await _UNLOCK.rows(tx)

    async def _round(self, tx: AsyncConnection) -> tuple[int, bool]:
        producer = await self._started()
        rows = await self._rows(tx)
        if not rows:
            return 0, False
        acked, failure = await self._produce(producer, rows)
        self._sent += acked
        self._published.inc(len(acked))
        if tracing.on():
            sent = [row for row in rows if row.seq in set(acked)]
            tracing.published([row.headers for row in sent], [row.created_at for row in sent])
        if failure is not None or len(self._sent) >= ROUND_ROWS:
            await self._forget(tx)
        if failure is not None:
            raise failure
        return len(acked), len(rows) == ROUND_ROWS or len(acked) < len(rows)

    async def _rows(self, tx: AsyncConnection) -> list[Any]:
        """The next rows to send, in order."""
        seqs = [row.seq for row in await _PENDING.rows(tx, {"sent": self._sent})]
        found: dict[int, Any] = {seq: self._held[seq] for seq in seqs if seq in self._held}
        if unknown := [seq for seq in seqs if seq not in found]:
            found |= {row.seq: row for row in await _READ.rows(tx, {"seqs": unknown})}
        return [found[seq] for seq in seqs if seq in found]

    async def _produce(self, producer: AIOKafkaProducer, rows: Sequence[Any]) -> tuple[list[int], BaseException | None]:
        """Send one batch per partition; the sequence numbers that the broker has, and the first failure."""
        groups: dict[tuple[str, int], list[tuple[bytes | None, Any]]] = defaultdict(list)
        for row in rows:
            key = str(row.complaint_id).encode() if row.complaint_id else None
            groups[row.topic, self._partition(row.topic, key)].append((key, row))
        flights: dict[asyncio.Future[Any], list[int]] = {}
        for (topic, partition), members in groups.items():
            batch, taken = producer.create_batch(), []
            for key, row in members:
                headers = codec.headers(row.headers)
                if batch.append(key=key, value=row.body, timestamp=None, headers=headers) is None:
                    break  # full: the rest goes in the next round, after these
                taken.append(row.seq)
            flights[await producer.send_batch(batch, topic, partition=partition)] = taken
        await asyncio.wait(flights, timeout=ACK_TIMEOUT)
        failures = [f for f in map(_failure, flights) if f is not None]
        acked = [seq for future, taken in flights.items() if _failure(future) is None for seq in taken]
        return acked, failures[0] if failures else None

    def _partition(self, topic: str, key: bytes | None) -> int:
        if topic != self.origin.topic or key is None:
            return 0
        return kafka.partition_of(key, self.origin.partitions)

    async def _forget(self, tx: AsyncConnection) -> None:
        """Delete what the broker has. Should it not come to that, the next turn sends it again."""
        acked, self._sent = self._sent, []
        if not acked:
            return
        await self._delete_acked(tx, acked)
        for seq in acked:
            if row := self._held.pop(seq, None):
                self._held_bytes -= len(row.body)

    async def _delete_acked(self, tx: AsyncConnection, acked: Sequence[int]) -> None:
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


def _failure(flight: asyncio.Future[Any]) -> BaseException | None:
    """Why the broker has not acknowledged a batch; None when it has."""
    return flight.exception() if flight.done() and not flight.cancelled() else TimeoutError()
