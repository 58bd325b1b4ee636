"""Remedies that the house's rules propose for a case. The rules are data (remedy_rules.yaml); a person decides."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.events.common import Cause, RemedyClass, Severity, Text

from .policy import PolicyError

Step = Literal["apology", "put_back", "loss", "symbolic", "improve"]
STEPS: tuple[Step, ...] = get_args(Step)
_COUNTED = Literal["days_late", "days_without"]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(Strict):
    """All that is given must hold; numbers are the least that counts."""

    upheld: bool | None = None
    wanted: tuple[str, ...] = ()
    cause: tuple[Cause, ...] = ()
    severity: tuple[Severity, ...] = ()
    loss: Decimal | None = None
    days_late: int | None = None
    days_without: int | None = None
    vulnerable: bool | None = None
    repeated: bool | None = None


class Amount(Strict):
    """How a sum is reckoned, by currency: the loss, or a base and so much for each day, never above the cap."""

    loss: bool = False
    base: dict[str, Decimal] = {}
    per: dict[_COUNTED, dict[str, Decimal]] = {}
    cap: dict[str, Decimal] = {}


class Rule(Strict):
    id: str
    step: Step
    when: When
    type: str
    remedy_class: RemedyClass = Field(alias="class")
    amount: Amount | None = None
    approval: bool = False
    why: Text


class Rules(Strict):
    version: str
    factors: dict[Literal["vulnerable", "repeated", "own_part"], Decimal] = {}
    round_to: dict[str, Decimal] = {}
    rules: tuple[Rule, ...]


class Situation(Strict):
    """What the rules look at. `loss` is the proven loss in `currency`; days are whole days."""

    upheld: bool
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    cause: Cause = "unknown"
    severity: Severity = "P3"
    wanted: str | None = Field(None, max_length=40)
    loss: Decimal = Field(Decimal(0), ge=0, max_digits=14, decimal_places=2)
    days_late: int = Field(0, ge=0, le=10_000)
    days_without: int = Field(0, ge=0, le=10_000)
    vulnerable: bool = False
    repeated: bool = False
    own_part: bool = Field(False, description="The customer had a part in the harm")


class Proposal(BaseModel):
    """One remedy that a rule proposes, and why. `needs_approval`: above the authority asked about, or always."""

    rule: str
    step: Step
    type: str
    remedy_class: RemedyClass
    amount: Decimal | None
    currency: str | None
    needs_approval: bool
    why: Text


def load(path: Path | None = None) -> Rules:
    """The rules in this file, or the house's. Raises PolicyError with one line."""
    source = path if path else files("services.notifier") / "data" / "remedy_rules.yaml"
    try:
        return Rules.model_validate(yaml.safe_load(source.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as problem:
        raise PolicyError(f"{source}: {' '.join(str(problem).split())}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise PolicyError(f"{source}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def propose(rules: Rules, at: Situation, authority: Mapping[str, Decimal]) -> list[Proposal]:
    """What fits, in the order of thought: apology, put back, loss, symbolic sum, improvement.

    `authority` is the largest sum by currency that whoever decides may grant alone; all proposed sums count together.
    A rule whose sum is not defined in the currency, or comes to nothing, proposes nothing.
    """
    out: list[Proposal] = []
    total, limit = Decimal(0), authority.get(at.currency, Decimal(0))
    for rule in sorted(rules.rules, key=lambda r: STEPS.index(r.step)):
        if not fits(rule.when, at):
            continue
        sum_ = reckon(rules, rule, at) if rule.amount else None
        if rule.amount and not sum_:
            continue
        total += sum_ or 0
        out.append(
            Proposal(
                rule=rule.id, step=rule.step, type=rule.type, remedy_class=rule.remedy_class, amount=sum_,
                currency=at.currency if sum_ else None, needs_approval=rule.approval or bool(sum_ and total > limit),
                why=rule.why,
            )
        )  # fmt: skip
    return out


def fits(when: When, at: Situation) -> bool:
    """Whether a rule's conditions hold."""
    named = ((when.wanted, at.wanted), (when.cause, at.cause), (when.severity, at.severity))
    flags = ((when.upheld, at.upheld), (when.vulnerable, at.vulnerable), (when.repeated, at.repeated))
    least = ((when.loss, at.loss), (when.days_late, at.days_late), (when.days_without, at.days_without))
    return (
        all(not wanted or value in wanted for wanted, value in named)
        and all(wanted is None or wanted == value for wanted, value in flags)
        and all(wanted is None or value >= wanted for wanted, value in least)
    )


def reckon(rules: Rules, rule: Rule, at: Situation) -> Decimal | None:
    """A rule's sum in the situation's currency, or None where the rule has none in it.

    A loss is made good as it is. Symbolic sums are multiplied by the factors that hold, rounded, and capped at last.
    """
    amount = rule.amount
    assert amount is not None
    if amount.loss:
        return at.loss
    by_currency = [amount.base, *amount.per.values()]
    if not any(at.currency in sums for sums in by_currency):
        return None
    found = amount.base.get(at.currency, Decimal(0))
    for counted, each in amount.per.items():
        found += each.get(at.currency, Decimal(0)) * getattr(at, counted)
    if rule.step == "symbolic":
        for name, factor in rules.factors.items():
            found *= factor if getattr(at, name) else 1
    unit = rules.round_to.get(at.currency, Decimal("0.01"))
    found = (found / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit
    return min(found, amount.cap.get(at.currency, found))
