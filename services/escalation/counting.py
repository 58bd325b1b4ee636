"""How a limit's last moment is found: the calendar's plain way, and the conventions that sources prescribe."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.calendars import Calendar, Duration, Unit, Words

from .policy import Convention

_WORDS: dict[Convention, Words] = {
    "whole_last_day": Words(zh="最后一日计至当日结束", en="the last day counts to its end"),
    "first_day_counts": Words(zh="收到当日计为第一日", en="the day of the start is day one"),
    "next_working_day": Words(zh="遇休息日顺延至下一工作日", en="a last day off moves to the next working day"),
    "from_opening": Words(zh="非工作时间收到的自开始营业时起算", en="what comes out of hours counts from the opening"),
}
_INSTANT = timedelta(microseconds=1)


def last_moment(
    calendar: Calendar, start: datetime, limit: Duration, conventions: Sequence[Convention] = ()
) -> datetime:
    """When a limit that runs from `start` is used up, counted as its source says.

    Raises what `Calendar.add` raises.
    """
    if not conventions:
        return calendar.add(start, limit)
    begin = calendar.next_open(start) if "from_opening" in conventions else start
    end = calendar.add(begin, _counted(calendar, begin, limit, conventions))
    if "whole_last_day" in conventions and limit.unit in (Unit.WEEK, Unit.MONTH):
        end = calendar.add(end, "0cd:close")
    if "next_working_day" in conventions:
        end = _rolled(calendar, end)
    return end


def _counted(calendar: Calendar, begin: datetime, limit: Duration, conventions: Sequence[Convention]) -> Duration:
    if limit.unit not in (Unit.WORKING_DAY, Unit.CALENDAR_DAY):
        return limit
    if "first_day_counts" in conventions:
        worked = limit.unit is Unit.CALENDAR_DAY or calendar.hours(begin.astimezone(calendar.zone).date())
        return Duration(limit.amount - 1 if worked else limit.amount, limit.unit, close=True)
    return Duration(limit.amount, limit.unit, limit.close or "whole_last_day" in conventions)


def _rolled(calendar: Calendar, end: datetime) -> datetime:
    # The end of a day is the first moment of the next one: it belongs to the day before.
    local = end.astimezone(calendar.zone)
    last = end - _INSTANT if (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0) else end
    return end if calendar.hours(last.astimezone(calendar.zone).date()) else calendar.add(last, "0wd:close")


def convention_words(said: Words, conventions: Sequence[Convention]) -> Words:
    """The explanation of a plain count, with what its conventions add."""
    for convention in conventions:
        note = _WORDS[convention]
        said = Words(zh=_before_arrow(said.zh, "；", note.zh), en=_before_arrow(said.en, "; ", note.en))
    return said


def _before_arrow(text: str, joint: str, note: str) -> str:
    head, arrow, tail = text.rpartition(" → ")
    return f"{head}{joint}{note}{arrow}{tail}"
