"""The house's routing policy: data, read once, checked when read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.events.routing import SkillNeed


class PolicyError(ValueError):
    """The policy file cannot be used; the message names the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueueRule(_Strict):
    mode: Literal["push", "offer"] = "push"
    live: float | None = Field(None, gt=0, description="Seconds of an offer on a live channel, instead of the default")
    written: float | None = Field(None, gt=0, description="Seconds of an offer of written work")


class OfferSeconds(_Strict):
    live: float = Field(30, gt=0)
    written: float = Field(900, gt=0)


class Demand(_Strict):
    """A queue and the skills that a cause needs, the primary one first."""

    queue: str
    skills: dict[str, int] = {}


class When(_Strict):
    trigger: Literal["T0", "T1", "T2"] | None = None
    vulnerable: bool | None = None
    tier: str | None = None


class Raise(_Strict):
    when: When
    queue: str | None = None
    more: int = 0


class Step(_Strict):
    """One step of relaxation, in force once a case has waited `after` seconds."""

    after: float = Field(ge=0)
    reason: str
    lower: int = 0
    skills: Literal["all", "primary", "none"] = "all"
    leads: bool = False
    tiers: Literal["eligible", "any"] = "eligible"
    authority: Literal["kept", "any"] = "kept"


class Exclude(_Strict):
    declined: float = 86400
    expired: float = 900
    reassigned: float = 86400


class Closing(_Strict):
    """Calendar days until a case ends by itself; 0: never. `no_answer` counts from the last of so many reminders."""

    resolved: float = Field(14, ge=0)
    final: float = Field(30, ge=0)
    withdrawn: float = Field(7, ge=0)
    no_answer: float = Field(14, ge=0)
    reminders: int = Field(2, ge=1)


class TellFirst(_Strict):
    """Where the customer hears the preliminary solution before it is decided; each line is a condition of its own.

    `tries`: after so many contacts in which nobody was reached it may be decided without.
    """

    when: tuple[When, ...] = ()
    causes: tuple[str, ...] = ()
    tries: int = Field(3, ge=1)

    def holds(self, *, cause: str, tier: str, triggers: Sequence[tuple[str, str]], vulnerable: bool) -> bool:
        """Whether this case is one of those."""
        levels = frozenset(level for level, _ in triggers)
        fits = any(_fits(w, tier=tier, levels=levels, vulnerable=vulnerable) for w in self.when)
        return fits or cause in self.causes


class Weights(_Strict):
    """How many places of a handler's capacity a case takes: the largest that applies, otherwise 1."""

    severity: Mapping[str, Annotated[int, Field(ge=1, le=20)]] = {}
    causes: dict[str, Annotated[int, Field(ge=1, le=20)]] = {}
    messages: int = Field(1, ge=1, le=20)


class Stickiness(_Strict):
    """Who had the customer's last case goes before others who fit, while he is not loaded beyond `below`."""

    days: float = Field(180, ge=0, description="After so long he counts as a stranger; 0 turns it off")
    below: float = Field(0.8, ge=0, le=1, description="The share of his capacity up to which he is not overloaded")


class Overload(_Strict):
    """Above this load tiers are served strictly, but nobody who waits longer than the cap is overtaken by a tier."""

    above: float = Field(1.2, gt=0, description="Taken places and waiting cases by the places of who is present")
    starvation_cap: float = Field(7200, gt=0)


class UnroutableAfter(_Strict):
    nobody: float = 10
    absent: float = 900


class Policy(_Strict):
    """All of it. Durations are seconds."""

    name: str
    version: int
    queues: dict[str, QueueRule]
    tiers: tuple[str, ...] = Field(("top", "high", "middle", "low"), min_length=1, description="The highest first")
    offer_seconds: OfferSeconds = OfferSeconds()
    live_channels: tuple[str, ...] = ("hotline", "counter", "chat")
    causes: dict[str, Demand]
    messages: Demand
    raises: tuple[Raise, ...] = ()
    head_start: dict[str, Annotated[float, Field(ge=0)]] = {}
    overload: Overload | None = None
    weights: Weights = Weights()
    stickiness: Stickiness = Stickiness()
    authority_levels: tuple[Annotated[Decimal, Field(gt=0)], ...] = Field(
        (), description="The limits that the house gives: an amount asks for the authority of the next one"
    )
    relaxation: tuple[Step, ...] = ()
    exclude: Exclude = Exclude()
    closing: Closing = Closing()
    tell_first: TellFirst = TellFirst()
    open_offers: int = Field(3, ge=1, description="Offers that one handler has to answer at a time, at most")
    expired_offers_set_away: int = Field(3, ge=1)
    unroutable_after: UnroutableAfter = UnroutableAfter()
    candidates_per_signature: int = Field(50, ge=1)
    round_idle_seconds: float = Field(1.0, gt=0)
    thread_above: int = Field(5000, ge=0, description="Pairs of cases and handlers above which a round uses a thread")

    @model_validator(mode="after")
    def _whole(self) -> "Policy":
        if "unknown" not in self.causes:
            raise ValueError("causes has no entry 'unknown'")
        named = [d.queue for d in (*self.causes.values(), self.messages)] + [r.queue for r in self.raises if r.queue]
        if missing := sorted(set(named) - set(self.queues)):
            raise ValueError(f"queues has no entry for {', '.join(missing)}")
        if [s.after for s in self.relaxation] != sorted(s.after for s in self.relaxation):
            raise ValueError("relaxation steps are not in the order of their times")
        if list(self.authority_levels) != sorted(set(self.authority_levels)):
            raise ValueError("authority_levels do not rise")
        if missing := sorted({*self.head_start} - {*self.tiers}):
            raise ValueError(f"head_start names {', '.join(missing)}, which tiers do not")
        if missing := sorted({*self.weights.causes} - {*self.causes}):
            raise ValueError(f"weights names {', '.join(missing)}, which causes do not")
        if missing := sorted({*self.weights.severity} - {"P1", "P2", "P3", "P4"}):
            raise ValueError(f"weights names the severity {', '.join(missing)}; there are P1 to P4")
        return self

    def offer_for(self, queue: str, channel: str) -> float:
        """How long an offer of this queue stays open."""
        rule = self.queues.get(queue, QueueRule())
        if channel in self.live_channels:
            return rule.live or self.offer_seconds.live
        return rule.written or self.offer_seconds.written

    def tier(self, name: str) -> str:
        """The tier by which a case is served: the customer's, or the lowest when the house does not know that one."""
        return name if name in self.tiers else self.tiers[-1]

    def weight(self, *, kind: str, severity: str, cause: str) -> int:
        """How many places a case takes."""
        if kind != "complaint":
            return self.weights.messages
        return max(self.weights.severity.get(severity, 1), self.weights.causes.get(cause, 1))

    def authority(self, value: str | None) -> tuple[str, Decimal | None] | None:
        """The currency and level of authority that an amount asks for, None above the highest level.

        An amount without a currency asks for nothing: it cannot be compared.
        """
        number, _, currency = (value or "").partition(" ")
        if not currency or not self.authority_levels:
            return None
        amount = Decimal(number)
        return currency, next((level for level in self.authority_levels if level >= amount), None)

    def mode(self, queue: str) -> Literal["push", "offer"]:
        """Whether handlers of the queue are asked or given."""
        return self.queues.get(queue, QueueRule()).mode


@dataclass(frozen=True)
class Needed:
    """Where a case goes and what its handler must be able to do."""

    queue: str
    skills: tuple[SkillNeed, ...]
    decided_by: tuple[str, ...]


def demand(policy: Policy, *, cause: str, tier: str, levels: frozenset[str], vulnerable: bool) -> Needed:
    """The queue and skills of a cause, raised by trigger, vulnerability or tier."""
    base = policy.causes.get(cause) or policy.causes["unknown"]
    queue, more, why = base.queue, 0, [f"policy:cause:{cause}"]
    for rule in policy.raises:
        if _fits(rule.when, tier=tier, levels=levels, vulnerable=vulnerable):
            queue, more = rule.queue or queue, rule.more
            why.append(
                "policy:raise:" + ",".join(f"{k}={v}" for k, v in rule.when.model_dump(exclude_none=True).items())
            )
            break
    skills = tuple(SkillNeed(skill=s, minimum=min(5, m + more)) for s, m in base.skills.items())
    return Needed(queue, skills, tuple(why))


def _fits(when: When, *, tier: str, levels: frozenset[str], vulnerable: bool) -> bool:
    return (
        (when.trigger is None or when.trigger in levels)
        and (when.vulnerable is None or when.vulnerable == vulnerable)
        and (when.tier is None or when.tier == tier)
    )


def parse(document: Any, origin: str) -> Policy:
    """A checked policy. Raises PolicyError with the file and the place."""
    try:
        return Policy.model_validate(document)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or "file"
        raise PolicyError(f"{origin}: {where}: {first['msg']}") from None


def load(path: Path | None = None) -> Policy:
    """The policy of a file, or the house's own. Raises PolicyError."""
    origin = str(path) if path else "house.yaml"
    try:
        text = (
            path.read_text("utf-8") if path else (files("services.routing") / "data" / "house.yaml").read_text("utf-8")
        )
        document: Mapping[str, Any] = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as problem:
        raise PolicyError(f"{origin}: {' '.join(str(problem).split())}") from None
    return parse(document, origin)
