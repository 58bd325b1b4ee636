"""What became of promises, as metrics from the totals table."""

from collections.abc import Iterator, Mapping
from time import time
from typing import get_args

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .policy import Kind, Tier

OUTCOMES = ("met", "breached", "retracted", "cancelled", "reopened")


class Outcomes(Collector):
    """The totals as they were read last: restarts and replicas do not disturb them. Use `max`, never `sum`."""

    def __init__(self) -> None:
        self._totals: Mapping[tuple[str, str, str], int] = {}
        self._read_at = 0.0

    def update(self, totals: Mapping[tuple[str, str, str], int]) -> None:
        """Show these totals from now on."""
        self._totals, self._read_at = totals, time()

    def collect(self) -> Iterator[Metric]:
        outcomes = CounterMetricFamily(
            "amends_sla_outcome", "Clocks that were settled; breached minus retracted stand, and met minus reopened",
            labels=["kind", "tier", "outcome"],
        )  # fmt: skip
        # Every set of labels from the beginning, so that the first event is seen as an increase.
        every = {(kind, tier, outcome) for kind in get_args(Kind) for tier in get_args(Tier) for outcome in OUTCOMES}
        for labels in sorted(every | set(self._totals)):
            outcomes.add_metric(labels, self._totals.get(labels, 0))
        yield outcomes
        yield GaugeMetricFamily(
            "amends_sla_outcome_collected_timestamp_seconds", "When the outcomes were read", value=self._read_at
        )


TOTALS = Outcomes()
REGISTRY.register(TOTALS)
