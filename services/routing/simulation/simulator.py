"""A service desk by events: arrivals and ends of work, and `match` whenever somebody is free while somebody waits.

Nothing here decides who gets what: that is the product's own `match`, over the heads of the waiting lines and the
handlers with a free place, which are all that can be chosen at that moment.
"""

import heapq
import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from random import Random
from uuid import UUID

from services.routing.matching import match
from services.routing.model import Handler
from services.routing.policy import Policy
from services.routing.waiting import Waiting

from .scenario import Arrivals, Scenario, Service, Variant

START = datetime(2026, 1, 1, tzinfo=UTC)
RANK = 3  # what is neither a danger nor vulnerable


@dataclass
class Tier:
    """What became of one class of customers; times in seconds, in order of service."""

    waits: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    abandoned: int = 0

    @property
    def n(self) -> int:
        """How many were counted."""
        return len(self.waits) + self.abandoned

    @property
    def mean(self) -> float:
        """Mean wait of the served."""
        return sum(self.waits) / len(self.waits) if self.waits else 0.0

    @property
    def breach(self) -> float:
        """The share that was served after its deadline or gave up after it."""
        return len(self.late) / self.n if self.n else 0.0

    @property
    def mean_late(self) -> float:
        """Mean lateness of the late, in seconds after the deadline."""
        return sum(self.late) / len(self.late) if self.late else 0.0

    def quantile(self, values: Iterable[float], q: float) -> float:
        """A quantile of waits or latenesses; 0 when there are none."""
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


@dataclass
class Outcome:
    """One run: by tier, the busy share of the staff, the longest that anybody waited, and what chance brought."""

    tiers: dict[str, Tier]
    utilisation: float
    oldest: float
    rate: float = 0.0  # arrivals per second and mean work in seconds, as chance had them
    work: float = 0.0

    @property
    def everybody(self) -> Tier:
        """All tiers together."""
        whole = Tier()
        for tier in self.tiers.values():
            whole.waits += tier.waits
            whole.late += tier.late
            whole.abandoned += tier.abandoned
        return whole

    @property
    def fairness(self) -> float:
        """Jain's index of the tiers' mean waits: 1 when all wait alike, 1/n when one waits for all."""
        means = [tier.mean for tier in self.tiers.values() if tier.waits]
        squares = sum(m * m for m in means)
        return sum(means) ** 2 / (len(means) * squares) if squares else 1.0


@dataclass(slots=True)
class _Customer:
    number: int
    kind: Arrivals
    arrived: float
    gives_up: float
    work: float
    waiting: Waiting


class Simulation:
    """One run of one variant at one load with one seed. The arrivals of a seed are the same in every variant."""

    def __init__(self, scenario: Scenario, variant: Variant, load: float, seed: int, policy: Policy) -> None:
        self.scenario, self.variant, self.policy = scenario, variant, policy
        self.handlers = list(_staff(variant))
        self.rate = load * sum(h.capacity for h in self.handlers) / scenario.service.mean
        self._arrivals, self._works, self._moods = Random(seed), Random(seed + 1), Random(seed + 2)
        self._kinds = Random(seed + 3)
        self._lines: dict[Arrivals, deque[_Customer]] = {kind: deque() for kind in variant.classes}
        self._busy: list[tuple[float, int, int]] = []  # (end of work, tie-break, handler)
        self._free = dict(enumerate(self.handlers))
        self._loads = [0] * len(self.handlers)
        self._waiting = 0
        self._tie = count()
        self._worked = self._oldest = 0.0
        self.tiers = {kind.tier: Tier() for kind in variant.classes}

    def run(self) -> Outcome:
        """Let everybody come and be served."""
        now = 0.0
        for customer in self._customers():
            while self._busy and self._busy[0][0] <= customer.arrived:
                self._end_of_work()
            now = customer.arrived
            self._lines[customer.kind].append(customer)
            self._waiting += 1
            self._serve(now)
        came, all_ = now, self.scenario.warm_up + self.scenario.customers
        while self._busy:
            now = self._end_of_work()
        capacity = sum(h.capacity for h in self.handlers)
        return Outcome(self.tiers, self._worked / (now * capacity), self._oldest, all_ / came, self._worked / all_)

    def _customers(self) -> Iterator[_Customer]:
        kinds, shares = self.variant.classes, [kind.share for kind in self.variant.classes]
        now = 0.0
        for number in range(self.scenario.warm_up + self.scenario.customers):
            now += self._arrivals.expovariate(self.rate)
            kind = self._kinds.choices(kinds, shares)[0]
            patience = self.scenario.patience
            gives_up = now + self._moods.expovariate(1 / patience) if patience else math.inf
            work = _work(self.scenario.service, self._works)
            yield _Customer(number, kind, now, gives_up, work, self._view(number, kind, now))

    def _view(self, number: int, kind: Arrivals, now: float) -> Waiting:
        order = self.variant.order
        ahead = kind.deadline if order in ("deadline", "late_last") else 0.0
        tiers = list(dict.fromkeys(k.tier for k in self.variant.classes))
        return Waiting(
            complaint_id=UUID(int=number),
            version=1,
            rank=RANK + (tiers.index(kind.tier) if order == "strict" else 0),
            order_at=_moment(now + ahead - kind.head_start),
            since=_moment(now),
            tier=kind.tier,
            language="en",
            skills=((kind.skill, kind.least),) if kind.skill else (),
        )

    def _end_of_work(self) -> float:
        now, _, n = heapq.heappop(self._busy)
        handler = self.handlers[n]
        self._loads[n] -= 1
        self.handlers[n] = self._free[n] = replace(handler, load=self._loads[n], idle_since=_moment(now))
        self._serve(now)
        return now

    def _serve(self, now: float) -> None:
        while self._waiting and self._free:
            heads = self._heads(now)
            if not heads:
                return
            places = {h.id: n for n, h in self._free.items()}
            views = [self._ordered(c, now) for c in heads]
            chosen = match(views, list(self._free.values()), _moment(now), self.policy, explain=False).assignments
            if not chosen:
                return
            by_id = {c.waiting.complaint_id: c for c in heads}
            for one in chosen:
                self._begin(by_id[one.case.complaint_id], places[one.handler.id], now)

    def _heads(self, now: float) -> list[_Customer]:
        """Of each line as many as could be served at once; within a line nobody overtakes but by being late."""
        heads: list[_Customer] = []
        room = sum(h.capacity - self._loads[n] for n, h in self._free.items())
        for kind, line in self._lines.items():
            while line and line[0].gives_up <= now:
                self._gave_up(line.popleft())
            if self.scenario.patience:
                for gone in [c for c in islice(line, room) if c.gives_up <= now]:
                    line.remove(gone)
                    self._gave_up(gone)
            heads += islice(line, room)
            if self.variant.order == "late_last":
                heads += islice((c for c in line if c.arrived + kind.deadline >= now), room)
        return list({c.number: c for c in heads}.values())

    def _ordered(self, customer: _Customer, now: float) -> Waiting:
        if self.variant.order == "accumulating":
            return replace(customer.waiting, order_at=_moment(now - customer.kind.slope * (now - customer.arrived)))
        if self.variant.order == "late_last" and now > customer.arrived + customer.kind.deadline:
            return replace(customer.waiting, rank=RANK + 1)
        return customer.waiting

    def _begin(self, customer: _Customer, n: int, now: float) -> None:
        self._lines[customer.kind].remove(customer)
        self._waiting -= 1
        handler = self.handlers[n]
        self._loads[n] += 1
        if self._loads[n] >= handler.capacity:
            del self._free[n]
        else:
            self.handlers[n] = self._free[n] = replace(handler, load=self._loads[n])
        heapq.heappush(self._busy, (now + customer.work, next(self._tie), n))
        self._worked += customer.work
        if customer.number >= self.scenario.warm_up:
            tier = self.tiers[customer.kind.tier]
            wait = now - customer.arrived
            tier.waits.append(wait)
            if wait > customer.kind.deadline:
                tier.late.append(wait - customer.kind.deadline)
            self._oldest = max(self._oldest, wait)

    def _gave_up(self, customer: _Customer) -> None:
        self._waiting -= 1
        if customer.number >= self.scenario.warm_up:
            tier = self.tiers[customer.kind.tier]
            tier.abandoned += 1
            if (over := customer.gives_up - customer.arrived - customer.kind.deadline) > 0:
                tier.late.append(over)


def _staff(variant: Variant) -> Iterator[Handler]:
    numbers = count(1)
    for group in variant.handlers:
        for n in islice(numbers, group.count):
            yield Handler(
                id=f"h{n:03}", name=f"Handler {n}", role_title="handler", contact="", tiers=frozenset(group.tiers),
                skills=dict(group.skills), languages=frozenset({"en"}), capacity=group.capacity, presence="available",
            )  # fmt: skip


def _work(service: Service, chance: Random) -> float:
    if service.distribution == "constant":
        return service.mean
    if service.distribution == "exponential":
        return chance.expovariate(1 / service.mean)
    spread = math.sqrt(math.log(1 + service.cv**2))
    return chance.lognormvariate(math.log(service.mean) - spread**2 / 2, spread)


def _moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def bare_policy(scenario: Scenario) -> Policy:
    """A policy without relaxation: a scenario's own skills and tiers are all that counts."""
    tiers = tuple(dict.fromkeys(kind.tier for variant in scenario.variants for kind in variant.classes))
    return Policy.model_validate(
        {
            "name": scenario.name,
            "version": 1,
            "queues": {"all": {}},
            "tiers": tiers,
            "causes": {"unknown": {"queue": "all"}},
            "messages": {"queue": "all"},
        }
    )


def simulate(scenario: Scenario, variant: Variant, load: float) -> Outcome:
    """All seeds of one variant at one load, put together."""
    policy = bare_policy(scenario)
    outcomes = [Simulation(scenario, variant, load, seed, policy).run() for seed in scenario.seeds]
    whole = outcomes[0]
    for other in outcomes[1:]:
        for name, tier in other.tiers.items():
            mine = whole.tiers[name]
            mine.waits += tier.waits
            mine.late += tier.late
            mine.abandoned += tier.abandoned
        whole.oldest = max(whole.oldest, other.oldest)
    whole.utilisation = sum(o.utilisation for o in outcomes) / len(outcomes)
    return whole
