"""What a service counts for good, and what it shows of its state. Declarations only: pure, for handlers to use.

A total lives in the database. It grows in the transaction that makes the thing true, so no crash loses or doubles it.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.measures import Measure, declare
from shared.events.envelope import Payload

from .effects import Count

Labels = Mapping[str, Sequence[str]]
Sample = tuple["State", tuple[str, ...], float]
MORE, SUM = "+Inf", "sum"


class Total:
    """A number that only grows; `gauge` when corrections may take something back."""

    def __init__(
        self, name: str, meaning: str, labels: Labels, *, answers: str, kind: Literal["counter", "gauge"] = "counter"
    ) -> None:
        self.measure = declare(Measure(name, kind, labels, meaning, answers, "totals"))

    def add(self, *labels: str, by: float = 1.0) -> Count:
        """One more (or `by` more) under these label values, in the order of the declaration."""
        return Count(self.measure.name, labels, by)


class Distribution:
    """How a value is distributed: counted per bucket (upper bounds, in the unit of the name), with the sum."""

    def __init__(self, name: str, meaning: str, labels: Labels, *, answers: str, bounds: Sequence[float]) -> None:
        self.measure = declare(Measure(name, "histogram", labels, meaning, answers, "totals", tuple(bounds)))
        self._names = [*(f"{b:g}" if b < 1e6 else str(int(b)) for b in bounds), MORE]

    @property
    def buckets(self) -> list[str]:
        """The names of the buckets, in order; the last has no bound."""
        return self._names

    def observe(self, value: float, *labels: str) -> Iterable[Count]:
        """One more value."""
        bucket = self._names[bisect_left(self.measure.bounds, value)]
        return Count(self.measure.name, (*labels, bucket)), Count(self.measure.name, (*labels, SUM), value)


class State:
    """Something that stands in the database now. Label sets that a reading lacks are 0, or now for a `moment`."""

    def __init__(self, name: str, meaning: str, labels: Labels, *, answers: str, moment: bool = False) -> None:
        self.measure = declare(Measure(name, "gauge", labels, meaning, answers, "state"))
        self.moment = moment

    def at(self, value: float, *labels: str) -> Sample:
        """A value under these label values."""
        return self, labels, value


async def nothing(_: AsyncConnection) -> Iterable[Sample]:
    """For a service that shows no state of its own."""
    return ()


@dataclass(frozen=True)
class Figures:
    """A service's own: totals, states, how states are read (in one transaction), and what its events, by the time when
    they became true, add to totals."""

    totals: Sequence[Total | Distribution] = ()
    states: Sequence[State] = ()
    read: Callable[[AsyncConnection], Awaitable[Iterable[Sample]]] = nothing
    tally: Mapping[type[Payload], Callable[[Any, datetime], Iterable[Count]]] = field(default_factory=dict)
