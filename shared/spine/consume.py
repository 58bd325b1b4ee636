"""Kafka → handlers: one transaction per poll, each event's effect exactly once, the position in the database."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.base import kafka, sql, tracing
from shared.base.brokers import Brokers
from shared.base.db import is_transient, sqlstate
from shared.base.loops import LoopControl
from shared.base.telemetry import (
    BREAKER,
    CONSUMED,
    CONSUMED_OUTCOMES,
    DEADLOCKS,
    EVENT_AGE,
    TRANSIENT,
)
from shared.events import codec
from shared.events.envelope import Event, Payload

from .effects import Handlers, S
from .pace import Pace, go_on, hold
from .parking import Record, address, named, park, queue_behind, recently_parked
from .positions import Positions, Seek
from .unit import Unit, Work, counted

log = structlog.get_logger()

POLL_SECONDS = 0.5
LINGER, LONGEST_REST = 0.008, 0.1
_CLAIM = sql.Statement(
    "INSERT INTO inbox (event_id, seen_at) SELECT id, now() FROM unnest(CAST(:ids AS uuid[])) "
    "WITH ORDINALITY AS u(id, n) ORDER BY n ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
)


Concerns = Callable[[Event[Any]], bool]
"""Whether an event of a type that has a handler means anything to the service. What does not costs no transaction."""


def everything(_: Event[Any]) -> bool:
    """For services whose handlers look at all events of their types."""
    return True


@dataclass
class Decoded:
    """A record that this service handles, with its event or why it is none."""

    record: Record
    event: Event[Payload] | None = None
    reason: str = ""


class Consumer(Generic[S]):
    """The one consumer of a service."""

    def __init__(
        self, work: Work[S], handlers: Handlers[S], *, bootstrap: Brokers | str, max_records: int, park_limit: int,
        instance: str | None = None, session_timeout: float = 10.0, accept_older_database: bool = False,
        linger: float = LINGER, concerns: Concerns = everything,
    ) -> None:  # fmt: skip
        self.work, self.handlers, self.concerns = work, handlers, concerns
        self.wanted = {model.type for model in handlers}
        self.bootstrap, self.max_records, self.park_limit = bootstrap, max_records, park_limit
        self.instance, self.session_timeout, self.linger = instance, session_timeout, linger
        self.positions = Positions(work.db, work.origin, accept_older_database=accept_older_database)
        self._tripped = False
        self._outcomes = {outcome: CONSUMED.labels(work.service, outcome) for outcome in CONSUMED_OUTCOMES}
        self._age = EVENT_AGE.labels(work.service)

    async def run(self, ctl: LoopControl) -> None:
        """Join the group and consume until stopped; a broken broker is waited for."""
        backoff = 0.2
        while not ctl.stopping:
            client = kafka.consumer(
                self.bootstrap, self.work.origin.group, instance=self.instance, session_timeout=self.session_timeout
            )
            client.subscribe([self.work.origin.topic], listener=Seek(self.positions, client))
            try:
                await client.start()
                backoff = 0.2
                await self._consume(client, ctl)
            except (KafkaError, OSError) as error:
                log.warning("consumer starts anew", error=type(error).__name__)
                await ctl.sleep(backoff)
                backoff = min(backoff * 2, 3.0)
            finally:
                await client.stop()

    async def _consume(self, client: AIOKafkaConsumer, ctl: LoopControl) -> None:
        committed = 0.0
        pace = Pace(self.linger, LONGEST_REST)
        while not ctl.stopping:
            ctl.beat()
            self.positions.check()
            if self._tripped:
                await ctl.sleep(2.0)
                if await self._look_at_breaker():
                    continue
            polled = await client.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=self.max_records)
            begun = time.monotonic()
            full = 2 * sum(map(len, polled.values())) >= self.max_records
            if polled and not full:
                hold(client)
            records = await self.positions.taken(client, polled)
            if self.positions.unproven:
                await self.positions.prove(client, records)
            handled = await self._until_done(client, records, ctl)
            if self.positions.mark_due:
                await self.positions.mark(client)
            now = time.monotonic()
            if now - committed > 1.0:
                committed = now
                await self.positions.copy_to_kafka(client)
                self.positions.measure_lag(client)
            if rest := pace.rest(now - begun, lone=full or not handled):
                await asyncio.sleep(rest)
            go_on(client)

    async def _until_done(self, client: AIOKafkaConsumer, records: Sequence[Record], ctl: LoopControl) -> bool:
        """Apply a poll's records, repeating after passing failures; whether there was anything to handle."""
        wanted = [r for r in records if (type_ := codec.type_of(r.headers)) in self.wanted or type_ is None]
        decoded = [d for d in map(_decode, wanted) if d.event is None or self.concerns(d.event)]
        self._outcomes["skipped"].inc(len(records) - len(decoded))
        if not decoded:
            return False
        delay = 0.05
        while True:
            try:
                await self._apply_or_isolate(client, decoded)
                return True
            except Exception as error:
                if not is_transient(error):
                    raise
                self._count_transient(error)
                if ctl.stopping:
                    raise
                log.warning("batch repeats after a passing failure", error=type(error).__name__, events=len(decoded))
                await ctl.sleep(random.uniform(0.5, 1.0) * delay)
                delay = min(delay * 2, 3.0)

    def _count_transient(self, error: BaseException) -> None:
        TRANSIENT.labels(self.work.service, "consumer").inc()
        if sqlstate(error) == "40P01":
            DEADLOCKS.labels(self.work.service).inc()

    async def _apply_or_isolate(self, client: AIOKafkaConsumer, decoded: Sequence[Decoded]) -> None:
        """All in one transaction; when something in it is wrong for good, one by one up to the culprit."""
        try:
            await self._transaction(client, decoded)
            return
        except Exception as error:
            if is_transient(error):
                raise
        for n, item in enumerate(decoded):
            try:
                await self._transaction(client, [item], positions=False)
            except Exception as error:
                if is_transient(error):
                    raise
                await self._park(item, item.reason or f"{type(error).__name__} in {_where(error)}")
                if n + 1 < len(decoded):
                    await self._apply_or_isolate(client, decoded[n + 1 :])
                    return
        await self.positions.write(client)

    async def _transaction(
        self, client: AIOKafkaConsumer, decoded: Sequence[Decoded], *, positions: bool = True
    ) -> None:
        for item in decoded:
            if item.event is None:
                raise codec.Undecodable(item.reason)
        async with self.work.unit(item.event.complaint_id for item in decoded if item.event) as unit:
            fresh = await self._claim(unit, decoded)
            free = [i for i in fresh if i.event and not unit.streams[i.event.complaint_id].stalled]
            stalled = [i.record for i in fresh if i.event and unit.streams[i.event.complaint_id].stalled]
            await queue_behind(unit, stalled)
            await self.apply(unit, [i.event for i in free if i.event])
            # The inbox makes an effect happen once; the position only says from where on to ask, and may lag behind.
            if positions := positions and self.positions.due:
                await self.positions.advance(unit.tx, client)
        if positions:
            self.positions.written()
        self._count(decoded, fresh, free, stalled)

    async def _claim(self, unit: Unit, decoded: Sequence[Decoded]) -> list[Decoded]:
        """The events that no transaction has applied before; a duplicate within the poll counts once."""
        by_id: dict[UUID, Decoded] = {}
        for item in decoded:
            if item.event:
                by_id.setdefault(item.event.id, item)
        ids = sorted(by_id, key=lambda i: i.int)
        claimed = {row.event_id for row in await _CLAIM.rows(unit.tx, {"ids": ids})}
        return [item for i, item in by_id.items() if i in claimed]

    async def apply(self, unit: Unit, events: Sequence[Event[Payload]]) -> None:
        """Let the handlers decide about events of locked complaints, in order, and keep what they decided."""
        if not events:
            return
        with tracing.handling(self.work.service, events) as traced:
            cases = await self.work.store.load(unit.tx, list(dict.fromkeys(e.complaint_id for e in events)))
            changed: dict[UUID, S] = {}
            for event in traced:
                case = cases[event.complaint_id]
                decided = self.handlers[type(event.data)](case, event, unit.now)
                if decided is None:
                    continue
                effects = list(decided)
                case.version += 1
                unit.add(event.complaint_id, event.id, effects, event=event, counted=counted(case))
                changed[event.complaint_id] = case
            if changed:
                await self.work.store.save(unit.tx, list(changed.values()))

    async def _park(self, item: Decoded, reason: str) -> None:
        complaint_id = item.event.complaint_id if item.event else _stallable(item.record)
        async with self.work.unit([complaint_id] if complaint_id else []) as unit:
            if item.event:
                await self._claim(unit, [item])
            await park(unit, item.record, reason)
        self._outcomes["parked"].inc()
        at = {"partition": item.record.partition, "offset": item.record.offset}
        log.error("event parked", reason=reason, **named(item.record), **at)
        if await self._look_at_breaker():
            log.error("too many events parked, consumer stops taking", limit=self.park_limit)

    async def _look_at_breaker(self) -> bool:
        """Whether the consumer must not take more, by what the table says now."""
        async with self.work.db.read() as tx:
            self._tripped = await recently_parked(tx) >= self.park_limit
        BREAKER.labels(self.work.service).set(int(self._tripped))
        return self._tripped

    def _count(
        self, decoded: Sequence[Any], fresh: Sequence[Any], free: Sequence[Decoded], stalled: Sequence[Any]
    ) -> None:
        self._outcomes["duplicate"].inc(len(decoded) - len(fresh))
        self._outcomes["queued"].inc(len(stalled))
        self._outcomes["handled"].inc(len(free))
        now = time.time()
        if log.is_enabled_for(logging.DEBUG):
            for item in free:
                log.debug("event handled", **named(item.record))
        for item in free:
            if item.event:
                self._age.observe(max(0.0, now - item.event.time.timestamp()))


def _decode(record: Record) -> Decoded:
    try:
        return Decoded(record, codec.decode(record.key, record.headers, record.body))
    except codec.Undecodable as problem:
        return Decoded(record, reason=str(problem))


def _stallable(record: Record) -> UUID | None:
    event_id, complaint_id, _ = address(record)
    return complaint_id if event_id else None


def _where(error: BaseException) -> str:
    """Where a handler failed, without its message: a message may hold a customer's words."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""
