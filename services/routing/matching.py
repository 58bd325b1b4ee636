"""Who gets which case: one pure function, `match`, used by the round, by the explanation on demand and by simulations.

Work-conserving: when it returns, no waiting case has a fitting handler (at its present step of relaxation) with a free
place. Cases are taken in the order T0, T1, vulnerable, others; within that by deadline minus the tier's head start. Of
the handlers that fit, the one whose requirements had to be relaxed least, then the least flexible (the versatile stay
free for what only they can do: domain report 6.6), then the least loaded, then the longest idle.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from .model import Case, Handler
from .policy import Policy, Step
from .presence import absent

Lacking = Literal["busy", "absent", "nobody"]
STRICT = Step(after=0, reason="as required")
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What matching has to know of a case. `excluded` are handlers who may not get it now."""

    complaint_id: UUID
    version: int
    rank: int
    order_at: datetime
    since: datetime
    tier: str
    language: str
    skills: tuple[tuple[str, int], ...]
    excluded: frozenset[str] = frozenset()
    offer: bool = False  # the handler is asked; otherwise the case is given

    @property
    def requirement(self) -> tuple[str, str, tuple[tuple[str, int], ...], bool]:
        """Cases with the same requirement have the same fitting handlers, apart from exclusions."""
        return (self.tier, self.language, self.skills, self.offer)


# A handler who fits, as he stood when the case was looked at: id, step of relaxation, flexibility, load, capacity, and
# since when he was given nothing (milliseconds since 1970, 0 for never). Lower in every number is better.
Candidate = tuple[str, int, int, int, int, int]


@dataclass
class Explanation:
    """Why a case went where it went, or why it waits. `refused` maps a reason to the handlers it kept out."""

    complaint_id: UUID
    step: int
    chosen: str | None
    fitting: list[Candidate]
    refused: dict[str, list[str]]
    lacking: Lacking | None = None

    def document(self) -> dict[str, Any]:
        """JSON for the explanation's row."""
        return {
            "step": self.step,
            "chosen": self.chosen,
            "lacking": self.lacking,
            "fitting": self.fitting,
            "refused": self.refused,
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


@dataclass
class _Group:
    """The handlers for one requirement at one step, least flexible first, and why the others are out."""

    fitting: list[tuple[int, int, Handler]]  # (first step that lets the handler in, flexibility, handler)
    refused: dict[str, list[str]]
    able: frozenset[str]  # who on the staff fits at some step, present or not
    spent: tuple[dict[str, list[str]], Lacking] | None = None  # set once nobody here has a free place: loads only grow


def waiting_of(case: Case, policy: Policy, now: datetime) -> Waiting:
    """The view of a case that matching works on. Stage 2 keeps out everybody who decided before."""
    excluded = {h for h, until in case.exclusions.items() if until > now}.union(case.conflicts)
    if case.stage == 2:
        excluded.update(case.deciders)
    return Waiting(
        complaint_id=case.complaint_id,
        version=case.version,
        rank=case.rank,
        order_at=order_at(case, policy),
        since=case.waiting_since or case.received_at or now,
        tier=policy.tier(case.served_as or case.tier),
        language=case.language,
        skills=tuple((s, m) for s, m in case.skills),
        excluded=frozenset(excluded),
        offer=asked(case.kind, case.stage, case.queue, policy),
    )


def asked(kind: str, stage: int, queue: str, policy: Policy) -> bool:
    """Whether a case is offered: first-stage complaints of queues that ask. Everything else is given."""
    return kind == "complaint" and stage == 1 and policy.mode(queue) == "offer"


def order_at(case: Case, policy: Policy) -> datetime:
    """The time that orders cases of one rank: the deadline (until it is known, the receipt) minus the head start."""
    at = case.due_at or case.received_at or _NEVER
    return at - timedelta(seconds=policy.head_start.get(case.tier, 0.0)) if at != _NEVER else at


def signature(waiting: Waiting, *, told: bool = False) -> str:
    """The requirement with its exclusions as text: rounds take the first cases of each, so none blocks the others.

    Cases already `told` to be unroutable stand apart from those that still have to be looked at.
    """
    skills = ",".join(f"{s}:{m}" for s, m in waiting.skills)
    how = ("|offer" if waiting.offer else "") + ("|told" if told else "")
    return f"{waiting.tier}|{waiting.language}|{skills}|{','.join(sorted(waiting.excluded))}{how}"


def step_of(waiting: Waiting, policy: Policy, now: datetime) -> int:
    """The step of relaxation in force: 0 none, n the n-th of the policy."""
    age = (now - waiting.since).total_seconds()
    return sum(1 for step in policy.relaxation if age >= step.after)


def match(waiting: Sequence[Waiting], handlers: Sequence[Handler], now: datetime, policy: Policy) -> Matched:
    """Assign waiting cases to handlers. Pure: `handlers` carry their present load, nothing is changed."""
    result = Matched()
    places = _Places(handlers, now, policy.open_offers)
    staff = _Staff(handlers, now)
    steps = (STRICT, *policy.relaxation)
    groups: dict[tuple[object, int], _Group] = {}
    for case in sorted(waiting, key=lambda w: (w.rank, w.order_at, w.since, w.complaint_id)):
        step = step_of(case, policy, now)
        key = (case.requirement, step)
        group = groups.get(key)
        if group is None:
            group = groups[key] = staff.group(case, steps, step)
        chosen, explanation = _choose(case, step, group, places)
        result.explanations[case.complaint_id] = explanation
        if chosen is not None:
            places.take(case, chosen[1])
            result.assignments.append(Assignment(case, chosen[1], chosen[0]))
    return result


class _Staff:
    """All handlers of a round as bit sets (bit n: the n-th least flexible), so that a requirement costs a few ANDs."""

    def __init__(self, handlers: Sequence[Handler], now: datetime) -> None:
        self.people = sorted(((flexibility(h), h) for h in handlers), key=lambda pair: (pair[0], pair[1].id))
        self.everybody = (1 << len(self.people)) - 1
        self.leads = self._where(lambda h: h.is_lead)
        self.away: dict[str, int] = {}
        for bit, (_, handler) in enumerate(self.people):
            if why := absent(handler, now):
                self.away[why] = self.away.get(why, 0) | 1 << bit
        self.present = self.everybody & ~sum(self.away.values())
        self._masks: dict[tuple[str, str, int], int] = {}

    def _where(self, test: Callable[[Handler], bool]) -> int:
        return sum(1 << bit for bit, (_, handler) in enumerate(self.people) if test(handler))

    def _mask(self, kind: str, name: str, least: int = 0) -> int:
        found = self._masks.get((kind, name, least))
        if found is None:
            tests: dict[str, Callable[[Handler], bool]] = {
                "language": lambda h: name in h.languages,
                "tier": lambda h: name in h.tiers,
                "skill": lambda h: h.skills.get(name, 0) >= least,
            }
            found = self._masks[kind, name, least] = self._where(tests[kind])
        return found

    def _requirements(self, case: Waiting, step: Step) -> Iterator[tuple[str, int]]:
        """What a step asks besides the language: a reason code, and who satisfies it."""
        if step.tiers != "any":
            yield f"tier:{case.tier}", self._mask("tier", case.tier)
        for skill, minimum in case.skills if step.skills == "all" else case.skills[: step.skills == "primary"]:
            least = max(1, minimum - step.lower)
            yield f"skill:{skill}:{least}", self._mask("skill", skill, least)

    def fit(self, case: Waiting, step: Step) -> int:
        """Who may take the case at this step of relaxation, present or not."""
        fit = self.everybody
        for _, mask in self._requirements(case, step):
            fit &= mask
        return (fit | (self.leads if step.leads else 0)) & self._mask("language", case.language)

    def group(self, case: Waiting, steps: Sequence[Step], present: int) -> _Group:
        """The handlers for the case's requirement when `present` steps of relaxation have begun."""
        fitting: list[tuple[int, int, Handler]] = []
        seen = 0
        for n, step in enumerate(steps[: present + 1]):
            new = self.fit(case, step) & ~seen
            seen |= new
            fitting.extend((n, *self.people[bit]) for bit in _bits(new & self.present))
        able = seen
        for step in steps[present + 1 :]:
            able |= self.fit(case, step)
        refused = dict(self._refusals(case, steps[present], seen))
        return _Group(fitting, refused, frozenset(self._ids(able)))

    def _refusals(self, case: Waiting, step: Step, seen: int) -> Iterator[tuple[str, list[str]]]:
        left = self.everybody & ~seen
        asked = (f"language:{case.language}", self._mask("language", case.language)), *self._requirements(case, step)
        for why, mask in asked:
            if out := left & ~mask:
                yield why, self._ids(out)
            left &= mask
        for why, mask in self.away.items():
            if out := seen & mask:
                yield why, self._ids(out)

    def _ids(self, mask: int) -> list[str]:
        return [self.people[bit][1].id for bit in _bits(mask)]


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Places:
    """How many places and open offers each handler has taken, as the round goes on, and since when he is idle."""

    def __init__(self, handlers: Sequence[Handler], now: datetime, open_offers: int) -> None:
        self.load = {h.id: h.load for h in handlers}
        self.asked = {h.id: h.open_offers for h in handlers}
        self.idle = {h.id: int(h.idle_since.timestamp() * 1000) if h.idle_since else 0 for h in handlers}
        self._now, self._open_offers = int(now.timestamp() * 1000), open_offers

    def lacking(self, case: Waiting, handler: Handler) -> str:
        """Why a handler who fits cannot take the case at this moment, as a reason code; empty when he can."""
        if handler.id in case.excluded:
            return "excluded"
        if self.load[handler.id] >= handler.capacity:
            return "full"
        return "deciding" if case.offer and self.asked[handler.id] >= self._open_offers else ""

    def take(self, case: Waiting, handler: Handler) -> None:
        """The handler is given the case."""
        self.load[handler.id] += 1
        self.asked[handler.id] += case.offer
        self.idle[handler.id] = self._now


def _choose(case: Waiting, step: int, group: _Group, places: _Places) -> tuple[tuple[int, Handler] | None, Explanation]:
    if group.spent is not None and not case.excluded:
        return None, Explanation(case.complaint_id, step, None, [], *group.spent)
    best: tuple[int, Handler] | None = None
    best_key: tuple[int, int, float, int, str] | None = None
    candidates: list[Candidate] = []
    out: dict[str, list[str]] = {}
    for needed, kinds, handler in group.fitting:
        if why := places.lacking(case, handler):
            out.setdefault(why, []).append(handler.id)
            continue
        load, since = places.load[handler.id], places.idle[handler.id]
        candidates.append((handler.id, needed, kinds, load, handler.capacity, since))
        key = (needed, kinds, load / handler.capacity, since, handler.id)
        if best_key is None or key < best_key:
            best, best_key = (needed, handler), key
    refused = {**group.refused, **out} if out else group.refused
    lacking: Lacking | None = None
    if best is None:
        lacking = "busy" if "full" in out or "deciding" in out else "absent" if group.able - case.excluded else "nobody"
        if not case.excluded:
            group.spent = refused, lacking
    chosen = best[1].id if best else None
    return best, Explanation(case.complaint_id, step, chosen, candidates, refused, lacking)


def flexibility(handler: Handler) -> int:
    """How many kinds of case a handler may take: tiers × languages × skills."""
    return max(1, len(handler.tiers)) * max(1, len(handler.languages)) * max(1, len(handler.skills))
