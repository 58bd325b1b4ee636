"""Rounds, ratios and the CPU that each process used, written as one JSON file and one page per benchmark."""

import json
import os
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

ROOT = Path(__file__).parents[2]
Pids = Mapping[str, int]
_said: list[str] = []


def say(text: str) -> None:
    """Print what was measured, and keep it for the benchmark's page."""
    print(text, flush=True)
    _said.extend(text.splitlines())


def cpu_seconds(pids: Pids) -> dict[str, float]:
    """CPU seconds so far of each named process with all that it started, ended ones included."""
    used = {}
    for name, pid in pids.items():
        root = psutil.Process(pid)
        used[name] = 0.0
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used[name] += times.user + times.system + times.children_user + times.children_system
    return used


def cpu_between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds used between two readings of `cpu_seconds`."""
    return {name: after[name] - before[name] for name in after}


@dataclass(frozen=True)
class Run:
    """One measured stretch of one side: `items` acknowledged in `seconds`, `cpu` seconds by process."""

    items: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds

    def cpu_ms(self) -> dict[str, float]:
        """CPU milliseconds per item by process."""
        return {name: 1000 * seconds / self.items for name, seconds in self.cpu.items()}


@dataclass(frozen=True)
class Result:
    """What is written. `spread` is (highest − lowest) ratio of a round by the median ratio."""

    name: str
    rounds: int
    ours: float | dict[str, float]
    reference: float | dict[str, float] | None
    ratio: float | None
    spread: float | None
    cpu_ms_per_item: dict[str, float]
    what: str

    def write(self) -> Path:
        """Write bench/results/<name>.json, and docs/results/bench-<name>.md with everything that was said."""
        file, page = ROOT / "bench" / "results" / f"{self.name}.json", ROOT / "docs/results" / f"bench-{self.name}.md"
        for path in (file, page):
            path.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")
        page.write_text(f"# make bench BENCH={self.name}\n\n{self.what}\n\n```\n" + "\n".join(_said) + "\n```\n")
        _said.clear()
        return file


Side = Callable[[], Awaitable[Run]]


async def in_turn(ours: Side, bare: Side, rounds: int) -> list[tuple[Run, Run]]:
    """A B A B …: what disturbs the machine for a while disturbs both."""
    pairs = []
    for n in range(1, rounds + 1):
        pair = await ours(), await bare()
        pairs.append(pair)
        a, b = pair
        say(
            f"round {n}: ours {a.rate:,.0f}/s ({cpu_line(a.cpu_ms())}), "
            f"reference {b.rate:,.0f}/s ({cpu_line(b.cpu_ms())}), ratio {a.rate / b.rate:.2f}"
        )
    return pairs


def cpu_line(ms: Mapping[str, float]) -> str:
    """CPU milliseconds per item, and by process, the most first."""
    each = ", ".join(f"{name} {cpu:.3f}" for name, cpu in sorted(ms.items(), key=lambda kv: -kv[1]))
    return f"CPU ms {sum(ms.values()):.3f}: {each}"


def compare(name: str, pairs: Sequence[tuple[Run, Run]], what: str) -> Result:
    """The medians of all rounds."""
    ratios = sorted(a.rate / b.rate for a, b in pairs)
    middle = median(ratios)
    each = [a.cpu_ms() for a, _ in pairs]
    return Result(
        name=name,
        rounds=len(pairs),
        ours=round(median(a.rate for a, _ in pairs), 1),
        reference=round(median(b.rate for _, b in pairs), 1),
        ratio=round(middle, 3),
        spread=round((ratios[-1] - ratios[0]) / middle, 3),
        cpu_ms_per_item={process: round(median(ms[process] for ms in each), 4) for process in each[0]},
        what=f"{what} {machine()}",
    )


def machine() -> str:
    """Where it was measured."""
    return f"Measured on {os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()}."
