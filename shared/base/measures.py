"""Every metric is declared here or through here, with what it means and the question it answers.

docs/metrics.md is made from the catalog, so a metric without words cannot exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

Kept = Literal["process", "totals", "state"]
"""Where the value comes from: this process alone; totals in the database; the database's present state."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric as people read about it. `labels` maps a label to its values; no values: they come with the data."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Mapping[str, Sequence[str]]
    meaning: str
    answers: str
    kept: Kept = "process"
    bounds: Sequence[float] = ()

    @property
    def sets(self) -> list[tuple[str, ...]]:
        """Every set of label values that exists from the start; none when a label's values come with the data."""
        return list(product(*self.labels.values())) if all(self.labels.values()) else []

    @property
    def family(self) -> str:
        """The name as the client library wants it."""
        return self.name.removesuffix("_total") if self.kind == "counter" else self.name


CATALOG: dict[str, Measure] = {}


def declare(measure: Measure) -> Measure:
    """Put a metric into the catalog. Raises ValueError when another one has its name."""
    if CATALOG.setdefault(measure.name, measure) != measure:
        raise ValueError(f"two metrics are called {measure.name}")
    return measure


def _declared(name: str, kind: Literal["counter", "gauge", "histogram"], meaning: str, answers: str,
              labels: Mapping[str, Sequence[str]] | None, bounds: Sequence[float] = ()) -> Measure:  # fmt: skip
    return declare(Measure(name, kind, labels or {}, meaning, answers, bounds=bounds))


def counter(name: str, meaning: str, *, answers: str, labels: Mapping[str, Sequence[str]] | None = None) -> Counter:
    """A counter of this process. Known label sets exist at 0 from the start, so that a first event is an increase."""
    measure = _declared(name, "counter", meaning, answers, labels)
    made = Counter(name, meaning, list(measure.labels))
    _touch(made, measure)
    return made


def gauge(name: str, meaning: str, *, answers: str, labels: Mapping[str, Sequence[str]] | None = None) -> Gauge:
    """A gauge of this process."""
    measure = _declared(name, "gauge", meaning, answers, labels)
    made = Gauge(name, meaning, list(measure.labels))
    _touch(made, measure)
    return made


def histogram(
    name: str, meaning: str, *, answers: str, buckets: Sequence[float],
    labels: Mapping[str, Sequence[str]] | None = None,
) -> Histogram:  # fmt: skip
    """A histogram of this process, with bucket bounds in the unit of its name."""
    measure = _declared(name, "histogram", meaning, answers, labels, buckets)
    made = Histogram(name, meaning, list(measure.labels), buckets=buckets)
    _touch(made, measure)
    return made


def _touch(made: Counter | Gauge | Histogram, measure: Measure) -> None:
    for values in measure.sets if measure.labels else ():
        made.labels(*values)
