"""Logs without personal data, and the metrics that every service has."""

import logging
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import structlog

from . import tracing
from .measures import counter, gauge, histogram

CONSUMED_OUTCOMES = ("handled", "duplicate", "skipped", "parked", "queued")
_SERVICE: dict[str, tuple[str, ...]] = {"service": ()}

CONSUMED = counter(
    "amends_events_consumed_total", "Events read from the topic: handled, seen before (duplicate), of no interest "
    "(skipped), not understood (parked), behind such an event (queued)", labels={**_SERVICE, "outcome": ()},
    answers="Is this service keeping up, and does anything go wrong on the way in?",
)  # fmt: skip
PUBLISHED = counter(
    "amends_outbox_published_total", "Events sent to the topic", labels=_SERVICE,
    answers="Does this service say what it decided?",
)  # fmt: skip
EVENT_AGE = histogram(
    "amends_event_age_seconds", "From the moment an event became true to the end of its handling", labels=_SERVICE,
    answers="How far behind the facts does each service act?",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)  # fmt: skip
TIMER_LATENESS = histogram(
    "amends_timer_lateness_seconds", "From a timer's due time to its firing", labels=_SERVICE,
    answers="Are deadlines noticed when they pass?",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)  # fmt: skip
TIMERS_FORCED = counter(
    "amends_timers_fired_before_backlog_total", "Timers that waited long enough for the backlog and then fired anyway",
    labels=_SERVICE, answers="How many breaches may have to be retracted because events were read too late?",
)  # fmt: skip
LAG = gauge(
    "amends_consumer_lag", "Events of a partition that this replica has not read yet",
    labels={**_SERVICE, "partition": ()}, answers="Which service is behind, and on which partition?",
)  # fmt: skip
ASSIGNMENTS = counter(
    "amends_consumer_assignments_total", "Times that partitions were given to this replica", labels=_SERVICE,
    answers="Do consumers come and go (restarts, rebalances)?",
)  # fmt: skip
TRANSIENT = counter(
    "amends_transient_failures_total", "Batches repeated after a passing failure", labels={**_SERVICE, "loop": ()},
    answers="Do database or broker fail now and then?",
)  # fmt: skip
DEADLOCKS = counter(
    "amends_deadlocks_total", "Transactions that PostgreSQL ended with 40P01", labels=_SERVICE,
    answers="Is the lock order broken somewhere? It should never move.",
)  # fmt: skip
LOOP_AGE = gauge(
    "amends_loop_last_turn_timestamp_seconds", "When a loop last made progress", labels={**_SERVICE, "loop": ()},
    answers="Which part of a process hangs?",
)  # fmt: skip
BREAKER = gauge(
    "amends_consumer_tripped", "1 while the consumer refuses to park still more events", labels=_SERVICE,
    answers="Did so much go wrong that the service stopped taking events?",
)  # fmt: skip
POOL_USED = gauge(
    "amends_db_pool_used", "Database connections in use", labels={**_SERVICE, "pool": ()},
    answers="Is a service short of connections?",
)  # fmt: skip
POOL_SIZE = gauge(
    "amends_db_pool_size", "Database connections there may be", labels={**_SERVICE, "pool": ()},
    answers="How many connections does a replica take at most?",
)  # fmt: skip


def declare(service: str, loops: Iterable[str] = ()) -> None:
    """Create every label set of the common metrics at 0, so that a first event is seen as an increase."""
    for outcome in CONSUMED_OUTCOMES:
        CONSUMED.labels(service, outcome)
    for metric in (PUBLISHED, EVENT_AGE, TIMER_LATENESS, TIMERS_FORCED, DEADLOCKS, BREAKER, ASSIGNMENTS):
        metric.labels(service)
    for loop in loops:
        TRANSIENT.labels(service, loop)


def without_words(_: Any, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception as its type and where it came from: its message may hold a customer's words."""
    info = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        entry["error"] = type(error).__name__
        entry["at"] = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    return entry


def with_trace(_: Any, __: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The trace that an entry belongs to; nothing while tracing is off."""
    if "trace_id" not in entry and (found := tracing.trace_id(tracing.current())):
        entry["trace_id"] = found
    return entry


class Foreign(logging.Handler):
    """What libraries log, through structlog: the first line alone, because the rest may quote a customer."""

    def emit(self, record: logging.LogRecord) -> None:
        """One entry."""
        said = record.getMessage().partition("\n")[0]
        structlog.get_logger().log(record.levelno, said, logger=record.name, exc_info=record.exc_info)


def configure_logging(service: str, *, style: str, level: str) -> None:
    """structlog to standard output: one line an entry, `console` for people, `json` for machines."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False) if style == "console" else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            with_trace,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_words,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[Foreign()], force=True)
    # aiokafka warns on every reconnect; the loops report an outage once themselves. Its own debug level would print
    # whole requests, and events are in them.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL if level != "debug" else logging.INFO)
