"""Who gets which case: one pure function, `match`, used by the round, by the explanation on demand and by simulations.

Work-conserving: when it returns, no waiting case has a fitting handler (at its present step of relaxation) with room
for it. Cases are taken in the order T0, T1, vulnerable, others; within that by deadline minus the tier's head start,
or tier by tier when there is too much work (policy.Overload). Of the handlers that fit, the one whose requirements had
to be relaxed least, then who had the customer's last case, then the least flexible (the versatile stay free for what
only they can do: domain report 6.6), then the least loaded, then the longest idle.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from .model import Handler
from .policy import Policy, Step
from .staff import Fitting, Group, Lacking, Staff
from .waiting import Requirement, Waiting, step_of

STRICT = Step(after=0, reason="as required")

# A handler who fits, as he stood when the case was looked at: id, step of relaxation, flexibility, load, capacity, and
# since when he was given nothing (milliseconds since 1970, 0 for never). Lower in every number is better.
Candidate = tuple[str, int, int, int, int, int]
_Key = tuple[int, int, float, int]  # by what handlers are compared: step, flexibility, load, idle since


@dataclass
class Explanation:
    """Why a case went where it went, or why it waits. `refused` maps a reason to the handlers it kept out."""

    complaint_id: UUID
    step: int
    chosen: str | None
    fitting: list[Candidate]
    refused: dict[str, list[str]]
    lacking: Lacking | None = None
    last: tuple[str, datetime | None] | None = None  # who knows the customer, and since when

    def document(self) -> dict[str, Any]:
        """JSON for the explanation's row."""
        return {
            "step": self.step,
            "chosen": self.chosen,
            "lacking": self.lacking,
            "fitting": self.fitting,
            "refused": self.refused,
            **({"last": self.last} if self.last else {}),
        }


@dataclass(frozen=True, slots=True)
class Assignment:
    """One case for one handler; `step` is the step of relaxation that was needed (0: none)."""

    case: Waiting
    handler: Handler
    step: int


@dataclass
class Matched:
    """The result of a round; every case that was looked at has an explanation."""

    assignments: list[Assignment] = field(default_factory=list)
    explanations: dict[UUID, Explanation] = field(default_factory=dict)


def match(
    waiting: Sequence[Waiting],
    handlers: Sequence[Handler],
    now: datetime,
    policy: Policy,
    *,
    backlog: int = 0,
    explain: bool = True,
) -> Matched:
    """Assign waiting cases to handlers. Pure: `handlers` carry their present load, nothing is changed.

    `backlog`: how many cases wait in all, when `waiting` holds only the first ones. Without `explain` the result says
    who gets what, and not why.
    """
    result = Matched()
    staff = Staff(handlers, now)
    places = _Places(handlers, now, policy)
    steps = (STRICT, *policy.relaxation)
    groups: dict[tuple[Requirement, int], Group] = {}
    lines: dict[tuple[object, ...], _Line] = {}
    for case in in_order(waiting, policy, now, strict=overloaded(staff, max(backlog, len(waiting)), policy)):
        step = step_of(case, policy, now)
        key = (case.requirement, step)
        group = groups.get(key)
        if group is None:
            group = groups[key] = staff.group(case, steps, step)
        same = (group.fitting, case.weight, case.offer)
        line = lines.get(same)
        if line is None:
            line = lines[same] = _Line(case, staff.named(group.fitting), places)
        chosen = line.choose(case)
        if explain:
            why = line.explained(case, step, staff.refusals(case, group, steps[step]), chosen)
            if chosen is None:
                why.lacking = "busy" if line.busy(case) else _missing(staff.ids(group.able), case)
            result.explanations[case.complaint_id] = why
        if chosen is not None:
            places.take(case, chosen[2])
            result.assignments.append(Assignment(case, chosen[2], chosen[0]))
    return result


def overloaded(staff: Staff, backlog: int, policy: Policy) -> bool:
    """Whether taken places and waiting cases exceed the places of who is present by more than the policy's limit."""
    if policy.overload is None:
        return False
    present = [h for bit, (_, h) in enumerate(staff.people) if staff.present >> bit & 1]
    places = sum(h.capacity for h in present)
    return sum(h.load for h in present) + backlog > policy.overload.above * places


def in_order(waiting: Sequence[Waiting], policy: Policy, now: datetime, *, strict: bool) -> list[Waiting]:
    """The order of service. `strict`: by tiers, but who waits longer than the starvation cap before all of these."""
    if not strict or policy.overload is None:
        return sorted(waiting, key=lambda w: (w.rank, w.order_at, w.since, w.complaint_id))
    cap, tiers = policy.overload.starvation_cap, {tier: n for n, tier in enumerate(policy.tiers)}

    def key(w: Waiting) -> tuple[int, int, datetime, datetime, UUID]:
        starved = (now - w.since).total_seconds() >= cap
        return (w.rank, -1 if starved else tiers.get(w.tier, len(tiers)), w.order_at, w.since, w.complaint_id)

    return sorted(waiting, key=key)


class _Places:
    """How many places and open offers each handler has taken, as the round goes on, and since when he is idle."""

    def __init__(self, handlers: Sequence[Handler], now: datetime, policy: Policy) -> None:
        self.load = {h.id: h.load for h in handlers}
        self.asked = {h.id: h.open_offers for h in handlers}
        self.idle = {h.id: int(h.idle_since.timestamp() * 1000) if h.idle_since else 0 for h in handlers}
        self.held: set[str] = set()
        self.changed: list[str] = []  # whose place has changed, in order
        self._now, self._open_offers = int(now.timestamp() * 1000), policy.open_offers
        self._sticky = policy.stickiness.below if policy.stickiness.days else -1.0

    def lacking(self, case: Waiting, handler: Handler) -> str:
        """Why a handler who fits has no place for such a case at this moment, as a reason code; empty when he has.

        A case that is heavier than all places of a handler is for one who has nothing.
        """
        load = self.load[handler.id]
        if load >= handler.capacity:
            return "full"
        if load and load + case.weight > handler.capacity:
            return f"room:{case.weight}"
        if handler.id in self.held:
            return "held"
        return "deciding" if case.offer and self.asked[handler.id] >= self._open_offers else ""

    def knows(self, case: Waiting, handler: Handler) -> bool:
        """Whether he had the customer's last case and is not overloaded."""
        return handler.id == case.last and self.load[handler.id] < self._sticky * handler.capacity

    def take(self, case: Waiting, handler: Handler) -> None:
        """The handler is given the case."""
        self.load[handler.id] += case.weight
        self.asked[handler.id] += case.offer
        self.idle[handler.id] = self._now
        self.changed.append(handler.id)

    def hold(self, handler: Handler) -> None:
        """What room he has grows until a heavy case fits in."""
        self.held.add(handler.id)
        self.changed.append(handler.id)


class _Line:
    """Cases that ask for the same handlers, and who may have them.

    Within a round loads only grow, so who has no place once will not get one, and a handler's key can only get worse:
    the heap's first is the best once it is up to date.
    """

    def __init__(self, like: Waiting, fitting: dict[str, Fitting], places: _Places) -> None:
        self.like, self.fitting, self.places = like, fitting, places
        self.free: dict[str, Candidate] = {}
        self.out: dict[str, list[str]] = {}
        self._holds = False
        self._final: dict[int, dict[str, list[str]]] = {}
        self._seen = len(places.changed)
        for handler_id in fitting:
            self._look(handler_id)
        self._heap = [(self._key(handler_id), handler_id) for handler_id in self.free]
        heapq.heapify(self._heap)

    def _look(self, handler_id: str) -> None:
        needed, kinds, handler = self.fitting[handler_id]
        if why := self.places.lacking(self.like, handler):
            self.free.pop(handler_id, None)
            self.out.setdefault(why, []).append(handler_id)
        else:
            load, since = self.places.load[handler_id], self.places.idle[handler_id]
            self.free[handler_id] = (handler_id, needed, kinds, load, handler.capacity, since)

    def _key(self, handler_id: str) -> _Key:
        _, needed, kinds, load, capacity, since = self.free[handler_id]
        return (needed, kinds, load / capacity, since)

    def choose(self, case: Waiting) -> Fitting | None:
        """The best handler for a case of this line at this moment."""
        for handler_id in self.places.changed[self._seen :]:
            if handler_id in self.free:
                self._look(handler_id)
        self._seen = len(self.places.changed)
        best = self._best(case.excluded)
        if best is None:
            if case.weight > 1:
                self._hold(case)
            return None
        return best if case.last is None else self._known(case, best)

    def explained(self, case: Waiting, step: int, others: dict[str, list[str]], chosen: Fitting | None) -> Explanation:
        """Why the handler was chosen, or nobody. `others`: who is out whatever his load."""
        fitting = [c for c in self.free.values() if c[0] not in case.excluded] if chosen else []
        knows = (case.last, case.last_at) if case.last else None
        who = chosen[2].id if chosen else None
        return Explanation(case.complaint_id, step, who, fitting, self._refused(case, others), None, knows)

    def _best(self, excluded: frozenset[str]) -> Fitting | None:
        heap, aside = self._heap, []
        found: Fitting | None = None
        while heap and found is None:
            key, handler_id = heap[0]
            if handler_id not in self.free:
                heapq.heappop(heap)
            elif handler_id in excluded:
                aside.append(heapq.heappop(heap))
            elif (now := self._key(handler_id)) != key:
                heapq.heapreplace(heap, (now, handler_id))
            else:
                found = self.fitting[handler_id]
        for entry in aside:
            heapq.heappush(heap, entry)
        return found

    def _known(self, case: Waiting, best: Fitting) -> Fitting:
        """Of those for whom no more was relaxed, who knows the customer goes before the others."""
        last = self.fitting.get(case.last or "")
        if last is None or last[0] > best[0] or case.last not in self.free or case.last in case.excluded:
            return best
        return last if self.places.knows(case, last[2]) else best

    def _hold(self, case: Waiting) -> None:
        """Nobody has room enough for a heavy case: who has most keeps it until the case fits. One a line."""
        if self._holds:
            return
        self._holds = True
        small = [self.fitting[i][2] for i in self.out.get(f"room:{case.weight}", ()) if i not in case.excluded]
        if small := [h for h in small if h.id not in self.places.held]:
            self.places.hold(max(small, key=lambda h: (h.capacity - self.places.load[h.id], h.id)))

    def _refused(self, case: Waiting, others: dict[str, list[str]]) -> dict[str, list[str]]:
        if case.excluded.isdisjoint(self.fitting):
            return self._plainly(others)
        kept = {why: [i for i in ids if i not in case.excluded] for why, ids in self.out.items()}
        own = sorted(case.excluded & self.fitting.keys())
        return {**others, **{why: ids for why, ids in kept.items() if ids}, "excluded": own}

    def _plainly(self, others: dict[str, list[str]]) -> dict[str, list[str]]:
        if not self.out:
            return others
        found = self._final.get(id(others))
        if found is None:
            found = {**others, **{why: [*ids] for why, ids in self.out.items()}}
            if not self.free:  # it stays like that
                self._final[id(others)] = found
        return found

    def busy(self, case: Waiting) -> bool:
        """Whether somebody fits who has no place only now."""
        return any(i not in case.excluded for ids in self.out.values() for i in ids)


def _missing(able: Sequence[str], case: Waiting) -> Lacking:
    return "nobody" if case.excluded.issuperset(able) else "absent"
