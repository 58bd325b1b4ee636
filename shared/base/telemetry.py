"""Logs without personal data, and the metrics that every service has."""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from . import tracing

CONSUMED = Counter("amends_events_consumed_total", "Events read from the topic", ["service", "outcome"])
PUBLISHED = Counter("amends_outbox_published_total", "Events sent to the topic", ["service"])
EVENT_AGE = Histogram(
    "amends_event_age_seconds",
    "From the fact's time to its handling",
    ["service"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)
TIMER_LATENESS = Histogram(
    "amends_timer_lateness_seconds",
    "From a timer's due time to its firing",
    ["service"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
TIMERS_FORCED = Counter("amends_timers_fired_before_backlog_total", "Timers that waited long enough", ["service"])
LAG = Gauge("amends_consumer_lag", "Events behind the end of the log", ["service", "partition"])
TRANSIENT = Counter("amends_transient_failures_total", "Batches repeated after a passing failure", ["service", "loop"])
DEADLOCKS = Counter("amends_deadlocks_total", "Transactions that PostgreSQL ended with 40P01", ["service"])
LOOP_AGE = Gauge("amends_loop_last_turn_timestamp_seconds", "When a loop last made progress", ["service", "loop"])
BREAKER = Gauge("amends_consumer_tripped", "1 while the consumer refuses to park still more events", ["service"])


CONSUMED_OUTCOMES = ("handled", "duplicate", "skipped", "parked", "queued")


def declare(service: str) -> None:
    """Create every label set of the common metrics at 0, so that a first event is seen as an increase."""
    for outcome in CONSUMED_OUTCOMES:
        CONSUMED.labels(service, outcome)
    for metric in (PUBLISHED, EVENT_AGE, TIMER_LATENESS, TIMERS_FORCED, DEADLOCKS, BREAKER):
        metric.labels(service)


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
