"""What is counted when the work that a clock waits for is done."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.spine.effects import Count

from . import metrics as m
from .book import Terms
from .clocks import Clock, Pause, measure
from .model import Case


def done(case: Case, clock: Clock, terms: Terms | None, at: datetime) -> Iterator[Count]:
    """The work was done at a time, before the deadline or after it."""
    tier, pauses = case.tier, case.pauses(clock)
    run = max(0.0, (at - clock.started_at).total_seconds())
    yield m.RUN.add(tier, by=run)
    if pauses and (waited := sum(_overlaps(pauses, clock.started_at, at))):
        yield m.PAUSED.add(tier, by=waited)
    yield from m.USED.observe(_used(clock, terms, pauses, at), clock.kind, tier)
    if at > clock.due_at:
        yield from m.LATENESS.observe((at - clock.due_at).total_seconds(), tier)
    if clock.kind == "first_response" and not clock.legal and case.received_at is not None:
        yield from m.FIRST_RESPONSE.observe(max(0.0, (at - case.received_at).total_seconds()), tier)


def _overlaps(pauses: Sequence[Pause], start: datetime, end: datetime) -> Iterator[float]:
    for begin, until in pauses:
        yield max(0.0, (min(until, end) - max(begin, start)).total_seconds())


def _used(clock: Clock, terms: Terms | None, pauses: Sequence[Pause], at: datetime) -> float:
    """The share of the limit that was used: at most 1 exactly when the deadline was met."""

    def counted(end: datetime) -> timedelta:
        if terms is None:
            return end - clock.started_at
        calendar, business = terms.calendar, terms.limit(clock.extended).business
        whole = measure(calendar, business, clock.started_at, end)
        for begin, until in pauses:
            if begin < end:
                whole -= measure(calendar, business, begin, min(until, end))
        return whole

    whole, used = counted(clock.due_at), counted(at) if at > clock.started_at else timedelta()
    share = used / whole if whole > timedelta() else 0.0
    # Outside of working hours the measured time stands still, the deadline does not.
    return min(share, 1.0) if at <= clock.due_at else max(share, 1.0001)
