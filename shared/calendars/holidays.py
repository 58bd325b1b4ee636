"""Days off and make-up days, from kept libraries.

Public holidays: the `holidays` library, by country and region. Mainland China moves working days: the yearly notice of
the State Council makes weekends working days; `chinese_calendar` keeps those notices. A year whose notice is not out
yet has only the holidays that the law itself fixes: `settled` is then false.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

MakeUp = Literal["china"]


@dataclass(frozen=True, slots=True)
class HolidayYear:
    """One year: days that are off, weekend days that are worked, and whether that is final."""

    off: frozenset[date]
    make_up: frozenset[date]
    settled: bool


@lru_cache(maxsize=512)
def holiday_year(country: str | None, region: str | None, make_up: MakeUp | None, year: int) -> HolidayYear:
    """Days off in one year; without a country there are none."""
    if country is None:
        return HolidayYear(frozenset(), frozenset(), True)
    if make_up == "china":
        from chinese_calendar import constants

        off = frozenset(d for d in constants.holidays if d.year == year)
        if off:
            return HolidayYear(off, frozenset(d for d in constants.workdays if d.year == year), True)
    import holidays

    found = holidays.country_holidays(country, subdiv=region, years=year)
    return HolidayYear(frozenset(d for d in found if d.year == year), frozenset(), make_up is None)


def known_place(country: str, region: str | None) -> bool:
    """Whether the library has holidays for this country (ISO 3166-1) and region (its ISO 3166-2 part)."""
    import holidays

    supported = holidays.list_supported_countries()
    return country in supported and (region is None or region in supported[country])
