"""What a calendar is made of, and how it is read from data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from .errors import CalendarError, NoWorkingTime
from .holidays import MakeUp, known_place

DAY = 1440
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_KEYS = {"title", "zone", "week", "holidays", "make_up", "days", "every_year"}

Span = tuple[int, int]
"""Minutes of wall time from a day's midnight, [start, end); an end beyond 1440 lies on the next day."""


@dataclass(frozen=True)
class CalendarSpec:
    """Opening hours by weekday, holidays, and what the company sets itself.

    `days` overrides single dates, `every_year` the same (month, day) of each year; both win over holidays and make-up
    days, and an empty tuple means closed. A worked weekend day has the hours of `make_up_spans` (those of Monday).
    """

    id: str
    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    country: str | None = None
    region: str | None = None
    make_up: MakeUp | None = None
    days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    every_year: Mapping[tuple[int, int], tuple[Span, ...]] = field(default_factory=dict)
    title: str = ""

    @property
    def make_up_spans(self) -> tuple[Span, ...]:
        """The hours of a weekend day that is worked."""
        return self.week[0]

    @property
    def has_working_time(self) -> bool:
        return any(self.week) or any(self.every_year.values()) or any(self.days.values())


def read_spec(id_: str, data: object) -> CalendarSpec:
    """A calendar from its data (see data/calendars.yaml for the form); raises CalendarError naming id and key."""
    if not isinstance(data, Mapping):
        raise CalendarError(f"{id_}: a calendar is a map with the keys zone and week")
    unknown = sorted(str(key) for key in data if key not in _KEYS)
    if unknown:
        raise CalendarError(f"{id_}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    country, region = _place(id_, data.get("holidays"))
    make_up = data.get("make_up")
    if make_up not in (None, "china") or (make_up == "china" and country != "CN"):
        raise CalendarError(f"{id_}.make_up: only 'china' is known, and it needs holidays: CN")
    spec = CalendarSpec(
        id=id_,
        zone=read_zone(f"{id_}.zone", data.get("zone")),
        week=_week(id_, data.get("week")),
        country=country,
        region=region,
        make_up="china" if make_up else None,
        days={_date(id_, key): _spans(f"{id_}.days.{key}", value) for key, value in _map(id_, data, "days").items()},
        every_year={
            _month_day(id_, key): _spans(f"{id_}.every_year.{key}", value)
            for key, value in _map(id_, data, "every_year").items()
        },
        title=str(data.get("title", "")),
    )
    if not spec.has_working_time:
        raise NoWorkingTime(f"{id_}: this calendar has no working time at all")
    return spec


def read_zone(where: str, name: object) -> ZoneInfo:
    """A time zone of the IANA database by its name."""
    if not isinstance(name, str) or name not in _zones():
        raise CalendarError(f"{where}: {str(name)[:60]!r} is not an IANA time zone such as Europe/London")
    return ZoneInfo(name)


def _zones() -> set[str]:
    if not _ZONES:
        _ZONES.update(available_timezones())
    return _ZONES


_ZONES: set[str] = set()


def _place(id_: str, value: object) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    country, _, region = str(value).partition("-")
    if not known_place(country, region or None):
        raise CalendarError(f"{id_}.holidays: {str(value)[:20]!r} is not a known country or region such as GB-ENG")
    return country, region or None


def _map(id_: str, data: Mapping[str, object], key: str) -> Mapping[object, object]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise CalendarError(f"{id_}.{key}: must be a map")
    return value


def _week(id_: str, value: object) -> tuple[tuple[Span, ...], ...]:
    if not isinstance(value, Mapping):
        raise CalendarError(f"{id_}.week: must be a map such as mon-fri: ['09:00-17:00']")
    week: list[tuple[Span, ...]] = [()] * 7
    for key, spans in value.items():
        first, _, last = str(key).partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise CalendarError(f"{id_}.week: {str(key)[:20]!r} is not a weekday or range such as mon-fri")
        begin = WEEKDAYS.index(first)
        for step in range((WEEKDAYS.index(last or first) - begin) % 7 + 1):
            week[(begin + step) % 7] = _spans(f"{id_}.week.{key}", spans)
    for day, spans in enumerate(week):
        if spans and week[(day + 1) % 7] and spans[-1][1] - DAY > week[(day + 1) % 7][0][0]:
            raise CalendarError(f"{id_}.week.{WEEKDAYS[day]}: the last span runs into the next day's first one")
    return tuple(week)


def _spans(where: str, value: object) -> tuple[Span, ...]:
    if value in (None, "closed"):
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list):
        raise CalendarError(f"{where}: write a list of spans such as ['09:00-12:00', '13:00-17:00'], or closed")
    spans = sorted(_span(where, text) for text in texts)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise CalendarError(f"{where}: two spans overlap")
    if any(end > DAY for _, end in spans[:-1]):
        raise CalendarError(f"{where}: only the last span may run over midnight")
    return tuple(spans)


def _span(where: str, text: object) -> Span:
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise CalendarError(f"{where}: {str(text)[:20]!r} is not a span such as '09:00-17:00' or '22:00-06:00'")
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else DAY
    if end == start:
        raise CalendarError(f"{where}: {text!r} is empty; around the clock is '00:00-24:00'")
    return start, end if end > start else end + DAY


def _date(id_: str, key: object) -> date:
    try:
        return key if isinstance(key, date) else date.fromisoformat(str(key))
    except ValueError:
        raise CalendarError(f"{id_}.days: {str(key)[:20]!r} is not a date such as 2026-12-24") from None


def _month_day(id_: str, key: object) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{2})-([0-9]{2})", str(key))
    try:
        day = date(2024, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        raise CalendarError(f"{id_}.every_year: {str(key)[:20]!r} is not a month and day such as '12-24'")
    return day.month, day.day
