"""Who is there: what a handler says of himself, and his shifts in his own calendar and zone."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.calendars import CalendarError, builtin
from shared.calendars.holidays import holiday_year

from .model import Handler, Shift

WEEK = frozenset({1, 2, 3, 4, 5})


def absent(handler: Handler, now: datetime) -> str:
    """Why nothing is given to a handler at this time, as a reason code; empty when he is there."""
    if handler.presence != "available":
        return f"presence:{handler.presence}"
    if not handler.shifts:
        return ""
    local = now.astimezone(zone_of(handler.zone))
    minute = local.replace(second=0, microsecond=0, tzinfo=None, fold=0)
    return _off(handler.shifts, handler.calendar, minute)


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """A handler's zone; UTC when its name means nothing (any more)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=1024)  # a round asks for everybody, and few have a plan of their own
def _off(shifts: tuple[Shift, ...], calendar: str, local: datetime) -> str:
    today, yesterday = _days(calendar, local.date()), _days(calendar, local.date() - timedelta(days=1))
    if _covers(shifts, local, today, yesterday):
        return ""
    planned, before = local.isoweekday(), (local - timedelta(days=1)).isoweekday()
    usual = _covers(shifts, local, frozenset({planned}), frozenset({before}))
    return "holiday" if usual else "off_shift"


def on_shift(shifts: Iterable[Shift], zone: str, now: datetime, calendar: str = "always") -> bool:
    """Whether the time falls into one of the shifts; without shifts it always does. A shift may cross midnight."""
    planned = tuple(shifts)
    local = now.astimezone(zone_of(zone)).replace(second=0, microsecond=0, tzinfo=None, fold=0)
    return not planned or not _off(planned, calendar, local)


def _covers(shifts: Iterable[Shift], local: datetime, today: frozenset[int], yesterday: frozenset[int]) -> bool:
    clock, day = f"{local:%H:%M}", local.date()
    for shift in shifts:
        if shift.start <= shift.end:
            if shift.start <= clock < shift.end and shift.begins_on(day, today):
                return True
        elif (clock >= shift.start and shift.begins_on(day, today)) or (
            clock < shift.end and shift.begins_on(day - timedelta(days=1), yesterday)
        ):
            return True
    return False


@lru_cache(maxsize=512)
def _days(name: str, day: date) -> frozenset[int]:
    """The ISO weekdays whose shifts are worked on a date: none on a public holiday of the calendar, those of Monday to
    Friday on a weekend day that is worked instead of another one, and its own otherwise."""
    own = frozenset({day.isoweekday()})
    try:
        calendar = builtin().get(name)
        usual, hours = calendar.spec.week[day.weekday()], calendar.hours(day)
    except CalendarError:
        return own
    spec = calendar.spec
    if not hours and (usual or day in holiday_year(spec.country, spec.region, spec.make_up, day.year).off):
        return frozenset()
    return own | WEEK if hours and not usual else own
