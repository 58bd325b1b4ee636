"""Restarts what ends without having been asked to, with a visible line."""

import threading
import time
from collections.abc import Mapping
from typing import Protocol

from deploy.local.console import say
from deploy.local.processes import Child

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0


class Part(Protocol):
    """One process of the stack: how to start it, and when it is ready."""

    child: Child

    def launch(self) -> None:
        """Start the process, if it does not run."""

    def wait_ready(self) -> None:
        """Wait until it can be used. Raises StackError."""


def ended(child: Child) -> str:
    """How a process ended; what it said last, unless it was killed and could say nothing."""
    code = child.exit_code() or 0
    if code < 0:
        return f"was killed (signal {-code})"
    return f"ended (exit {code}: {child.last_line()})"


class Supervisor:
    """Watches the wanted processes of `parts` in a thread of its own."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._waits: dict[str, float] = {}
        self._next: dict[str, float] = {}

    def start(self) -> None:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._ending.wait(0.2):
            for name, part in self._parts.items():
                if part.child.wanted and not part.child.running:
                    self._restart(name, part)

    def _restart(self, name: str, part: Part) -> None:
        """At once the first time, then with growing pauses; a process that lived for a while is forgiven."""
        now = time.monotonic()
        if name not in self._next:
            forgiven = now - part.child.started_at > 60
            wait = FIRST_WAIT if forgiven else min(self._waits.get(name, 0.0) * 2 or FIRST_WAIT, LONGEST_WAIT)
            self._waits[name], self._next[name] = wait, now + wait
            say(f"{name} {ended(part.child)}, starting it again")
        if now >= self._next[name]:
            del self._next[name]
            part.launch()
