"""Kinds of fields that the bodies of every service are made of."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

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

Place = tuple[str | int, ...]


def unclean(value: Any, at: Place = ()) -> list[tuple[Place, str]]:
    """Where a decoded JSON value holds what no database or mail can keep, and what that is."""
    if isinstance(value, str):
        try:
            clean(value)
        except ValueError as error:
            return [(at, str(error))]
        return []
    if isinstance(value, dict):
        found = []
        for name, part in value.items():
            found += unclean(name, at) + unclean(part, (*at, name))
        return found
    if isinstance(value, list):
        return [item for n, part in enumerate(value) for item in unclean(part, (*at, n))]
    return []


class Clean(BaseModel):
    """A body in which any text, however deep and of whatever model, can be kept and sent."""

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        if found := unclean(given):
            wrong = [
                InitErrorDetails(type=PydanticCustomError("unclean", "{what}", {"what": what}), loc=at, input=None)
                for at, what in found[:20]
            ]
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return given
