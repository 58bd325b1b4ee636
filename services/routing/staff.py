"""The staff of a round as bit sets, so that what a case requires costs a few ANDs and not a look at everybody."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from .model import Handler
from .policy import Step
from .presence import absent
from .waiting import Waiting

Lacking = Literal["busy", "absent", "nobody"]
Fitting = tuple[int, int, Handler]  # the first step that lets the handler in, flexibility, handler


@dataclass(frozen=True)
class Group:
    """The handlers for one requirement at one step, as bit sets."""

    fitting: tuple[int, ...]  # for each step who is let in by it first, of those who are present
    seen: int  # who fits at a step that has begun, present or not
    able: int  # who on the staff fits at some step, present or not
    refused: dict[str, list[str]] = field(default_factory=dict)


class Staff:
    """All handlers of a round; bit n is the n-th least flexible."""

    def __init__(self, handlers: Sequence[Handler], now: datetime) -> None:
        self.people = sorted(((flexibility(h), h) for h in handlers), key=lambda pair: (pair[0], pair[1].id))
        self.everybody = (1 << len(self.people)) - 1
        self.away: dict[str, int] = {}
        for bit, (_, handler) in enumerate(self.people):
            if why := absent(handler, now):
                self.away[why] = self.away.get(why, 0) | 1 << bit
        self.present = self.everybody & ~sum(self.away.values())
        self._masks: dict[tuple[object, ...], int] = {}
        self._named: dict[int, list[str]] = {}

    def _where(self, test: Callable[[Handler], bool]) -> int:
        return sum(1 << bit for bit, (_, handler) in enumerate(self.people) if test(handler))

    def _mask(self, *key: object) -> int:
        found = self._masks.get(key)
        if found is None:
            found = self._masks[key] = self._where(_test(*key))
        return found

    def _requirements(self, case: Waiting, step: Step) -> Iterator[tuple[str, int]]:
        """What a step asks that a lead may be excused from: a reason code, and who satisfies it."""
        if step.tiers != "any":
            yield f"tier:{case.tier}", self._mask("tier", case.tier)
        for skill, least in asked_skills(case.skills, step):
            yield f"skill:{skill}:{least}", self._mask("skill", skill, least)

    def _always(self, case: Waiting, step: Step) -> Iterator[tuple[str, int]]:
        """What a step asks of everybody."""
        yield f"language:{case.language}", self._mask("language", case.language)
        if case.authority and step.authority != "any":
            currency, level = case.authority
            yield f"authority:{currency}:{level or ''}", self._mask("authority", currency, level)

    def fit(self, case: Waiting, step: Step) -> int:
        """Who may take the case at this step of relaxation, present or not."""
        fit = self.everybody
        for _, mask in self._requirements(case, step):
            fit &= mask
        fit |= self._mask("lead") if step.leads else 0
        for _, mask in self._always(case, step):
            fit &= mask
        return fit

    def group(self, case: Waiting, steps: Sequence[Step], present: int) -> Group:
        """The handlers for the case's requirement when `present` steps of relaxation have begun."""
        fitting: list[int] = []
        seen = 0
        for step in steps[: present + 1]:
            new = self.fit(case, step) & ~seen
            seen |= new
            fitting.append(new & self.present)
        able = seen
        for step in steps[present + 1 :]:
            able |= self.fit(case, step)
        return Group(tuple(fitting), seen, able)

    def refusals(self, case: Waiting, group: Group, step: Step) -> dict[str, list[str]]:
        """Why the others are out, whatever their load: a reason code and whom it keeps out."""
        if not group.refused:
            group.refused.update(self._refusals(case, step, group.seen))
        return group.refused

    def named(self, fitting: tuple[int, ...]) -> dict[str, Fitting]:
        """The handlers of a group by id."""
        found: dict[str, Fitting] = {}
        for n, mask in enumerate(fitting):
            for kinds, handler in map(self.people.__getitem__, _bits(mask)):
                found[handler.id] = (n, kinds, handler)
        return found

    def _refusals(self, case: Waiting, step: Step, seen: int) -> Iterator[tuple[str, list[str]]]:
        left = self.everybody & ~seen
        for why, mask in (*self._always(case, step), *self._requirements(case, step)):
            if out := left & ~mask:
                yield why, self.ids(out)
            left &= mask
        for why, mask in self.away.items():
            if out := seen & mask:
                yield why, self.ids(out)

    def ids(self, mask: int) -> list[str]:
        """Whose bits are set. Not to be changed: the same set gives the same list."""
        found = self._named.get(mask)
        if found is None:
            found = self._named[mask] = [self.people[bit][1].id for bit in _bits(mask)]
        return found


def asked_skills(skills: Sequence[tuple[str, int]], step: Step) -> list[tuple[str, int]]:
    """The skills with the proficiency that a step still asks for; the first one is the primary."""
    kept = skills if step.skills == "all" else skills[: step.skills == "primary"]
    return [(skill, max(1, minimum - step.lower)) for skill, minimum in kept]


def asks(case: Waiting, step: Step) -> dict[str, Callable[[Handler], bool]]:
    """What a step of relaxation asks of a handler besides the language, as people read it, and who meets it."""
    asked = {f"{s}>={m}": _test("skill", s, m) for s, m in asked_skills(case.skills, step)}
    if step.tiers != "any":
        asked[f"tier {case.tier}"] = _test("tier", case.tier)
    if case.authority and step.authority != "any":
        currency, level = case.authority
        asked[f"authority {currency} {level or 'without limit'}"] = _test("authority", currency, level)
    return asked


def flexibility(handler: Handler) -> int:
    """How many kinds of case a handler may take: tiers × languages × skills."""
    return max(1, len(handler.tiers)) * max(1, len(handler.languages)) * max(1, len(handler.skills))


def may_grant(handler: Handler, currency: str, level: Decimal | None) -> bool:
    """Whether a handler's authority reaches a level; nothing said means no limit, another currency nothing."""
    if not handler.authority:
        return True
    return level is not None and Decimal(handler.authority.get(currency, "0")) >= level


def _test(kind: object, *what: object) -> Callable[[Handler], bool]:
    match kind, *what:
        case ("lead",):
            return lambda h: h.is_lead
        case "language", name:
            return lambda h: name in h.languages
        case "tier", name:
            return lambda h: name in h.tiers
        case "skill", str(name), int(least):
            return lambda h: h.skills.get(name, 0) >= least
        case "authority", str(currency), (Decimal() | None) as level:
            return lambda h: may_grant(h, currency, level)
    raise AssertionError(kind)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
