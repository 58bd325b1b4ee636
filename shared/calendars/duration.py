"""Limits as people write them: `30s 15min 4h 30bmin 4bh 3wd 15cd 8w 6mo`, and `3wd:close`."""

import re
from dataclasses import dataclass
from enum import StrEnum

from .errors import BadDuration

_SECONDS_IN = {"s": 1, "min": 60, "h": 3600, "bmin": 60, "bh": 3600}
_PATTERN = re.compile(r"(?P<sign>[-+]?)(?P<amount>[0-9]{1,7})(?P<unit>s|min|h|bmin|bh|wd|cd|w|mo)(?P<close>:close)?")
_MOST_DAYS = {"wd": 10_000, "cd": 36_500, "w": 5_200, "mo": 1_200}

EXPECTED = "a whole number and a unit: 30s, 15min, 4h, 30bmin, 4bh, 3wd, 15cd, 8w, 6mo; wd and cd may end in :close"


class Unit(StrEnum):
    """How a limit is counted."""

    SECOND = "s"
    MINUTE = "min"
    HOUR = "h"
    BUSINESS_MINUTE = "bmin"
    BUSINESS_HOUR = "bh"
    WORKING_DAY = "wd"
    CALENDAR_DAY = "cd"
    WEEK = "w"
    MONTH = "mo"


@dataclass(frozen=True, slots=True)
class Duration:
    """A limit.

    s, min and h run around the clock; bmin and bh run only in working time; wd counts working days after the day of
    the start; cd, w and mo count by the date. `close` means the closing time of the last day (for cd: its midnight)
    instead of the time of day of the start. A negative amount points back from a deadline.
    """

    amount: int
    unit: Unit
    close: bool = False

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read a duration; raises BadDuration that says what would be right."""
        match = _PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise BadDuration(f"{str(text)[:40]!r} is not a duration: write {EXPECTED}")
        amount, unit = int(match["amount"]), Unit(match["unit"])
        if amount > _MOST_DAYS.get(unit, 9_999_999):
            raise BadDuration(f"{text!r} is too long: at most {_MOST_DAYS[unit]}{unit}")
        if match["close"] and (unit not in (Unit.WORKING_DAY, Unit.CALENDAR_DAY) or match["sign"] == "-"):
            raise BadDuration(f"{text!r}: only days forward (wd, cd) can end in :close")
        return cls(-amount if match["sign"] == "-" else amount, unit, match["close"] is not None)

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}{':close' if self.close else ''}"

    @property
    def micros(self) -> int:
        """The length in microseconds for units of fixed length, else 0."""
        return self.amount * _SECONDS_IN.get(self.unit, 0) * 1_000_000

    @property
    def business(self) -> bool:
        """Whether time outside of working hours does not count."""
        return self.unit in (Unit.BUSINESS_MINUTE, Unit.BUSINESS_HOUR, Unit.WORKING_DAY)
