"""The product's matching in simulated desks against the formulas of waiting lines, and the orders that must hold."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from services.routing.simulation import queueing as q
from services.routing.simulation.scenario import read
from services.routing.simulation.simulator import simulate
from tests.bench.measure import Result, machine, say

AGENTS, HANDLING = 20, 300.0
NEAR, SAME = 0.05, 0.02
MILLION = {"customers": 1_000_000, "warm_up": 50_000}
WHAT = (
    "The same match as in production, over simulated arrivals. ours: the largest deviation of a mean wait from the "
    "formula (priority in a shared queue and first come first served, 20 handlers, 300 s, loads 0.80 to 0.95, a "
    "million customers each; wanted 5 %), and of other orders' mean wait of all from first come first served "
    "(conservation; wanted 2 %). Then the orderings: sharing beats every split for both tiers; strict tiers break "
    "fewest promises of the top tier, deadlines give the least lateness, letting the late wait breaks fewest and makes "
    "the worst wait longest; a chain of skills comes close to every skill and pairs do not."
)
Wait = dict[str, float]
Found = dict[tuple[float, str], tuple[Wait, dict[str, Any]]]


def _waits(given: tuple[str, str, float, dict[str, int]]) -> tuple[Wait, dict[str, Any]]:
    name, variant, load, more = given
    scenario = read(Path(name)).model_copy(update=more)
    chosen = next(v for v in scenario.variants if v.name == variant)
    outcome = simulate(scenario, chosen, load)
    whole = outcome.everybody
    figures = {"all": whole.mean, "broken": whole.breach, "late_p99": whole.quantile(whole.late, 0.99),
               "late": sum(whole.late) / whole.n, "oldest": outcome.oldest}  # fmt: skip
    return {tier: found.mean for tier, found in outcome.tiers.items()}, {
        **figures, "tiers_broken": {tier: found.breach for tier, found in outcome.tiers.items()}
    }  # fmt: skip


def _all(name: str, more: dict[str, int]) -> Found:
    keys = [(load, variant.name) for load, variant in read(Path(name)).runs()]
    with ProcessPoolExecutor(2) as pool:
        found = pool.map(_waits, [(name, variant, load, more) for load, variant in keys])
        return dict(zip(keys, found, strict=True))


async def run(rounds: int) -> Result:
    """All five scenarios. `rounds` 1 counts a tenth of the customers, for a look. Raises AssertionError."""
    million = MILLION if rounds > 1 else {"customers": 100_000, "warm_up": 10_000}
    near = NEAR if rounds > 1 else 4 * NEAR
    shared = _all("shared-priority", million)
    deviation = _against_formula(shared)
    _sharing_beats_splitting(shared)
    conserved = _conservation(_all("conservation", million))
    _deadline_orders(_all("deadlines", {}))
    _skills(_all("skills", {}))
    if deviation > near or conserved > (SAME if rounds > 1 else near):
        raise AssertionError(f"formula missed by {deviation:.1%}, conservation by {conserved:.1%}")
    ours = {"formula_deviation": round(deviation, 4), "conservation_deviation": round(conserved, 4)}
    return Result(
        name="queueing", rounds=1, ours=ours, reference={"formula_deviation": NEAR, "conservation_deviation": SAME},
        ratio=None, spread=None, cpu_ms_per_item={}, what=f"{WHAT} {machine()}",
    )  # fmt: skip


def _against_formula(found: Found) -> float:
    worst = 0.0
    say(f"{'load':>5} {'':30} {'formula':>9} {'simulated':>9} {'off by':>7}")
    for (load, name), (waits, figures) in found.items():
        rate = load * AGENTS / HANDLING
        pairs: Sequence[tuple[str, float, float]] = ()
        if name == "shared, top first":
            top, low = q.priority_waits(AGENTS, [0.1 * rate, 0.9 * rate], HANDLING)
            pairs = (("top", top, waits["top"]), ("low", low, waits["low"]))
        elif name.startswith("shared"):
            pairs = (("all", q.mean_wait(AGENTS, rate, HANDLING), figures["all"]),)
        for tier, formula, simulated in pairs:
            off = simulated / formula - 1
            worst = max(worst, abs(off))
            say(f"{load:5.2f} {name + ': ' + tier:30} {formula:9.2f} {simulated:9.2f} {off:+7.1%}")
    return worst


def _sharing_beats_splitting(found: Found) -> None:
    for load in {load for load, _ in found}:
        shared, _ = found[load, "shared, top first"]
        for (other, name), (waits, _) in found.items():
            if other == load and "set apart" in name:
                assert shared["low"] < waits["low"], (load, name)
                assert shared["top"] < waits["top"], (load, name)
                say(f"{load:5.2f} {name}: top {waits['top']:.0f} s, low {waits['low']:.0f} s")


def _conservation(found: Found) -> float:
    worst = 0.0
    for (load, name), (_, figures) in found.items():
        fifo = found[load, "first come first served"][1]["all"]
        off = figures["all"] / fifo - 1
        worst = max(worst, abs(off))
        say(f"{load:5.2f} {name:30} mean wait of all {figures['all']:8.2f} s {off:+7.2%}")
    return worst


def _deadline_orders(found: Found) -> None:
    for load in (0.92, 0.97):
        by = {name: figures for (at, name), (_, figures) in found.items() if at == load}
        fifo, strict, due = by["first come first served"], by["strict tiers"], by["by deadline"]
        late_last = by["by deadline, the late go last"]
        for name, f in by.items():
            say(f"{load:5.2f} {name:32} broken {f['broken']:6.1%} late {f['late']:7.1f} s, 99 % {f['late_p99']:7.0f} s")
        assert late_last["broken"] < strict["broken"] < due["broken"] <= fifo["broken"] * 1.02
        assert due["late_p99"] < strict["late_p99"] < late_last["late_p99"]
        assert due["late"] < late_last["late"]
        assert strict["tiers_broken"]["top"] < due["tiers_broken"]["top"]


def _skills(found: Found) -> None:
    waits = {name: figures["all"] for (_, name), (_, figures) in found.items()}
    for name, wait in waits.items():
        say(f"      {name:30} mean wait {wait:7.1f} s")
    one, pairs, chain, three, every = waits.values()
    assert one > pairs > chain > three >= every * 0.98
    assert chain - every < (pairs - every) / 3
