"""Where a consumer stands: in the database, moved with the effects; Kafka's own offsets are a copy for lag tools."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.base.db import Database, is_transient
from shared.base.errors import Refused
from shared.base.telemetry import ASSIGNMENTS, LAG

from . import tables as t
from .parking import Record
from .unit import Origin

log = structlog.get_logger()

POSITION_SECONDS = 0.2
MARK_SECONDS = 1.0
_POSITIONS = sql.Statement(
    "INSERT INTO consumer_position AS p (partition, next_offset, caught_up_at, assigned_at) "
    "SELECT partition, next_offset, now() - make_interval(secs => age), now() FROM "
    "unnest(CAST(:partitions AS int[]), CAST(:offsets AS bigint[]), CAST(:ages AS float8[])) "
    "AS u(partition, next_offset, age) ORDER BY partition "
    "ON CONFLICT (partition) DO UPDATE SET next_offset = GREATEST(p.next_offset, EXCLUDED.next_offset), "
    "caught_up_at = GREATEST(p.caught_up_at, EXCLUDED.caught_up_at)"
)
_ASSIGNED = sql.Statement(
    "INSERT INTO consumer_position AS p (partition, next_offset, assigned_at) "
    "SELECT partition, 0, now() FROM unnest(CAST(:partitions AS int[])) AS u(partition) ORDER BY partition "
    "ON CONFLICT (partition) DO UPDATE SET assigned_at = EXCLUDED.assigned_at RETURNING partition, next_offset"
)


class OutOfRange(Refused):
    """The topic no longer holds the next event: events are missing, so consuming must not go on by itself."""


class Positions:
    """The next offset of each partition that this member has."""

    def __init__(self, db: Database, origin: Origin, *, accept_older_database: bool) -> None:
        self.db, self.origin = db, origin
        self._next: dict[int, int] = {}
        self._moved = False
        self._written = 0.0
        self._refused: OutOfRange | None = None
        self.unproven = not accept_older_database

    @property
    def due(self) -> bool:
        """Whether a transaction should carry the positions along."""
        return time.monotonic() - self._written > POSITION_SECONDS

    @property
    def mark_due(self) -> bool:
        """Whether they, or the mark of having read everything, should be written without waiting for a transaction."""
        return time.monotonic() - self._written > (POSITION_SECONDS if self._moved else MARK_SECONDS)

    def check(self) -> None:
        """Raises OutOfRange when a partition that was assigned cannot be read on."""
        if self._refused:
            raise self._refused

    async def taken(self, client: AIOKafkaConsumer, polled: Mapping[TopicPartition, Sequence[Any]]) -> list[Record]:
        """The records to look at: from our position on, which must not lie before what the topic still holds."""
        records = []
        for tp, batch in polled.items():
            expected = self._next.get(tp.partition)
            if expected is None:  # fetched before the seek that follows an assignment
                continue
            fresh = [r for r in batch if r.offset >= expected]
            if fresh and fresh[0].offset > expected:
                self._check_range(tp, expected, (await client.beginning_offsets([tp]))[tp])
            if fresh:
                self._next[tp.partition] = fresh[-1].offset + 1
                self._moved = True
            records += [Record(tp.partition, r.offset, r.key, r.headers, r.value) for r in fresh]
        return records

    async def prove(self, client: AIOKafkaConsumer, records: Sequence[Record]) -> None:
        """Until the backlog is read: the topic may hold no event of ours that our database does not know.

        After a restore to an earlier point in time it does; the same ids and sequences would then be used twice.
        """
        source = self.origin.source.encode()
        claimed: dict[UUID, int] = {}
        for record in records:
            named = dict(record.headers)
            if named.get("ce_source") == source:
                complaint = UUID(named["ce_subject"].decode())
                claimed[complaint] = max(claimed.get(complaint, 0), int(named["ce_sequence"]))
        if claimed:
            async with self.db.read() as tx:
                rows = await tx.execute(select(t.stream).where(sql.any_of(t.stream.c.complaint_id, list(claimed))))
                known = {row.complaint_id: row.sequence for row in rows}
            newer = sum(sequence > known.get(complaint, 0) for complaint, sequence in claimed.items())
            if newer:
                raise Refused(
                    f"the topic holds newer events of {newer} complaints than this database: restored from before? "
                    f"`amends lost --service {self.origin.service}` lists them; "
                    "AMENDS_ACCEPT_OLDER_DATABASE=true goes on"
                )
        parts = [tp.partition for tp in client.assignment()]
        self.unproven = not parts or any(self._caught_up(client, p) is None for p in parts)

    def _check_range(self, tp: TopicPartition, position: int, first: int) -> None:
        if position and position < first:
            raise OutOfRange(f"partition {tp.partition}: position {position}, the topic begins at {first}")

    def _caught_up(self, client: AIOKafkaConsumer, partition: int) -> float | None:
        """Seconds since this partition was last seen without anything unread; None when something is unread."""
        tp = TopicPartition(self.origin.topic, partition)
        high: int | None = client.highwater(tp)
        polled: int | None = client.last_poll_timestamp(tp)
        if high is None or not polled or self._next.get(partition, 0) < high:
            return None
        return max(0.0, time.time() - polled / 1000)

    async def advance(self, tx: AsyncConnection, client: AIOKafkaConsumer) -> None:
        """Write them in the caller's transaction; `written` is to be called when it is committed."""
        mine = sorted(tp.partition for tp in client.assignment() if tp.partition in self._next)
        if mine:
            await _POSITIONS.rows(
                tx,
                {
                    "partitions": mine,
                    "offsets": [self._next[p] for p in mine],
                    "ages": [self._caught_up(client, p) for p in mine],
                },
            )

    def written(self) -> None:
        """They are as the database has them."""
        self._moved, self._written = False, time.monotonic()

    async def write(self, client: AIOKafkaConsumer) -> None:
        """Write them in a transaction of their own."""
        async with self.db.transaction() as tx:
            await self.advance(tx, client)
        self.written()

    async def mark(self, client: AIOKafkaConsumer) -> None:
        """Write them if the database is there. An idle consumer's mark of being caught up: without it timers wait."""
        try:
            await self.write(client)
        except Exception as error:
            if not is_transient(error):
                raise

    async def copy_to_kafka(self, client: AIOKafkaConsumer) -> None:
        """For lag tools alone: what counts is the position in the database."""
        offsets = {tp: self._next[tp.partition] for tp in client.assignment() if tp.partition in self._next}
        if offsets:
            try:
                await client.commit(offsets)
            except KafkaError as error:
                log.debug("position not copied to the broker", error=type(error).__name__)

    def measure_lag(self, client: AIOKafkaConsumer) -> None:
        """Show how many records of each partition are still unread."""
        for tp in client.assignment():
            high = client.highwater(tp)
            if high is not None and tp.partition in self._next:
                LAG.labels(self.origin.service, str(tp.partition)).set(max(0, high - self._next[tp.partition]))

    def refuse(self, reason: OutOfRange) -> None:
        """End the loop at its next turn."""
        self._refused = reason

    def revoked(self, partition: int) -> None:
        """Another member has this partition now."""
        if self._next.pop(partition, None) is not None:
            with suppress(KeyError):  # it was never measured
                LAG.remove(self.origin.service, str(partition))

    async def assigned(self, client: AIOKafkaConsumer, partitions: Iterable[int]) -> None:
        """Go to the positions of the database, which alone are true."""
        mine = sorted(partitions)
        if not mine:
            return
        async with self.db.transaction() as tx:
            rows = await _ASSIGNED.rows(tx, {"partitions": mine})
        tps = [TopicPartition(self.origin.topic, r.partition) for r in rows]
        first = await client.beginning_offsets(tps)
        for row, tp in zip(rows, tps, strict=True):
            self._check_range(tp, row.next_offset, first[tp])
            self._next[row.partition] = max(row.next_offset, first[tp])
            client.seek(tp, self._next[row.partition])
            LAG.labels(self.origin.service, str(row.partition)).set(0)
        ASSIGNMENTS.labels(self.origin.service).inc()


class Seek(ConsumerRebalanceListener):  # type: ignore[misc]
    """On assignment seek; a failing database is waited for, because consuming from elsewhere would be wrong."""

    def __init__(self, positions: Positions, client: AIOKafkaConsumer) -> None:
        self.positions, self.client = positions, client

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for tp in revoked:
            self.positions.revoked(tp.partition)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        partitions = [tp.partition for tp in assigned]
        while True:
            try:
                await self.positions.assigned(self.client, partitions)
                return
            except OutOfRange as refused:
                self.positions.refuse(refused)  # raised here it would only be logged
                return
            except Exception as error:
                if not is_transient(error) and not isinstance(error, KafkaError):
                    raise
                await asyncio.sleep(0.5)
