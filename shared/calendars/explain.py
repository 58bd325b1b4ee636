"""How a deadline came about, in the words of people, Chinese and English."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from .calendar import Calendar
from .duration import Duration, Unit
from .spec import DAY, Span

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAYS_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_EN = {
    Unit.SECOND: "second",
    Unit.MINUTE: "minute",
    Unit.HOUR: "hour",
    Unit.BUSINESS_MINUTE: "working minute",
    Unit.BUSINESS_HOUR: "working hour",
    Unit.WORKING_DAY: "working day",
    Unit.CALENDAR_DAY: "calendar day",
    Unit.WEEK: "week",
    Unit.MONTH: "month",
}
_ZH = {
    Unit.SECOND: "秒",
    Unit.MINUTE: "分钟",
    Unit.HOUR: "小时",
    Unit.BUSINESS_MINUTE: "工作分钟",
    Unit.BUSINESS_HOUR: "个工作小时",
    Unit.WORKING_DAY: "个工作日",
    Unit.CALENDAR_DAY: "个自然日",
    Unit.WEEK: "周",
    Unit.MONTH: "个月",
}
_MOST_PARTS = 4
_TO_THE_SECOND = (Unit.SECOND, Unit.MINUTE)


@dataclass(frozen=True, slots=True)
class Words:
    """The same sentence in both languages."""

    zh: str
    en: str


def explain(calendar: Calendar, start: datetime, duration: Duration, due: datetime) -> Words:
    """Why a limit that runs from `start` ends at `due`: the count, the days off in between, the make-up days."""
    begin, end = (at.astimezone(calendar.zone).replace(microsecond=0, tzinfo=None) for at in (start, due))
    if duration.unit not in _TO_THE_SECOND:
        begin, end = begin.replace(second=0), end.replace(second=0)
    return _sentence(calendar, begin, duration, end)


@lru_cache(maxsize=4096)  # complaints of the same minute are told the same
def _sentence(calendar: Calendar, begin: datetime, duration: Duration, end: datetime) -> Words:
    clock = _Clock(seconds=duration.unit in _TO_THE_SECOND, year=begin.year != end.year)
    zone, n = calendar.zone.key, duration.amount
    unit_en = _EN[duration.unit] + ("" if n == 1 else "s")
    if duration.close:
        head_en = f"the close of {_EN[duration.unit]} {n} in {zone} after {clock.en(begin)}"
        head_zh = f"自{clock.zh(begin)}起第{n}{_ZH[duration.unit]}结束时（{zone}时间）"
    else:
        head_en = f"{n} {unit_en} in {zone} from {clock.en(begin)}"
        head_zh = f"自{clock.zh(begin)}起{n}{_ZH[duration.unit]}（{zone}时间）"
    notes = _notes(calendar, begin.date(), end.date()) if duration.business else ()
    return Words(
        zh="；".join([head_zh, *(note.zh for note in notes)]) + f" → 截止{clock.zh(end)}",
        en="; ".join([head_en, *(note.en for note in notes)]) + f" → due {clock.en(end)}",
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    seconds: bool
    year: bool

    def en(self, at: datetime) -> str:
        return f"{at.day} {_MONTHS[at.month - 1]}{f' {at.year}' if self.year else ''} {self._time(at)}"

    def zh(self, at: datetime) -> str:
        return f"{f'{at.year}年' if self.year else ''}{at.month}月{at.day}日{self._time(at)}"

    def _time(self, at: datetime) -> str:
        clock = f"{at.hour:02}:{at.minute:02}"  # several times faster than strftime
        return f"{clock}:{at.second:02}" if self.seconds else clock


def moment_words(calendar: Calendar, at: datetime) -> Words:
    """A moment in the calendar's zone, to the minute."""
    clock, local = _Clock(seconds=False, year=False), at.astimezone(calendar.zone)
    return Words(zh=clock.zh(local), en=clock.en(local))


@lru_cache(maxsize=4096)
def _notes(calendar: Calendar, first: date, last: date) -> tuple[Words, ...]:
    """What differs from the ordinary week after `first` up to `last`."""
    off: list[date] = []
    runs: list[tuple[date, date]] = []
    special: list[Words] = []
    day = first
    while day < last:
        day += timedelta(days=1)
        usual, actual = calendar.spec.week[day.weekday()], calendar.hours(day)
        if not actual:
            if usual:
                off.append(day)
            continue
        if off:
            runs.append((off[0], off[-1]))
            off = []
        if actual != usual:
            special.append(_special(day, usual, actual))
    if off:
        runs.append((off[0], off[-1]))
    notes = [_closed(*run) for run in runs] + special
    if not all(calendar.settled(year) for year in range(first.year, last.year + 1)):
        notes.append(Words(zh="该年调休安排尚未公布", en="make-up days of that year are not published yet"))
    if len(notes) <= _MOST_PARTS:
        return tuple(notes)
    more = len(notes) - _MOST_PARTS + 1
    return *notes[: _MOST_PARTS - 1], Words(zh=f"另有{more}处调整", en=f"and {more} more")


def _closed(first: date, last: date) -> Words:
    zh_first, en_month = f"{first.month}月{first.day}日", _MONTHS[last.month - 1]
    if first == last:
        return Words(zh=f"{zh_first}休息", en=f"closed {first.day} {en_month}")
    if first.month == last.month:
        return Words(zh=f"{zh_first}至{last.day}日休息", en=f"closed {first.day}-{last.day} {en_month}")
    return Words(
        zh=f"{zh_first}至{last.month}月{last.day}日休息",
        en=f"closed {first.day} {_MONTHS[first.month - 1]}-{last.day} {en_month}",
    )


def _special(day: date, usual: tuple[Span, ...], actual: tuple[Span, ...]) -> Words:
    zh_day = f"{day.month}月{day.day}日（{_DAYS_ZH[day.weekday()]}）"
    en_day = f"{_DAYS_EN[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}"
    if not usual:
        return Words(zh=f"{zh_day}为调休上班日", en=f"{en_day} is a make-up day")
    hours = ", ".join(f"{_wall(start)}-{_wall(end)}" for start, end in actual)
    return Words(zh=f"{zh_day}营业时间为{hours}", en=f"{en_day} is open {hours}")


def _wall(minutes: int) -> str:
    minutes = minutes if minutes == DAY else minutes % DAY
    return f"{minutes // 60:02}:{minutes % 60:02}"
