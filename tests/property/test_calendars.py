"""Business time against an oracle that walks minute by minute, over twenty time zones."""

import random
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from hypothesis import given
from hypothesis import strategies as st

from shared.calendars import Calendar, Duration, Unit, read_spec
from tests.support.scale import examples

ZONES = (
    "UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Europe/London",
    "Europe/Berlin", "Europe/Lisbon", "Africa/Casablanca", "Africa/Cairo", "America/New_York", "America/St_Johns",
    "America/Sao_Paulo", "America/Havana", "America/Los_Angeles", "Australia/Sydney", "Australia/Lord_Howe",
    "Pacific/Chatham", "Pacific/Apia",
)  # fmt: skip
MINUTE = timedelta(minutes=1)
WEEKS: tuple[dict[str, object], ...] = (
    {"mon-fri": ["09:00-12:00", "13:00-17:30"]},
    {"mon-fri": ["09:00-17:00"], "sat": ["10:00-13:00"]},
    {"mon-sun": ["00:00-24:00"]},
    {"sun-thu": ["22:00-06:00"]},
    {"mon-sat": ["00:30-02:30", "14:00-22:00"]},
    {"mon": ["23:30-01:15"], "tue": ["01:15-03:00", "20:00-03:30"], "sat": ["02:15-02:45"]},
    {"wed": ["01:30-02:30"], "sun": ["00:00-02:10", "02:20-24:00"]},
)


@lru_cache(maxsize=512)
def calendar(zone: str, week: int, extra: int = 0) -> Calendar:
    data: dict[str, object] = {"zone": zone, "week": WEEKS[week]}
    if extra:
        closed = {date(2026, 3, 1) + timedelta(days=n): "closed" for n in range(extra)}
        data |= {"days": {**closed, date(2026, 3, 29): ["10:00-11:00"]}, "every_year": {"12-24": ["09:00-12:00"]}}
    return Calendar(read_spec(f"test-{zone}-{week}-{extra}", data))


def open_minutes(c: Calendar, start: datetime, end: datetime) -> list[datetime]:
    """Every minute of working time in [start, end), found by walking: a span begins when the wall clock first reaches
    its start and ends when it first reaches its end, counted from its own day."""
    found = []
    at = start - timedelta(hours=50)
    reached: dict[date, int] = {}
    while at < end:
        local = at.astimezone(c.zone).replace(tzinfo=None)
        for day in (local.date() - timedelta(days=1), local.date()):
            wall = int((local - datetime(day.year, day.month, day.day)) / MINUTE)
            reached[day] = max(reached.get(day, -1), wall)
        if at >= start and any(
            day in reached and any(a <= reached[day] < b for a, b in c.hours(day))
            for day in (local.date() - timedelta(days=1), local.date())
        ):
            found.append(at)
        at += MINUTE
    return found


# Around the nights on which clocks change, and over them.
moments = st.builds(
    lambda base, n: base + timedelta(minutes=n),
    st.sampled_from([
        datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC),
        datetime(2026, 10, 3, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC),
        datetime(2026, 12, 30, tzinfo=UTC), datetime(2011, 12, 29, tzinfo=UTC),
    ]),
    st.integers(0, 3 * 1440),
)  # fmt: skip
calendars = st.builds(calendar, st.sampled_from(ZONES), st.integers(0, len(WEEKS) - 1), st.sampled_from([0, 26]))


@examples(120)
@given(calendars, moments, st.integers(0, 3 * 1440))
def test_between_counts_what_a_minute_by_minute_walk_counts(c: Calendar, start: datetime, span: int) -> None:
    end = start + timedelta(minutes=span)
    assert c.between(start, end) == len(open_minutes(c, start, end)) * MINUTE
    assert c.between(end, start) == -c.between(start, end)


@examples(80)
@given(calendars, moments, st.integers(1, 900))
def test_adding_business_minutes_ends_where_the_walk_ends(c: Calendar, start: datetime, amount: int) -> None:
    end = c.add(start, Duration(amount, Unit.BUSINESS_MINUTE))
    if end - start < timedelta(days=6):
        walked = open_minutes(c, start, end)
        assert len(walked) == amount
        assert walked[-1] + MINUTE == end


@examples(400)
@given(calendars, moments, st.integers(0, 40_000_000), st.integers(0, 999_999))
def test_add_and_between_are_inverse(c: Calendar, start: datetime, seconds: int, micro: int) -> None:
    start, work = start + timedelta(microseconds=micro), timedelta(seconds=seconds, microseconds=micro)
    end = c.advance(start, work)
    assert c.between(start, end) == work
    back = c.advance(end, -work)
    assert c.between(back, end) == work
    assert c.between(start, back) == timedelta()
    assert c.advance(start, c.between(start, end)) == end


@examples(300)
@given(calendars, moments, moments, st.integers(1, 400_000))
def test_a_later_start_never_has_an_earlier_deadline(c: Calendar, a: datetime, b: datetime, seconds: int) -> None:
    a, b = sorted((a, b))
    work = timedelta(seconds=seconds)
    assert c.advance(a, work) <= c.advance(b, work)
    for limit in (Duration(3, Unit.WORKING_DAY), Duration(3, Unit.WORKING_DAY, close=True)):
        assert c.add(a, limit) <= c.add(b, limit)


@examples(60)
@given(calendars, moments, st.integers(1, 8), st.booleans())
def test_n_working_days_end_on_the_nth_worked_date(c: Calendar, start: datetime, n: int, close: bool) -> None:
    end = c.add(start, Duration(n, Unit.WORKING_DAY, close=close))
    day = _day_of(c, start)
    for _ in range(n):
        day += timedelta(days=1)
        while not open_minutes_of(c, day):
            day += timedelta(days=1)
    first, last = open_minutes_of(c, day)[0], open_minutes_of(c, day)[-1] + MINUTE
    assert first <= end <= last
    if close or not open_minutes_of(c, _day_of(c, start)):
        assert end == last


def _day_of(c: Calendar, at: datetime) -> date:
    """The date a moment belongs to: the one before while its span over midnight still runs."""
    day = at.astimezone(c.zone).date()
    before = open_minutes_of(c, day - timedelta(days=1))
    return day - timedelta(days=1) if before and at < before[-1] + MINUTE else day


@lru_cache(maxsize=4096)
def open_minutes_of(c: Calendar, day: date) -> tuple[datetime, ...]:
    """The walk's minutes that belong to one date."""
    spans = c.hours(day)
    if not spans:
        return ()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found, reached, at = [], -(10**6), midnight - timedelta(hours=15)
    while at < midnight + timedelta(hours=52):
        local = at.astimezone(c.zone).replace(tzinfo=None)
        reached = max(reached, int((local - midnight.replace(tzinfo=None)) / MINUTE))
        if any(a <= reached < b for a, b in spans):
            found.append(at)
        at += MINUTE
    return tuple(found)


@examples(150)
@given(st.sampled_from(ZONES), moments, st.integers(1, 400), st.sampled_from(["cd", "w", "mo"]))
def test_dates_end_when_the_wall_clock_first_shows_the_time_of_day(
    zone: str, start: datetime, n: int, unit: str
) -> None:
    c = calendar(zone, 0)
    begin = start.astimezone(c.zone)
    if unit == "mo":
        months = begin.month - 1 + n
        first = date(begin.year + months // 12, months % 12 + 1, 1)
        following = (first + timedelta(days=31)).replace(day=1)
        target = min(first + timedelta(days=begin.day - 1), following - timedelta(days=1))
    else:
        target = begin.date() + timedelta(days=n * (7 if unit == "w" else 1))
    wall = datetime.combine(target, begin.time())
    at = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    while at.astimezone(c.zone).replace(tzinfo=None) < wall:
        at += MINUTE
    assert c.add(start, f"{n}{unit}") == at


def test_the_same_question_has_the_same_answer_whatever_was_asked_before() -> None:
    rng = random.Random(7)
    asked = [(datetime(1990 + rng.randrange(60), 1, 1, tzinfo=UTC), f"{rng.randrange(1, 90)}wd") for _ in range(300)]
    first = Calendar(calendar("Europe/Berlin", 1).spec)
    answers = [first.add(*q) for q in asked]
    second = Calendar(calendar("Europe/Berlin", 1).spec)
    assert [second.add(*q) for q in reversed(asked)] == answers[::-1]
