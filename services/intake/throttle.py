"""At most so many tries in so many seconds, per name. Held in memory: each replica counts for itself.

For limits that spare a replica (posts of a channel, forms of an address). What protects customers' data is counted for
all replicas: attempts.py.
"""

import time
from collections import OrderedDict

NAMES = 20_000


class Throttle:
    """`allow` counts a try and says whether it is still within the limit."""

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, name: str, limit: int | None = None) -> bool:
        """Whether this name may try once more now. `limit`: the name's own."""
        now = time.monotonic()
        since, count = self._tries.pop(name, (now, 0))
        if now - since > self._seconds:
            since, count = now, 0
        self._tries[name] = (since, count + 1)
        if len(self._tries) > NAMES:
            self._tries.popitem(last=False)
        return count < (self._limit if limit is None else limit)

    def wait(self, name: str) -> float:
        """Seconds until this name may try again."""
        since, _ = self._tries.get(name, (0.0, 0))
        return max(0.0, since + self._seconds - time.monotonic())
