"""Business time: add a limit to a moment, measure the time between two moments. Pure; aware times in, UTC out."""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .duration import Duration, Unit
from .errors import NoWorkingTime, OutOfRange
from .spec import DAY, CalendarSpec, Span
from .year import MINUTE, Year, first_moment, micros, moment, spans_of

FIRST_YEAR, LAST_YEAR = 1971, 2200
_EMPTY_YEARS = 3
_MICROSECOND = timedelta(microseconds=1)


class Calendar:
    """Working time in one place. Years are worked out when they are first needed, then kept."""

    def __init__(self, spec: CalendarSpec) -> None:
        if not spec.has_working_time:
            raise NoWorkingTime(f"{spec.id}: this calendar has no working time at all")
        self.spec = spec
        self.id = spec.id
        self.zone = spec.zone
        spans = [*spec.week, *spec.days.values(), *spec.every_year.values()]
        self._overnight = any(end > DAY for day in spans for _, end in day)
        self._years: dict[int, Year] = {}

    def add(self, start: datetime, duration: Duration | str) -> datetime:
        """The moment at which a limit that runs from `start` is used up.

        Working days: the Nth working day after the day of `start`, at the same time of day, moved into that day's
        hours; from a day that is not worked, its closing time; with `:close`, always its closing time.
        Business hours: the earliest moment with so much working time since `start`. A negative limit points back.
        Raises BadDuration, NoWorkingTime, OutOfRange (a time without zone, or beyond the years 1971-2200).
        """
        limit = Duration.parse(duration) if isinstance(duration, str) else duration
        local = self._local(start)
        if limit.unit is Unit.WORKING_DAY:
            return moment(self._working_days(start, local, limit))
        if limit.unit in (Unit.BUSINESS_MINUTE, Unit.BUSINESS_HOUR):
            return self.advance(start, timedelta(microseconds=limit.micros))
        if limit.unit in (Unit.SECOND, Unit.MINUTE, Unit.HOUR):
            return moment(self._checked(micros(start) + limit.micros))
        if limit.amount == 0 and not limit.close:
            return moment(micros(start))
        day = _moved(local, limit)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise OutOfRange(f"{self.id}: calendars cover the years {FIRST_YEAR}-{LAST_YEAR}")
        wall = DAY * MINUTE if limit.close else _wall(local)
        return moment(first_moment(self.zone, day.toordinal(), wall))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Working time from `start` to `end`; negative when `end` is earlier."""
        if (year := self._plainly_in(start)) is not None and year is self._plainly_in(end):
            return timedelta(microseconds=year.worked_before(micros(end)) - year.worked_before(micros(start)))
        first, last = sorted((self._local(start), self._local(end)))
        low, high = micros(first), micros(last)
        work = sum(
            year.worked_before(high) - year.worked_before(low)
            for year in (self._year(y) for y in range(first.year - self._overnight, last.year + 1))
        )
        return timedelta(microseconds=work if micros(start) <= micros(end) else -work)

    def working_days_between(self, start: datetime, end: datetime) -> int:
        """Working days after the day of `start` up to and including the day of `end`; negative when reversed."""
        a, b = self._day(micros(start), self._local(start))[0], self._day(micros(end), self._local(end))[0]
        low, high = min(a, b), max(a, b)
        count = sum(
            bisect_right(year.days, high) - bisect_right(year.days, low)
            for year in (self._year(y) for y in range(date.fromordinal(low).year, date.fromordinal(high).year + 1))
        )
        return count if a <= b else -count

    def advance(self, start: datetime, work: timedelta) -> datetime:
        """The earliest moment with `work` of working time since `start` (for negative `work` the latest before)."""
        left = work // _MICROSECOND
        if left and (year := self._plainly_in(start)) is not None:
            done = year.worked_before(micros(start))
            if 0 < left <= year.total - done:
                return moment(year.moment_of(done + left))
            if left < 0 <= done + left:
                return moment(year.last_moment_of(done + left))
        local, at = self._local(start), micros(start)
        if left == 0:
            return moment(at)
        return moment(self._later(at, local.year, left) if left > 0 else self._earlier(at, local.year, -left))

    def _later(self, at: int, first_year: int, work: int) -> int:
        for year in self._forward(first_year - self._overnight):
            done = year.worked_before(at)
            if year.total - done >= work:
                return year.moment_of(done + work)
            work -= year.total - done
        raise OutOfRange(f"{self.id}: beyond the years {FIRST_YEAR}-{LAST_YEAR}")

    def _earlier(self, at: int, last_year: int, work: int) -> int:
        for year in self._backward(last_year):
            done = year.worked_before(at)
            if done >= work:
                return year.last_moment_of(done - work)
            work -= done
        raise OutOfRange(f"{self.id}: beyond the years {FIRST_YEAR}-{LAST_YEAR}")

    def is_open(self, at: datetime) -> bool:
        """Whether a moment lies in working time."""
        us, local = micros(at), self._local(at)
        for y in range(local.year - self._overnight, local.year + 1):
            year = self._year(y)
            i = bisect_right(year.starts, us) - 1
            if i >= 0 and us < year.ends[i]:
                return True
        return False

    def next_open(self, at: datetime) -> datetime:
        """`at` itself when it lies in working time, else the next opening."""
        if self.is_open(at):
            return at
        us = micros(at)
        for year in self._forward(self._local(at).year):
            i = bisect_left(year.starts, us)
            if i < len(year.starts):
                return moment(year.starts[i])
        raise OutOfRange(f"{self.id}: beyond the years {FIRST_YEAR}-{LAST_YEAR}")

    def hours(self, day: date) -> tuple[Span, ...]:
        """Opening hours of a date, in minutes of wall time from its midnight."""
        year = self._year(day.year)
        return spans_of(self.spec, day, year.off, year.make_up)

    def settled(self, year: int) -> bool:
        """Whether the holidays of a year are final (mainland China publishes make-up days year by year)."""
        return self._year(year).settled

    def in_zone(self, zone: ZoneInfo) -> "Calendar":
        """The same hours in another time zone."""
        return Calendar(replace(self.spec, id=f"{self.id}@{zone.key}", zone=zone))

    def warm(self, *years: int) -> None:
        """Work out years ahead of the first question."""
        for year in years:
            self._year(year)

    # One year at a time ------------------------------------------------------------------------------------------

    def _year(self, year: int) -> Year:
        found = self._years.get(year)
        if found is None:
            if not FIRST_YEAR - 1 <= year <= LAST_YEAR + 1:
                raise OutOfRange(f"{self.id}: calendars cover the years {FIRST_YEAR}-{LAST_YEAR}")
            found = self._years[year] = Year(self.spec, year)
        return found

    def _forward(self, year: int) -> Iterator[Year]:
        return self._scan(range(year, LAST_YEAR + 1))

    def _backward(self, year: int) -> Iterator[Year]:
        return self._scan(range(year, FIRST_YEAR - 1, -1))

    def _scan(self, years: range) -> Iterator[Year]:
        """Year after year, giving up where years on end have no working time."""
        empty = 0
        for y in years:
            year = self._year(y)
            empty = 0 if year.total else empty + 1
            if empty >= _EMPTY_YEARS:
                raise NoWorkingTime(f"{self.id}: no working time in {_EMPTY_YEARS} years on end")
            yield year

    def _plainly_in(self, at: datetime) -> Year | None:
        """The year of a moment when it can be told without its zone's rules: nearly always, and much cheaper."""
        year = None if self._overnight or at.tzinfo is None else self._years.get(at.year)
        if year is None or not FIRST_YEAR <= year.year <= LAST_YEAR:
            return None
        return year if year.first <= micros(at) < year.end else None

    def _local(self, at: datetime) -> datetime:
        if at.tzinfo is None:
            raise OutOfRange("a time needs a zone, such as 2026-11-22T09:00:00Z")
        try:
            local = at.astimezone(self.zone)
        except OverflowError:
            local = at
        if not FIRST_YEAR <= local.year <= LAST_YEAR:
            raise OutOfRange(f"{self.id}: calendars cover the years {FIRST_YEAR}-{LAST_YEAR}")
        return local

    def _checked(self, us: int) -> int:
        if not -(10**15) < us < 7_300_000_000_000_000:
            raise OutOfRange(f"{self.id}: calendars cover the years {FIRST_YEAR}-{LAST_YEAR}")
        return us

    # Working days ------------------------------------------------------------------------------------------------

    def _day(self, at: int, local: datetime) -> tuple[int, int]:
        """The working day (ordinal) that a moment belongs to, and its wall time from that day's midnight."""
        day, wall = local.toordinal(), _wall(local)
        if self._overnight:
            year = self._year(date.fromordinal(day - 1).year)
            i = bisect_left(year.days, day - 1)
            if i < len(year.days) and year.days[i] == day - 1 and at < year.closes[i]:
                return day - 1, wall + DAY * MINUTE
        return day, wall

    def _working_days(self, start: datetime, local: datetime, limit: Duration) -> int:
        at = micros(start)
        day, wall = self._day(at, local)
        year = self._year(date.fromordinal(day).year)
        i = bisect_left(year.days, day)
        worked = i < len(year.days) and year.days[i] == day
        if limit.amount == 0 and not limit.close:
            return at
        if limit.amount == 0:
            year, i = (year, i) if worked else self._nth(day, 1)
        else:
            year, i = self._nth(day, limit.amount)
        if limit.close:
            return year.closes[i]
        if not worked:
            return year.closes[i] if limit.amount > 0 else year.opens[i]
        return min(max(first_moment(self.zone, year.days[i], wall), year.opens[i]), year.closes[i])

    def _nth(self, day: int, n: int) -> tuple[Year, int]:
        """The n-th working day after (for negative n: before) an ordinal, as its year and place there."""
        first = date.fromordinal(day).year
        for year in self._forward(first) if n > 0 else self._backward(first):
            i = bisect_right(year.days, day) + n - 1 if n > 0 else bisect_left(year.days, day) + n
            if 0 <= i < len(year.days):
                return year, i
            n = i - len(year.days) + 1 if n > 0 else i
        raise OutOfRange(f"{self.id}: beyond the years {FIRST_YEAR}-{LAST_YEAR}")


def _wall(local: datetime) -> int:
    return ((local.hour * 60 + local.minute) * 60 + local.second) * 1_000_000 + local.microsecond


def _moved(local: datetime, limit: Duration) -> date:
    """The date that lies so many days, weeks or months away; a month's end stays a month's end."""
    day = local.date()
    if limit.unit is Unit.MONTH:
        year, month = divmod(day.year * 12 + day.month - 1 + limit.amount, 12)
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise OutOfRange(f"calendars cover the years {FIRST_YEAR}-{LAST_YEAR}")
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    days = limit.amount * (7 if limit.unit is Unit.WEEK else 1)
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise OutOfRange(f"calendars cover the years {FIRST_YEAR}-{LAST_YEAR}") from None
