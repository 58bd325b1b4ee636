"""What became of letters, as metrics."""

from collections.abc import Iterator, Mapping
from itertools import product
from time import time

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .letter import KINDS

OUTCOMES = ("sent", "retry", "unknown", "failed")
_ATTEMPTS = Counter("amends_letter_attempts_total", "Attempts of this process to send letters", ["kind", "outcome"])
# Children are looked up once: a look-up costs more than the increment.
COUNTS: dict[tuple[str, str], Counter] = {
    (kind, outcome): _ATTEMPTS.labels(kind, outcome) for kind, outcome in product(KINDS, OUTCOMES)
}
SEND_SECONDS = Histogram(
    "amends_letter_send_seconds",
    "Handing one letter to the mail server",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)
IN_FLIGHT = Gauge("amends_letters_in_flight", "Letters of this process between claim and settlement")


class Totals(Collector):
    """Totals and open letters as they were read last: restarts and replicas do not disturb them. Use `max`."""

    def __init__(self) -> None:
        self._totals: Mapping[tuple[str, str], int] = {}
        self._states: Mapping[str, int] = {}
        self._read_at = 0.0

    def update(self, totals: Mapping[tuple[str, str], int], states: Mapping[str, int]) -> None:
        """Show these from now on."""
        self._totals, self._states, self._read_at = totals, states, time()

    def collect(self) -> Iterator[Metric]:
        letters = Metric("amends_letters", "Letters by what became of them", "counter")
        for kind, outcome in sorted(set(product(KINDS, OUTCOMES)) | set(self._totals)):
            number = self._totals.get((kind, outcome), 0)
            letters.add_sample("amends_letters_total", {"kind": kind, "outcome": outcome}, number)
        yield letters
        waiting = GaugeMetricFamily("amends_letters_open", "Letters that are not done with", labels=["state"])
        for state in ("owed", "ready", "sending", "retry", "unknown", "failed", "blocked", "no_address"):
            waiting.add_metric([state], self._states.get(state, 0))
        yield waiting
        yield GaugeMetricFamily(
            "amends_letters_collected_timestamp_seconds", "When these were read", value=self._read_at
        )


TOTALS = Totals()
REGISTRY.register(TOTALS)
