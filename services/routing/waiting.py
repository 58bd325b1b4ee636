"""A waiting case as matching sees it: what it asks of a handler, and where it stands in the order."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from .model import Case
from .policy import Policy

_NEVER = datetime.min.replace(tzinfo=UTC)
Authority = tuple[str, Decimal | None]  # currency, level; None: above every level
Requirement = tuple[str, str, tuple[tuple[str, int], ...], bool, int, Authority | None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What matching has to know of a case. `excluded` are handlers who may not get it now, `last` is who was
    given the customer's last case and when, `weight` how many places it takes."""

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
    weight: int = 1
    authority: Authority | None = None
    last: str | None = None
    last_at: datetime | None = None

    @property
    def requirement(self) -> Requirement:
        """Cases with the same requirement have the same fitting handlers, apart from exclusions."""
        return (self.tier, self.language, self.skills, self.offer, self.weight, self.authority)


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
        weight=policy.weight(kind=case.kind, severity=case.severity, cause=case.cause),
        authority=policy.authority(case.value_at_stake),
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
    money = f"|{waiting.authority[0]}{waiting.authority[1] or '+'}" if waiting.authority else ""
    size = f"|x{waiting.weight}" if waiting.weight != 1 else ""
    how = money + size + ("|offer" if waiting.offer else "") + ("|told" if told else "")
    return f"{waiting.tier}|{waiting.language}|{skills}|{','.join(sorted(waiting.excluded))}{how}"


def step_of(waiting: Waiting, policy: Policy, now: datetime) -> int:
    """The step of relaxation in force: 0 none, n the n-th of the policy."""
    age = (now - waiting.since).total_seconds()
    return sum(1 for step in policy.relaxation if age >= step.after)
