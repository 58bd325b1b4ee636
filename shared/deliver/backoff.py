"""When to try again."""

from datetime import datetime, timedelta
from random import Random


def delay(attempt: int, *, base: float, cap: float, chance: Random) -> float:
    """Seconds before attempt number `attempt + 1` (attempts count from 1): doubling from `base` up to `cap`.

    The wait lies between half and the whole of that, so that many failures at once do not come back at once.
    """
    whole = min(cap, base * 2.0 ** min(attempt - 1, 30))
    return whole * (0.5 + 0.5 * chance.random())


def next_try(
    now: datetime, attempt: int, deadline: datetime, *, base: float, cap: float, chance: Random
) -> datetime | None:
    """When to try again, or None when that would be after the deadline: then it has failed."""
    at = now + timedelta(seconds=delay(attempt, base=base, cap=cap, chance=chance))
    return at if at <= deadline else None
