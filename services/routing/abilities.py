"""The ability sheet: fourteen behaviours a quarter, as a handler and his lead see them, beside figures of his cases.

For coaching only. Nobody is ranked, nothing is exported, figures are shown from LEAST cases on and with the case mix,
and neither side sees the other's marks before it has given its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml

Side = Literal["self", "lead"]
MARKS = (1, 2, 3, 4)
LEAST = 30
MOST_WORDS = 2000


@cache
def behaviours() -> Mapping[str, tuple[str, str]]:
    """Key → Chinese, English, in the order of the page."""
    text = (files("services.routing") / "data" / "abilities.yaml").read_text("utf-8")
    return {key: (zh, en) for key, (zh, en) in yaml.safe_load(text).items()}


@dataclass(frozen=True, order=True)
class Quarter:
    """A quarter of a year in a handler's zone."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Quarter":
        return cls(day.year, (day.month + 2) // 3)

    @classmethod
    def read(cls, text: str) -> "Quarter | None":
        """`2026Q4`; None for anything else."""
        year, _, number = text.partition("Q")
        if len(year) == 4 and year.isascii() and year.isdecimal() and number in ("1", "2", "3", "4") and year >= "2000":
            return cls(int(year), int(number))
        return None

    @property
    def before(self) -> "Quarter":
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)

    @property
    def after(self) -> "Quarter":
        return Quarter(self.year, self.number + 1) if self.number < 4 else Quarter(self.year + 1, 1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first moment, and the first one after it."""
        after = self.after
        return (
            datetime(self.year, 3 * self.number - 2, 1, tzinfo=zone),
            datetime(after.year, 3 * after.number - 2, 1, tzinfo=zone),
        )

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"


@dataclass(frozen=True)
class Marks:
    """One side's marks, 1 (rarely) to 4 (always), for the behaviours that it has seen."""

    by: str
    at: datetime
    scores: Mapping[str, int]
    words: str = ""


@dataclass(frozen=True)
class Figures:
    """What was measured of the cases that a handler was given in a quarter and kept to the end, or still has."""

    cases: int
    contacts: int = 0
    reached: int = 0
    reopened: int = 0
    breached: int = 0
    offers: int = 0
    declined: int = 0
    mix: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def enough(self) -> bool:
        """Whether there are so many that a share means something."""
        return self.cases >= LEAST


def mix(cases: Iterable[Any]) -> dict[str, dict[str, int]]:
    """How many cases there were of each cause, severity and tier, the most frequent first."""
    rows = list(cases)
    found = {name: Counter(getattr(row, name) for row in rows) for name in ("cause", "severity", "tier")}
    return {name: dict(sorted(counted.items(), key=lambda kv: (-kv[1], kv[0]))) for name, counted in found.items()}


def side_of(actor: str, role: str, handler_id: str, lead: str | None) -> Side | None:
    """As what somebody may see and fill in a sheet: the handler himself, his lead, or (None) not at all."""
    if actor == handler_id:
        return "self"
    return "lead" if role == "lead" and lead is not None and actor == lead else None


def scores_of(form: Mapping[str, str]) -> dict[str, int]:
    """The marks that a form gives; what is no mark counts as not seen."""
    given = {key: form.get(f"b-{key}", "") for key in behaviours()}
    return {key: int(value) for key, value in given.items() if value in {str(m) for m in MARKS}}
