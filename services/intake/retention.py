"""How long each class of what people tell us is kept: data, by the country of the house. Pure.

The package's data/retention.yaml says why; a house with other duties brings a file of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.base.errors import Refused

Class = Literal["complaint", "message", "letter", "attachment", "call", "raw_mail", "spam", "quarantined"]
CLASSES: tuple[Class, ...] = get_args(Class)
_DURATION = re.compile(r"([1-9][0-9]{0,4})([dy])")
YEAR = 365.25


def _duration(text: object) -> timedelta:
    found = _DURATION.fullmatch(str(text))
    if not found:
        raise ValueError("is no duration such as 90d or 6y")
    number = int(found[1])
    return timedelta(days=number if found[2] == "d" else ceil(number * YEAR))


Life = Annotated[timedelta, BeforeValidator(_duration)]


class _Lives(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    default: Life | None = None
    complaint: Life | None = None
    message: Life | None = None
    letter: Life | None = None
    attachment: Life | None = None
    call: Life | None = None
    raw_mail: Life | None = None
    spam: Life | None = None
    quarantined: Life | None = None
    source: str = ""


class _Everywhere(_Lives):
    default: Life


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    notice: str = ""
    as_of: date
    source: str = ""
    everywhere: _Everywhere
    countries: dict[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], _Lives] = {}


@dataclass(frozen=True, slots=True)
class Retention:
    """The lives that hold in one country."""

    lives: Mapping[Class, timedelta]

    def of(self, kind: Class) -> timedelta:
        """How long this class is kept from the day on which it came."""
        return self.lives[kind]


def read(text: str, country: str) -> Retention:
    """The lives of a retention file in a country: what it names, else its default, else what holds everywhere.

    Raises ValueError with the first thing that is wrong.
    """
    try:
        document = _Document.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {error}".replace("\n", " ")) from None
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, wrong['loc'])) or 'document'}: {wrong['msg']}") from None
    own, everywhere = document.countries.get(country, _Lives()), document.everywhere

    def life(kind: Class) -> timedelta:
        named: timedelta | None = getattr(own, kind) or getattr(everywhere, kind)
        return named or own.default or everywhere.default

    return Retention({kind: life(kind) for kind in CLASSES})


def load(own: Path | None, country: str) -> Retention:
    """The house's file, otherwise the package's. Raises Refused in one line that names the file."""
    if own is None:
        return read(files(__package__).joinpath("data/retention.yaml").read_text(encoding="utf-8"), country)
    try:
        return read(own.read_text(encoding="utf-8"), country)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise Refused(f"AMENDS_RETENTION: {own}: {error}") from None
