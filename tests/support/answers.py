"""What an expression should give: as rows of a database, as the processes say themselves, or between two numbers."""

import math
from collections import defaultdict
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.house import House
from tests.support.prometheus import Answer

Key = tuple[str, ...]


@dataclass(frozen=True)
class Equal:
    """Exactly what the rows (labels…, number) of this statement say; label sets that are not named are 0 or absent."""

    sql: str
    slack: float = 1e-6


@dataclass(frozen=True)
class Near(Equal):
    """The same within a tenth: Prometheus extrapolates what processes count."""

    slack: float = 0.1


@dataclass(frozen=True)
class Bucket:
    """A quantile of the rows (labels…, seconds) within the bucket that holds the true one."""

    sql: str
    q: float
    bounds: tuple[float, ...]


@dataclass(frozen=True)
class Exposed:
    """What the pages `/metrics` of these services give, read without Prometheus: a gauge, or a histogram's quantile.

    For a quantile the services must have lived since before the first observation.
    """

    services: tuple[str, ...]
    metric: str
    by: Key
    q: float | None = None


@dataclass(frozen=True)
class Within:
    """Every series between two numbers, and `why` no more can be said; `series`: how many at least."""

    low: float
    high: float
    series: int = 0
    why: str = ""


@dataclass(frozen=True)
class Partly:
    """Some label sets are known, the others lie between two numbers."""

    known: Near | Exposed
    keys: tuple[Key, ...]
    others: Within


Expected = Equal | Bucket | Exposed | Within | Partly


async def exposed(house: House, asked: Exposed) -> Answer:
    """The true answer now."""
    gauges: Answer = {}
    buckets: dict[Key, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for service in asked.services:
        async with httpx.AsyncClient(base_url=house.url(service), timeout=20) as client:
            page = (await client.get("/metrics")).text
        for sample in (s for family in text_string_to_metric_families(page) for s in family.samples):
            key = tuple(sorted(sample.labels.get(name, service) for name in asked.by))
            if sample.name == asked.metric:
                gauges[key] = max(gauges.get(key, -math.inf), sample.value)
            elif sample.name == f"{asked.metric}_bucket":
                buckets[key][float(sample.labels["le"])] += sample.value
    if asked.q is None:
        return gauges
    found = {key: quantile(asked.q, sorted(counts.items())) for key, counts in buckets.items()}
    return {key: value for key, value in found.items() if value is not None}


def quantile(q: float, counts: list[tuple[float, float]]) -> float | None:
    """Of cumulative counts by upper bound: evenly spread in a bucket, the last finite bound at most; None of none."""
    total = counts[-1][1]
    if not total:
        return None
    rank, low, below = q * total, 0.0, 0.0
    for bound, upto in counts:
        if upto >= rank:
            return low if math.isinf(bound) else low + (bound - low) * (rank - below) / (upto - below)
        low, below = bound, upto
    return None
