"""What can be wrong with a calendar, a duration or a time."""


class CalendarError(ValueError):
    """Base of all refusals; the text is one sentence for people."""


class UnknownCalendar(CalendarError):
    """No calendar has this id."""


class NoWorkingTime(CalendarError):
    """The calendar has no working time where one is needed."""


class BadDuration(CalendarError):
    """A duration that cannot be read."""


class OutOfRange(CalendarError):
    """A time without zone, or outside the years that calendars cover."""
