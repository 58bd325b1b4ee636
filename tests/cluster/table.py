"""Steps that run one after the other and stand in a table at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class Refuted(Exception):
    """What a step expected did not happen."""


def expect(holds: bool, otherwise: str) -> None:
    """Raises Refuted unless something holds."""
    if not holds:
        raise Refuted(otherwise)


def wait_until(holds: Callable[[], bool], seconds: float, otherwise: str, every: float = 0.5) -> float:
    """Wait for something; gives the seconds it took. Raises Refuted when it takes longer."""
    started = time.monotonic()
    while not holds():
        expect(time.monotonic() - started < seconds, f"{otherwise} within {seconds:g} s")
        time.sleep(every)
    return time.monotonic() - started


@dataclass
class Table:
    """What was tried, whether it held, and how long it took."""

    rows: list[tuple[str, str, str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """One step; what is appended to the list stands behind it. A failure is noted, and the next step follows."""
        said: list[str] = []
        started = time.monotonic()
        try:
            yield said
            result = "ok"
        except Exception as error:
            result = "FAILED"
            said.append(f"{type(error).__name__}: {error}".replace("\n", " ")[:300])
        took = time.monotonic() - started
        self.rows.append((name, result, "; ".join(said), took))
        print(f"{result:6} {took:6.1f} s  {name}  {'; '.join(said)}", file=sys.stderr, flush=True)

    def skip(self, name: str, why: str) -> None:
        """Note a step that cannot be tried here."""
        self.rows.append((name, "skipped", why, 0.0))
        print(f"skipped          {name}  {why}", file=sys.stderr, flush=True)

    def print(self) -> int:
        """Print it as Markdown; gives the exit code."""
        print("| what was tried | result | s | what was seen |\n|---|---|---|---|")
        for name, result, said, took in self.rows:
            print(f"| {name} | {result} | {took:.1f} | {said.replace('|', '/')} |")
        return int(any(result == "FAILED" for _, result, _, _ in self.rows))
