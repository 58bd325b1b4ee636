"""Formulas of waiting lines, against which the simulator is held.

Times are seconds, rates per second. `load` of a staff of `agents` is the offered work (arrival rate times mean handling
time), so `load / agents` is how busy each of them is. Sources: A. K. Erlang 1917 (B and C); C. Palm 1957 (A, with
impatience); A. Cobham 1954 and R. H. Davis 1966 (priorities without interruption, equal handling times).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def erlang_b(agents: int, load: float) -> float:
    """The share of arrivals that find everybody busy when nobody waits."""
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(agents: int, load: float) -> float:
    """The share of arrivals that have to wait; 1 when there are not enough agents for the load."""
    if load >= agents:
        return 1.0
    blocked = erlang_b(agents, load)
    return blocked / (1 - load / agents * (1 - blocked))


def mean_wait(agents: int, rate: float, handling: float) -> float:
    """The mean wait in a first-come first-served queue; infinite when it grows for ever."""
    load = rate * handling
    return erlang_c(agents, load) * handling / (agents - load) if load < agents else math.inf


def service_level(agents: int, rate: float, handling: float, within: float) -> float:
    """The share of arrivals that are served within so many seconds."""
    load = rate * handling
    if load >= agents:
        return 0.0
    return 1 - erlang_c(agents, load) * math.exp(-(agents - load) * within / handling)


def agents_for(level: float, rate: float, handling: float, within: float) -> int:
    """The fewest agents with whom this share of arrivals is served within so many seconds."""
    agents = math.floor(rate * handling) + 1
    while service_level(agents, rate, handling, within) < level:
        agents += 1
    return agents


def square_root_staffing(load: float, beta: float) -> float:
    """Load plus a cushion that grows with its square root."""
    return load + beta * math.sqrt(load)


def priority_waits(agents: int, rates: Sequence[float], handling: float) -> list[float]:
    """The mean wait of each class, the first served first and nobody interrupted."""
    total = sum(rates) * handling
    first = erlang_c(agents, total) * handling / agents
    waits, before = [], 0.0
    for rate in rates:
        after = before + rate * handling / agents
        waits.append(first / ((1 - before) * (1 - after)) if after < 1 else math.inf)
        before = after
    return waits


@dataclass(frozen=True)
class Impatient:
    """A line in which people give up: `abandon` is their share, `wait` the mean wait of all, in seconds."""

    abandon: float
    wait: float


def erlang_a(agents: int, rate: float, handling: float, patience: float) -> Impatient:
    """Arrivals wait at most an exponential time of mean `patience`."""
    served, gives_up = 1 / handling, 1 / patience
    weights = [1.0]
    while len(weights) <= agents or weights[-1] > 1e-12 * max(weights):
        n = len(weights)
        weights.append(weights[-1] * rate / (min(n, agents) * served + max(0, n - agents) * gives_up))
    waiting = sum((n - agents) * w for n, w in enumerate(weights) if n > agents) / sum(weights)
    return Impatient(waiting * gives_up / rate, waiting / rate)
