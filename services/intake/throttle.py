"""At most so many tries in so many seconds, per name. Held in memory: each replica counts for itself."""

import time
from collections import OrderedDict

NAMES = 20_000


class Throttle:
    """`allow` counts a try and says whether it is still within the limit."""

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, name: str) -> bool:
        """Whether this name may try once more now."""
        now = time.monotonic()
        since, count = self._tries.pop(name, (now, 0))
        if now - since > self._seconds:
            since, count = now, 0
        self._tries[name] = (since, count + 1)
        if len(self._tries) > NAMES:
            self._tries.popitem(last=False)
        return count < self._limit
