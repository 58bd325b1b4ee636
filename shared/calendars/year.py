"""One calendar year of working time as sorted tables, so that any question is a binary search."""

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .holidays import holiday_year
from .spec import DAY, CalendarSpec, Span

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000
"""All arithmetic is in whole microseconds since the epoch."""


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware time."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(us: int) -> datetime:
    """The aware UTC time of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=us)


def first_moment(zone: ZoneInfo, day: int, wall: int) -> int:
    """The first moment at which the wall clock has reached `wall` (microseconds from the midnight of ordinal `day`).

    A time that the clocks skip in spring is the moment of the jump; of a time that comes twice it is the first.
    """
    naive = datetime.fromordinal(day) + timedelta(microseconds=wall)
    before = naive.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = naive.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    us = micros(naive.replace(tzinfo=UTC))
    if after > before:
        return _jump(zone, us - _us(after), us - _us(before), _us(before))
    return us - _us(before)


def _jump(zone: ZoneInfo, low: int, high: int, before: int) -> int:
    """The moment in (low, high] at which the zone leaves the offset `before`."""
    while high - low > 1:
        middle = (low + high) // 2
        if _us(moment(middle).astimezone(zone).utcoffset() or timedelta()) == before:
            low = middle
        else:
            high = middle
    return high


def _us(delta: timedelta) -> int:
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


class Year:
    """Working time of the local days of one year. A span over midnight belongs to the day on which it begins."""

    __slots__ = (
        "closes", "days", "end", "ends", "first", "make_up", "off", "opens", "settled", "starts", "total", "worked",
        "year",
    )  # fmt: skip

    def __init__(self, spec: CalendarSpec, year: int) -> None:
        found = holiday_year(spec.country, spec.region, spec.make_up, year)
        self.year = year
        self.first = first_moment(spec.zone, date(year, 1, 1).toordinal(), 0)
        """Where the local year begins and ends, [first, end)."""
        self.end = first_moment(spec.zone, date(year, 12, 31).toordinal(), DAY * MINUTE)
        self.off, self.make_up, self.settled = found.off, found.make_up, found.settled
        self.days: list[int] = []
        """Ordinals of the working days; `opens` and `closes` are their first and last moments."""
        self.opens: list[int] = []
        self.closes: list[int] = []
        self.starts: list[int] = []
        """Spans [start, end) in time order; `worked` is the working time before each span within this year."""
        self.ends: list[int] = []
        self.worked: list[int] = []
        self.total = 0
        self._fill(spec)

    def _fill(self, spec: CalendarSpec) -> None:
        first, last = date(self.year, 1, 1).toordinal(), date(self.year, 12, 31).toordinal()
        busy_until = _end_of(spec, date.fromordinal(first - 1)) if self.year > 1 else 0
        for day in range(first, last + 1):
            opened = len(self.starts)
            for begin, end in spans_of(spec, date.fromordinal(day), self.off, self.make_up):
                start = max(first_moment(spec.zone, day, begin * MINUTE), busy_until)
                stop = first_moment(spec.zone, day, end * MINUTE)
                if start < stop:
                    self.starts.append(start)
                    self.ends.append(stop)
                    self.worked.append(self.total)
                    self.total += stop - start
                    busy_until = stop
            if len(self.starts) > opened:
                self.days.append(day)
                self.opens.append(self.starts[opened])
                self.closes.append(busy_until)

    def worked_before(self, us: int) -> int:
        """Working time of this year that lies before a moment."""
        i = bisect_right(self.starts, us) - 1
        if i < 0:
            return 0
        return self.worked[i] + min(us, self.ends[i]) - self.starts[i]

    def moment_of(self, work: int) -> int:
        """The earliest moment at which so much of this year's working time (more than none) is over."""
        i = bisect_left(self.worked, work) - 1
        return self.starts[i] + work - self.worked[i]

    def last_moment_of(self, work: int) -> int:
        """The latest moment at which no more of this year's working time is over (less than all of it)."""
        i = bisect_right(self.worked, work) - 1
        return self.starts[i] + work - self.worked[i]


def spans_of(spec: CalendarSpec, day: date, off: frozenset[date], make_up: frozenset[date]) -> tuple[Span, ...]:
    """Opening hours of one date: the company's own rule first, then make-up days, holidays, the week."""
    if day in spec.days:
        return spec.days[day]
    if (day.month, day.day) in spec.every_year:
        return spec.every_year[(day.month, day.day)]
    if day in make_up:
        return spec.week[day.weekday()] or spec.make_up_spans
    return () if day in off else spec.week[day.weekday()]


def _end_of(spec: CalendarSpec, day: date) -> int:
    """When the last span of a day ends, if it runs over midnight; else 0."""
    found = holiday_year(spec.country, spec.region, spec.make_up, day.year)
    spans = spans_of(spec, day, found.off, found.make_up)
    return first_moment(spec.zone, day.toordinal(), spans[-1][1] * MINUTE) if spans and spans[-1][1] > DAY else 0
