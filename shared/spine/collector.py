"""What is true of a whole service, collected from its database by one of its replicas and shown until it is stale.

Restarts and replicas do not disturb these numbers. A replica that is not the leader shows none of them, so panels use
`max`, never `sum`. Before the first reading nothing is shown: a 0 would look like a loss and then like a jump.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector as Collecting
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.db import Database, is_transient
from shared.base.loops import LoopControl
from shared.base.measures import Measure
from shared.events.catalog import SERVICES

from . import totals
from .figures import MORE, SUM, Distribution, Figures, Sample, State, Total

log = structlog.get_logger()
SECONDS, MOST_SECONDS, LEASE = 5.0, 20.0, 30.0
REST = 50  # a reading that took a while is followed by so many times that while: the database has other work
PARKED = ("parked", "queued", "retry", "discard")
_SERVICE = {"service": SERVICES}

OUTBOX = State("amends_outbox_pending", "Events that are committed and not yet in Kafka", _SERVICE,
               answers="Does what happens here reach the other services?")  # fmt: skip
OUTBOX_OLDEST = State("amends_outbox_oldest_timestamp_seconds", "When the oldest event not yet in Kafka was committed",
                      _SERVICE, answers="For how long has nothing come out?", moment=True)  # fmt: skip
UNFIRED = State("amends_oldest_unfired_timer_timestamp_seconds", "When the most overdue timer should have fired",
                _SERVICE, answers="Do deadlines, offers and promises fire on time?", moment=True)  # fmt: skip
PARKED_EVENTS = State(
    "amends_parked_messages", "Events that could not be handled (parked, being released) or wait behind such (queued)",
    {**_SERVICE, "state": PARKED}, answers="Which events wait for a person, and how many wait behind them?",
)  # fmt: skip
STALLED = State("amends_stalled_complaints", "Complaints that stand still behind a parked event", _SERVICE,
                answers="How many customers does a parked event concern?")  # fmt: skip
CAUGHT_UP = State(
    "amends_consumer_caught_up_timestamp_seconds", "When the partition furthest behind was last read to its end",
    _SERVICE, answers="Does somebody read the topic for this service, even when no consumer is left to say so?",
    moment=True,
)  # fmt: skip
COLLECTED = State("amends_state_collected_timestamp_seconds", "When totals and states were last read", _SERVICE,
                  answers="How fresh are the numbers on the panels?")  # fmt: skip
TOOK = State("amends_state_collect_seconds", "How long the last reading took", _SERVICE,
             answers="Is collecting becoming a burden on the database?")  # fmt: skip
SPINE_STATES = (OUTBOX, OUTBOX_OLDEST, UNFIRED, PARKED_EVENTS, STALLED, CAUGHT_UP)

# An outage may leave very many rows; beyond a limit their number does not matter.
_SPINE = text(
    "SELECT now() AS now, (SELECT count(*) FROM (SELECT FROM outbox LIMIT 100000) AS first) AS outbox, "
    "(SELECT created_at FROM outbox ORDER BY seq LIMIT 1) AS oldest, "
    "(SELECT min(fire_at) FROM timer WHERE fire_at <= now()) AS unfired, "
    "(SELECT min(COALESCE(caught_up_at, assigned_at)) FROM consumer_position) AS caught_up, "
    "(SELECT count(DISTINCT complaint_id) FROM parked WHERE state IN ('parked', 'queued', 'retry', 'discard')) "
    "AS stalled"
)
_PARKED = text(
    "SELECT state, count(*) AS n FROM parked WHERE state IN ('parked', 'queued', 'retry', 'discard') GROUP BY state"
)
_LEAD = text(
    "INSERT INTO lease AS l (role, holder, until) VALUES ('collector', :me, now() + make_interval(secs => :seconds)) "
    "ON CONFLICT (role) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until "
    "WHERE l.holder = EXCLUDED.holder OR l.until < now() RETURNING holder"
)
_RESIGN = text("DELETE FROM lease WHERE role = 'collector' AND holder = :me")


async def read_spine(tx: AsyncConnection, service: str) -> list[Sample]:
    """The state of the spine's own tables."""
    row = (await tx.execute(_SPINE)).one()
    found = [
        OUTBOX.at(row.outbox, service),
        OUTBOX_OLDEST.at(stamp(row.oldest or row.now), service),
        UNFIRED.at(stamp(row.unfired or row.now), service),
        CAUGHT_UP.at(stamp(row.caught_up or row.now), service),
        STALLED.at(row.stalled, service),
    ]
    return found + [PARKED_EVENTS.at(one.n, service, one.state) for one in await tx.execute(_PARKED)]


def stamp(at: datetime) -> float:
    """A moment as metrics show it: seconds since 1970."""
    return at.timestamp()


class Board(Collecting):
    """What was read last, for Prometheus."""

    def __init__(self, service: str, figures: Figures) -> None:
        self.service, self.figures = service, figures
        self._totals: Mapping[totals.Key, float] | None = None
        self._samples: Mapping[State, Mapping[tuple[str, ...], float]] = {}
        self._collected: tuple[float, float] | None = None

    def show(self, counted: Mapping[totals.Key, float], samples: Iterable[Sample], *, took: float) -> None:
        """Show this from now on."""
        by_state: dict[State, dict[tuple[str, ...], float]] = {}
        for state, labels, value in samples:
            by_state.setdefault(state, {})[labels] = value
        self._totals, self._samples, self._collected = counted, by_state, (time.time(), took)

    def hide(self) -> None:
        """Another replica shows it, or what we know is too old. When it was read is still said."""
        self._totals = None

    def collect(self) -> Iterator[Metric]:
        if self._collected is not None:
            for state, value in zip((COLLECTED, TOOK), self._collected, strict=True):
                yield _gauge(state.measure, {(self.service,): value})
        if self._totals is None or self._collected is None:
            return
        by_name: dict[str, dict[tuple[str, ...], float]] = {}
        for (name, labels), n in self._totals.items():
            by_name.setdefault(name, {})[labels] = n
        for total in self.figures.totals:
            counted = by_name.get(total.measure.name, {})
            yield _total(total, counted) if isinstance(total, Total) else _distribution(total, counted)
        for state in (*SPINE_STATES, *self.figures.states):
            # Time stands still between readings: what does not wait was seen not to wait when it was read.
            empty = self._collected[0] if state.moment else 0.0
            sets = [labels for labels in state.measure.sets if self._mine(state.measure, labels)]
            yield _gauge(state.measure, {**dict.fromkeys(sets, empty), **self._samples.get(state, {})})

    def _mine(self, measure: Measure, labels: tuple[str, ...]) -> bool:
        return next(iter(measure.labels), "") != "service" or labels[0] == self.service

    def describe(self) -> Iterable[Metric]:
        return ()


def _gauge(measure: Measure, values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(measure.name, measure.meaning, labels=list(measure.labels))
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _total(total: Total, counted: Mapping[tuple[str, ...], float]) -> Metric:
    measure = total.measure
    values = {**dict.fromkeys(measure.sets, 0.0), **counted}
    if measure.kind == "gauge":
        return _gauge(measure, values)
    family = CounterMetricFamily(measure.family, measure.meaning, labels=list(measure.labels))
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _distribution(one: Distribution, counted: Mapping[tuple[str, ...], float]) -> Metric:
    measure = one.measure
    family = HistogramMetricFamily(measure.name, measure.meaning, labels=list(measure.labels))
    for labels in sorted({*measure.sets, *(key[:-1] for key in counted)}):
        running, buckets = 0.0, []
        # A bound that was configured in the past keeps what it counted: it belongs to the next higher one of today.
        for le in sorted({*one.buckets, *(k[-1] for k in counted if k[:-1] == labels and k[-1] != SUM)}, key=float):
            running += counted.get((*labels, le), 0.0)
            if le in one.buckets:
                buckets.append(("+Inf" if le == MORE else str(float(le)), running))
        family.add_metric(labels, buckets, counted.get((*labels, SUM), 0.0))
    return family


class Collector:
    """The loop that takes the lead, reads, and shows."""

    def __init__(self, db: Database, service: str, figures: Figures) -> None:
        self.db, self.service, self.figures = db, service, figures
        self.board = Board(service, figures)
        self._me = str(uuid4())
        self._valid_until = 0.0

    async def run(self, ctl: LoopControl) -> None:
        """Collect until stopped; then let another replica lead at once."""
        while not ctl.stopping:
            ctl.beat()
            started = time.monotonic()
            try:
                await self.collect()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("metrics are not collected", error=type(error).__name__)
            if time.monotonic() > self._valid_until:
                self.board.hide()
            await ctl.sleep(min(MOST_SECONDS, max(SECONDS, REST * (time.monotonic() - started))))
        self.board.hide()
        async with self.db.transaction() as tx:
            await tx.execute(_RESIGN, {"me": self._me})

    async def collect(self) -> bool:
        """One reading, if this replica leads."""
        asked = time.monotonic()
        async with self.db.transaction() as tx:
            leads = (await tx.execute(_LEAD, {"me": self._me, "seconds": LEASE})).first() is not None
        if not leads:
            self._valid_until = 0.0
            return False
        started = time.monotonic()
        async with self.db.transaction() as tx:
            # One moment for everything that is read, so that totals and states agree with each other.
            await tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            counted = await totals.read(tx)
            samples: list[Any] = [*await read_spine(tx, self.service), *await self.figures.read(tx)]
        self.board.show(counted, samples, took=time.monotonic() - started)
        self._valid_until = asked + LEASE
        return True
