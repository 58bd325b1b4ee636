"""A run as people and as programs read it. Four figures stand together: any one can be made to look good."""

import json
import textwrap

from .scenario import Scenario, Variant
from .simulator import Outcome, Tier

_HEAD = (
    f"{'load':>5}  {'variant':<32} {'tier':<8} {'served':>8} {'gave up':>7} {'wait':>8} {'wait 99%':>9} "
    f"{'broken':>7} {'late by':>8} {'late 99%':>9} {'oldest':>8} {'busy':>6} {'fair':>5}"
)


def heading(scenario: Scenario) -> str:
    """What is simulated, and the names of the columns."""
    n = scenario.customers * len(scenario.seeds)
    about = textwrap.fill(" ".join(scenario.about.split()), 120)
    return "\n".join(filter(None, [scenario.name, about, f"{n} customers a line; times in seconds", "", _HEAD]))


def lines(load: float, variant: Variant, outcome: Outcome) -> str:
    """One line a tier, and one for all when there are several."""
    rows = list(outcome.tiers.items())
    if len(rows) > 1:
        rows.append(("all", outcome.everybody))
    return "\n".join(_line(load, variant, name, tier, outcome, last=name == rows[-1][0]) for name, tier in rows)


def _line(load: float, variant: Variant, name: str, tier: Tier, outcome: Outcome, *, last: bool) -> str:
    end = f" {outcome.oldest:8.0f} {outcome.utilisation:6.1%} {outcome.fairness:5.2f}" if last else ""
    return (
        f"{load:5.2f}  {variant.name[:32]:<32} {name:<8} {len(tier.waits):8d} {tier.abandoned:7d} {tier.mean:8.1f} "
        f"{tier.quantile(tier.waits, 0.99):9.0f} {tier.breach:7.1%} {tier.mean_late:8.1f} "
        f"{tier.quantile(tier.late, 0.99):9.0f}{end}"
    )


def as_json(load: float, variant: Variant, outcome: Outcome) -> str:
    """One variant at one load as a JSON object on one line."""
    return json.dumps(
        {
            "load": load,
            "variant": variant.name,
            "order": variant.order,
            "tiers": {name: _figures(tier) for name, tier in outcome.tiers.items()},
            "all": _figures(outcome.everybody),
            "oldest": round(outcome.oldest, 1),
            "utilisation": round(outcome.utilisation, 4),
            "fairness": round(outcome.fairness, 4),
        }
    )


def _figures(tier: Tier) -> dict[str, float]:
    return {
        "served": len(tier.waits),
        "gave_up": tier.abandoned,
        "wait": round(tier.mean, 2),
        "wait_p99": round(tier.quantile(tier.waits, 0.99), 1),
        "broken": round(tier.breach, 4),
        "late": round(tier.mean_late, 2),
        "late_p99": round(tier.quantile(tier.late, 0.99), 1),
    }
