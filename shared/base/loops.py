"""A service's loops, as they see their supervisor."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .telemetry import LOOP_AGE


class LoopControl:
    """What a loop sees of its supervisor: when to stop, how to wait, and where to say that it is alive."""

    def __init__(self, service: str, name: str, stop: asyncio.Event) -> None:
        self.service, self.name, self._stop = service, name, stop
        self.wake = asyncio.Event()
        self.last_turn = time.monotonic()
        self._age = LOOP_AGE.labels(service, name)

    @property
    def stopping(self) -> bool:
        """Whether the process is to end: finish what runs, begin nothing."""
        return self._stop.is_set()

    def beat(self) -> None:
        """Say that the loop makes progress."""
        self.last_turn = time.monotonic()
        self._age.set_to_current_time()

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or less when woken or when the process is to stop."""
        self.beat()
        if seconds > 0 and not self.stopping:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), seconds)
        self.wake.clear()
        self.beat()


@dataclass
class Loop:
    """A supervised loop.

    `stall_after`: seconds without progress after which the watchdog calls the process dead. A `last` loop is stopped
    after all others have ended, because it carries away what they leave (the relay).
    """

    name: str
    run: Callable[[LoopControl], Awaitable[None]]
    stall_after: float = 60.0
    last: bool = False
    control: LoopControl = field(init=False)
