"""How much: `make test` runs a quarter of the examples, `make test-full` all of them."""

import os

from hypothesis import HealthCheck, settings

FULL = os.environ.get("AMENDS_TESTS") == "full"


def examples(n: int) -> settings:
    """Settings for a property test of `n` examples at full scale, without a time limit per example."""
    return settings(
        max_examples=n if FULL else max(10, n // 4), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
