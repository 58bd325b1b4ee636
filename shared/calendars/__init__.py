"""Business time: working hours, holidays and make-up days of a place, and limits counted in them.

`builtin().get("cn-mainland").add(start, "3wd")` is the deadline; `between` the working time between two moments;
`explain` says how a deadline came about. Everything is pure: the same question has the same answer.
"""

from .calendar import Calendar
from .duration import Duration, Unit
from .errors import BadDuration, CalendarError, NoWorkingTime, OutOfRange, UnknownCalendar
from .explain import Words, explain, moment_words
from .moments import read_moment
from .registry import Calendars, builtin, load_calendars
from .spec import CalendarSpec, read_spec

__all__ = [
    "BadDuration",
    "Calendar",
    "CalendarError",
    "CalendarSpec",
    "Calendars",
    "Duration",
    "NoWorkingTime",
    "OutOfRange",
    "Unit",
    "UnknownCalendar",
    "Words",
    "builtin",
    "explain",
    "load_calendars",
    "moment_words",
    "read_moment",
    "read_spec",
]
