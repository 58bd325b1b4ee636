"""Calendars by id: those of the package, and a company's own file over them."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from .calendar import Calendar
from .errors import CalendarError, UnknownCalendar
from .spec import read_spec, read_zone

_MOST_ZONED = 256


class Calendars:
    """A set of calendars. `id@Zone` is the calendar `id` with its hours in another time zone."""

    def __init__(self, calendars: dict[str, Calendar]) -> None:
        self._calendars = calendars
        self._zoned: dict[str, Calendar] = {}

    def get(self, id_: str) -> Calendar:
        """The calendar with this id; raises UnknownCalendar that names the known ones."""
        found = self._calendars.get(id_) or self._zoned.get(id_)
        if found is not None:
            return found
        base, at, zone = id_.partition("@")
        if base not in self._calendars:
            raise UnknownCalendar(f"no calendar {base[:40]!r}; there are {', '.join(sorted(self._calendars))}")
        if not at:
            raise UnknownCalendar(f"no calendar {id_[:40]!r}")
        if len(self._zoned) >= _MOST_ZONED:
            self._zoned.clear()
        calendar = self._zoned[id_] = self._calendars[base].in_zone(read_zone(id_[:80], zone))
        return calendar

    def __iter__(self) -> Iterator[Calendar]:
        return iter(self._calendars.values())


def load_calendars(own: Path | None = None) -> Calendars:
    """The package's calendars, and over them those of a company's file; raises CalendarError naming file and key."""
    text = files(__package__).joinpath("data/calendars.yaml").read_text(encoding="utf-8")
    calendars = _read("calendars.yaml", text)
    if own is not None:
        try:
            calendars |= _read(str(own), own.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CalendarError(f"{own}: cannot be read: {error}") from error
    return Calendars(calendars)


@cache
def builtin() -> Calendars:
    """The package's calendars."""
    return load_calendars()


def _read(name: str, text: str) -> dict[str, Calendar]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise CalendarError(f"{name}:{mark.line + 1 if mark else 1}: {getattr(error, 'problem', error)}") from error
    if not isinstance(data, dict):
        raise CalendarError(f"{name}: must be a map from calendar id to calendar")
    try:
        return {str(id_): Calendar(read_spec(str(id_), value)) for id_, value in data.items()}
    except CalendarError as error:
        raise CalendarError(f"{name}: {error}") from error
