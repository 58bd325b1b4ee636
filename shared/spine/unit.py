"""The one way a change is made: lock, load, decide, save, write what follows, commit, wake."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import doubt, sql, tracing
from shared.base.db import Database
from shared.base.errors import Conflict, Stalled
from shared.base.kafka import partition_of
from shared.events import codec
from shared.events.envelope import Event, Payload, derived_id, named_id, parked_topic, source_of

from . import tables as t
from . import totals, traces
from .effects import Arm, Count, Decide, Disarm, Effect, Emit, S, Store

Tally = Mapping[type[Payload], Callable[[Any, datetime], Iterable[Count]]]

# Rows that are missing are made, then all are locked in the order given; a known row gets no new version by that.
_LOCK = sql.Statement(
    "SELECT complaint_id, sequence, stalled, now() AS now, pg_current_xact_id() AS xid "
    "FROM lock_streams(CAST(:ids AS uuid[]))"
)
# One round trip for what every change ends with. A stream that is new in this transaction gets its row here.
_SAID = (
    "said AS (INSERT INTO stream (complaint_id, sequence, stalled) "
    "SELECT id, sequence, false FROM json_to_recordset(CAST(CAST(:streams AS text) AS json)) "
    "AS u(id uuid, sequence bigint) "
    "ON CONFLICT (complaint_id) DO UPDATE SET sequence = EXCLUDED.sequence) "
)
_OUTBOX = (
    "INSERT INTO outbox (topic, complaint_id, headers, body, created_at) "
    "SELECT topic, complaint_id, headers, body, :now FROM ROWS FROM ("
    "json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS (topic text, complaint_id uuid, headers jsonb), "
    "unnest(CAST(:bodies AS bytea[]))) "
    "WITH ORDINALITY AS o(topic, complaint_id, headers, body, n) ORDER BY n RETURNING seq"
)
_FLUSH = sql.Statement(f"WITH {_SAID} {_OUTBOX}")
_FLUSH_AND_COUNT = sql.Statement(f"WITH {_SAID}, counted AS ({totals.ADD}) {_OUTBOX}")
_NOW = sql.Statement("SELECT now() AS now")
# Arrays, whose length the planner sees, would have it plan this anew each time, for longer than it takes.
_DISARM = sql.Statement(
    "DELETE FROM timer USING json_to_recordset(CAST(CAST(:gone AS text) AS json)) AS u(id uuid, name text) "
    "WHERE timer.complaint_id = u.id AND timer.name = u.name"
)


@dataclass
class Stream:
    """The locked row of one complaint."""

    sequence: int
    stalled: bool
    changed: bool = False


class Outgoing(NamedTuple):
    """A row of the outbox."""

    seq: int
    topic: str
    complaint_id: UUID | None
    headers: Mapping[str, str]
    body: bytes
    created_at: datetime


@dataclass
class Wakes:
    """Whom a commit wakes, and who forgets what was undone: called in the task that ran the transaction."""

    relay: Callable[[], None] = lambda: None
    outgoing: Callable[[Sequence[Outgoing]], None] = lambda rows: None  # told what was left in the outbox
    timers: Callable[[], None] = lambda: None
    committed: list[Callable[[], None]] = field(default_factory=list)
    undone: list[Callable[[], None]] = field(default_factory=list)
    changed: list[Callable[[Iterable[UUID]], None]] = field(default_factory=list)  # told which complaints


@dataclass(frozen=True)
class Origin:
    """Who emits: a service of a deployment, to a topic with a fixed number of partitions."""

    service: str
    deployment: str
    topic: str
    partitions: int

    @property
    def source(self) -> str:
        """`ce_source` of its events."""
        return source_of(self.deployment, self.service)

    @property
    def group(self) -> str:
        """Its consumer group, distinct per deployment on a shared cluster."""
        return f"amends-{self.deployment}-{self.service}"


def lock_order(ids: Iterable[UUID]) -> list[UUID]:
    """The one order in which complaints are locked everywhere."""
    return sorted(set(ids), key=lambda i: i.int)


class Unit:
    """One transaction over some complaints. Made by `Work.unit`; leaving that block writes and commits.

    `now` is the database's now() of the transaction.
    """

    now: datetime
    xid: int | None = None  # known from the first lock on
    ending = False  # the COMMIT is all that is left

    def __init__(self, tx: AsyncConnection, origin: Origin, tally: Tally) -> None:
        self.tx, self._tally = tx, tally
        self.origin, self.service, self.source = origin, origin.service, origin.source
        self.streams: dict[UUID, Stream] = {}
        self._outbox: list[tuple[str, UUID | None, dict[str, str], bytes]] = []
        self.outgoing: list[Outgoing] = []
        self._timers: dict[tuple[UUID, str], Arm | Disarm] = {}
        self._counts: Counter[tuple[UUID, str]] = Counter()
        self.traces: dict[UUID, str] = {}  # what led here when no event did; empty while tracing is off
        self._seen: dict[UUID, str] = {}
        self._totals: defaultdict[totals.Key, float] = defaultdict(float)

    async def lock(self, ids: Iterable[UUID]) -> datetime | None:
        """Lock these complaints, in the one order. Gives now(), which costs nothing here, when there were any."""
        wanted = [i for i in lock_order(ids) if i not in self.streams]
        return await self._lock(wanted) if wanted else None

    async def _lock(self, ids: Sequence[UUID]) -> datetime | None:
        now = None
        for complaint_id, sequence, stalled, now, xid in await _LOCK.rows(self.tx, {"ids": ids}):  # noqa: B007
            self.streams[complaint_id], self.xid = Stream(sequence, stalled), xid
        return now

    def begin(self, complaint_id: UUID) -> None:
        """Start the stream of a complaint whose row this transaction has just inserted: nobody else can know it."""
        self.streams[complaint_id] = Stream(0, False)

    def add(
        self, complaint_id: UUID, cause: UUID, effects: Iterable[Effect], *, event: Event[Any] | None = None,
        counted: bool = True,
    ) -> None:  # fmt: skip
        """What follows for a locked complaint. `cause` is what derived event ids are made from.

        Without `counted` nothing of it adds to totals: our own probes are no part of statistics.
        """
        if event and event.traceparent and tracing.on():
            self._seen[complaint_id] = event.traceparent
        for effect in effects:
            match effect:
                case Emit():
                    self._emit(complaint_id, cause, effect, event)
                    if counted and (counts := self._tally.get(type(effect.data))):
                        self.count(*counts(effect.data, effect.time or self.now))
                case Arm() | Disarm():
                    self._timers[complaint_id, effect.name] = effect
                case Count() if counted:
                    self.count(effect)

    def count(self, *counts: Count) -> None:
        """Add to totals, whatever complaint it is about."""
        for one in counts:
            self._totals[one.metric, one.labels] += one.by

    def _emit(self, complaint_id: UUID, cause: UUID, emit: Emit, event: Event[Any] | None) -> None:
        if emit.data.emitter != self.service:
            raise TypeError(f"{self.service} may not emit {emit.data.type}")
        stream = self.streams[complaint_id]
        stream.sequence, stream.changed = stream.sequence + 1, True
        n = self._counts[cause, emit.data.type]
        self._counts[cause, emit.data.type] += 1
        id = derived_id(cause, self.service, emit.data.type, n)
        parent = event.traceparent if event else self.traces.get(complaint_id) or tracing.current()
        traceparent = tracing.emitted(emit.data.type, complaint_id, id, parent)
        if traceparent and tracing.on():
            self._seen.setdefault(complaint_id, traceparent)
        named = codec.attributes(
            id=id,
            source=self.source,
            type=emit.data.type,
            subject=complaint_id,
            time=emit.time or self.now,
            sequence=stream.sequence,
            causation_id=cause,
            traceparent=traceparent,
        )
        self.put(self.origin.topic, complaint_id, named, codec.encode_body(emit.data))

    def put_parked(self, complaint_id: UUID | None, headers: codec.Headers, body: bytes) -> None:
        """A copy for the dead-letter topic."""
        named = {name: value.decode("utf-8", "replace") for name, value in headers}
        self.put(parked_topic(self.origin.topic), complaint_id, named, body)

    def put(self, topic: str, complaint_id: UUID | None, named: dict[str, str], body: bytes) -> None:
        """A record for a topic with its headers by name, sent by the relay after the commit."""
        self._outbox.append((topic, complaint_id, named, body))

    async def flush(self) -> None:
        """Write timers, traces, sequences, outbox and totals: at most four statements."""
        gone = [{"id": i, "name": timer.name} for (i, _), timer in self._timers.items() if isinstance(timer, Disarm)]
        if gone:
            await _DISARM.rows(self.tx, {"gone": to_json(gone).decode()})
        armed = [(i, a) for (i, _), a in self._timers.items() if isinstance(a, Arm)]
        await sql.upsert(
            self.tx,
            t.timer,
            [
                {
                    "complaint_id": i,
                    "name": a.name,
                    "fire_at": a.at,
                    "version": a.version,
                    "partition": partition_of(str(i).encode(), self.origin.partitions),
                }
                for i, a in armed
            ],
        )
        await traces.keep(self.tx, self._seen)
        if self._outbox:
            await self._flush_outbox()
        else:
            await totals.add(self.tx, self._totals)

    async def _flush_outbox(self) -> None:
        changed = [{"id": i, "sequence": s.sequence} for i, s in self.streams.items() if s.changed]
        rows = [{"topic": topic, "complaint_id": i, "headers": named} for topic, i, named, _ in self._outbox]
        arguments = {
            "streams": to_json(changed).decode(),
            "rows": to_json(rows).decode(),
            "bodies": [body for *_, body in self._outbox],
            "now": self.now,
        }
        if self._totals:
            made = await _FLUSH_AND_COUNT.rows(self.tx, {**arguments, **totals.arguments(self._totals)})
        else:
            made = await _FLUSH.rows(self.tx, arguments)
        seqs = sorted(row.seq for row in made)
        self.outgoing = [Outgoing(n, *row, self.now) for n, row in zip(seqs, self._outbox, strict=True)]

    @property
    def has_near_timer(self) -> bool:
        """Whether a timer was armed that the timer loop would otherwise sleep past."""
        soon = self.now + timedelta(seconds=1)
        return any(isinstance(a, Arm) and a.at < soon for a in self._timers.values())


class Work(Generic[S]):
    """Transactions over complaints, for commands, batches, timers and the consumer alike."""

    def __init__(self, db: Database, store: Store[S], origin: Origin, tally: Tally | None = None) -> None:
        """`tally`: what each of its own events adds to totals."""
        self.db, self.store, self.origin, self.service = db, store, origin, origin.service
        self._tally: Tally = tally or {}
        self.wakes = Wakes()

    @asynccontextmanager
    async def unit(self, ids: Iterable[UUID] = (), *, ask_now: bool = True) -> AsyncIterator[Unit]:
        """A transaction that holds the locks of these complaints; what was added is written when the block ends.

        When the answer to its COMMIT is lost, the server is asked what became of it. Without `ask_now` the block sets
        `now` itself, from its first statement: one round trip less.
        """
        unit: Unit | None = None
        try:
            async with self.db.transaction() as tx:
                unit = Unit(tx, self.origin, self._tally)
                if now := await unit.lock(ids):
                    unit.now = now
                elif ask_now:
                    unit.now = (await _NOW.rows(tx))[0].now
                yield unit
                await unit.flush()
                unit.ending = True
        except BaseException as error:
            if not await self._committed(unit, error):
                raise
        assert unit is not None
        if unit.outgoing:
            self.wakes.outgoing(unit.outgoing)
            self.wakes.relay()
        if unit.has_near_timer:
            self.wakes.timers()
        for wake in self.wakes.committed:
            wake()
        if unit.streams:
            for tell in self.wakes.changed:
                tell(unit.streams)

    async def _committed(self, unit: Unit | None, error: BaseException) -> bool:
        """Whether it was committed all the same; if not, those who have to know are told."""
        done = False
        try:
            if unit and unit.ending and isinstance(error, Exception):
                done = await doubt.committed(self.db, unit.xid, error)
        finally:
            if not done:
                for forget in self.wakes.undone:
                    forget()
        return done

    async def command(self, complaint_id: UUID, decide: Decide[S], *, expected: int | None = None) -> S:
        """Apply one command to one complaint and return its state afterwards.

        `decide` changes the state and returns what follows; it may raise a Problem, and nothing has happened then.
        Raises Stalled when the complaint waits behind a parked event, Conflict when its version is not `expected`.
        """
        return await self.db.retrying(lambda: self._command(complaint_id, decide, expected))

    async def _command(self, complaint_id: UUID, decide: Decide[S], expected: int | None) -> S:
        async with self.unit([complaint_id]) as unit:
            if unit.streams[complaint_id].stalled:
                raise Stalled(complaint_id)
            case = (await self.store.load(unit.tx, [complaint_id]))[complaint_id]
            if expected is not None and case.version != expected:
                raise Conflict(f"The case has version {case.version}, not {expected}.", version=case.version)
            effects = list(decide(case, unit.now))
            case.version += 1
            unit.add(complaint_id, command_cause(self.service, case), effects, counted=counted(case))
            await self.store.save(unit.tx, [case])
        return case


def counted(case: Any) -> bool:
    """Whether a complaint is part of statistics: one that a service knows as a probe is not."""
    return getattr(case, "probe", None) is None


def command_cause(service: str, case: Any) -> UUID:
    """What ids of a command's events are derived from: the complaint and its version after the command."""
    return named_id(case.complaint_id, f"{service}:command:{case.version}")
