"""Kinds of fields that the bodies of every service are made of."""

from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

_YEARS = range(1900, 2201)


def clean(text: str) -> str:
    """The text itself; raises ValueError for what PostgreSQL cannot hold: NUL, and halves of characters."""
    if "\x00" in text:
        raise ValueError("NUL is not text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is not text") from None
    return text


def _plausible(day: date) -> None:
    """Times at the edge of the calendar cannot be moved to UTC, and nobody's complaint is there."""
    if day.year not in _YEARS:
        raise ValueError("the year must be between 1900 and 2200")


def _moment(given: datetime) -> datetime:
    _plausible(given)
    return given.astimezone(UTC)


def _iso_day(given: date) -> str:
    _plausible(given)
    return given.isoformat()


Said = Annotated[str, AfterValidator(clean)]
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
Day = Annotated[date, AfterValidator(_iso_day)]
