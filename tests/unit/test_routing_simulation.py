"""Formulas against published values, the simulator against the formulas, and files that are no scenarios."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.routing.cli import route
from services.routing.simulation import queueing as q
from services.routing.simulation import scenario as scenarios
from services.routing.simulation.simulator import Outcome, simulate
from tests.support.scale import FULL

TIERS = {"handlers": [{"count": 20, "tiers": ["top", "low"]}],
         "classes": [{"tier": "top", "share": 0.1}, {"tier": "low", "share": 0.9}]}  # fmt: skip

WHOLE = """
name: x
loads: [{load}]
variants: [{{name: v, handlers: [{{count: 1, tiers: [a]}}], classes: [{{tier: {tier}, share: 1}}]}}]
"""


def scenario(**more: object) -> scenarios.Scenario:
    given = {"name": "x", "loads": [0.8], "customers": 20_000, "warm_up": 2_000, "variants": [{"name": "v", **TIERS}]}
    return scenarios.Scenario.model_validate({**given, **more})


def test_erlang_c_gives_the_textbook_values() -> None:
    rate = 200 / 3600
    assert q.service_level(14, rate, 180, 20) == pytest.approx(0.8884, abs=0.00005)
    assert q.mean_wait(14, rate, 180) == pytest.approx(7.8, abs=0.05)


@pytest.mark.parametrize(
    ("calls", "agents"), [(60, (8, 8, 10)), (120, (14, 14, 16)), (240, (25, 25, 28)), (480, (46, 47, 50))]
)
def test_agents_for_a_level_within_twenty_seconds(calls: int, agents: tuple[int, int, int]) -> None:
    assert tuple(q.agents_for(level, calls / 3600, 300, 20) for level in (0.8, 0.85, 0.95)) == agents


@pytest.mark.parametrize(("agents", "abandon", "wait"), [(10, 0.125, 22.5), (12, 0.053, 9.6), (14, 0.019, 3.4)])
def test_erlang_a_gives_the_published_values(agents: int, abandon: float, wait: float) -> None:
    found = q.erlang_a(agents, 200 / 3600, 180, 180)
    assert (found.abandon, found.wait) == (pytest.approx(abandon, abs=0.0006), pytest.approx(wait, abs=0.06))


@pytest.mark.parametrize(
    ("load", "top", "low", "fifo"), [(0.80, 4.2, 20.9, 19.2), (0.85, 6.3, 42.1, 38.5), (0.90, 9.1, 90.8, 82.6),
                                     (0.95, 12.5, 250, 227)]
)  # fmt: skip
def test_priority_waits_give_the_published_table(load: float, top: float, low: float, fifo: float) -> None:
    rate = load * 20 / 300
    assert q.priority_waits(20, [0.1 * rate, 0.9 * rate], 300) == pytest.approx([top, low], rel=0.01)
    assert q.mean_wait(20, rate, 300) == pytest.approx(fifo, rel=0.005)


def test_too_few_agents_wait_for_ever() -> None:
    assert q.mean_wait(5, 1, 5) == math.inf
    assert q.service_level(5, 1, 6, 20) == 0.0


def test_the_simulator_agrees_with_the_formula() -> None:
    """At 0.8 and twenty thousand customers chance alone moves a mean wait by some per cent: the bench runs longer."""
    given = scenario(customers=80_000 if FULL else 20_000, warm_up=4_000)
    rate = 0.8 * 20 / 300
    outcome = simulate(given, given.variants[0].model_copy(update={"order": "strict"}), 0.8)
    wanted = dict(zip(("top", "low"), q.priority_waits(20, [0.1 * rate, 0.9 * rate], 300), strict=True))
    assert {name: tier.mean for name, tier in outcome.tiers.items()} == pytest.approx(wanted, rel=0.15)
    assert outcome.utilisation == pytest.approx(0.8, rel=0.03)


def _mean(outcome: Outcome) -> float:
    return outcome.everybody.mean


def test_an_order_moves_waiting_and_removes_none() -> None:
    given = scenario(loads=[0.85])
    plain = given.variants[0]
    means = [
        _mean(simulate(given, plain.model_copy(update={"order": order}), 0.85))
        for order in ("fifo", "strict", "deadline", "accumulating")
    ]
    assert means == pytest.approx([means[0]] * 4, rel=0.03)


def test_a_seat_that_is_set_apart_costs_everybody() -> None:
    apart = {"name": "apart", "classes": TIERS["classes"],
             "handlers": [{"count": 2, "tiers": ["top"]}, {"count": 18, "tiers": ["low"]}]}  # fmt: skip
    shared = {"name": "shared", "order": "strict", **TIERS}
    given = scenario(loads=[0.9], variants=[apart, shared])
    two, all_ = (simulate(given, variant, 0.9) for variant in given.variants)
    for tier in ("top", "low"):
        assert all_.tiers[tier].mean < two.tiers[tier].mean


def test_who_is_impatient_gives_up() -> None:
    one = {"name": "v", "handlers": [{"count": 10, "tiers": ["low"]}], "classes": [{"tier": "low", "share": 1}]}
    given = scenario(loads=[1.0], patience=180, service={"mean": 180}, variants=[one])
    found = simulate(given, given.variants[0], 1.0).tiers["low"]
    assert found.abandoned / found.n == pytest.approx(q.erlang_a(10, 10 / 180, 180, 180).abandon, rel=0.1)


def test_the_shipped_scenarios_run() -> None:
    names = sorted(p.name.removesuffix(".yaml") for p in scenarios.SHIPPED.iterdir())
    assert names == ["conservation", "deadlines", "shared-priority", "skills", "staffing"]
    for name in names:
        said = CliRunner().invoke(route, ["simulate", name, "--json", "--customers", "100"])
        assert said.exit_code == 0, said.output
        given = scenarios.read(Path(name))
        assert len(said.output.splitlines()) == len(given.loads) * len(given.variants)
        assert all(json.loads(line)["all"]["served"] > 0 for line in said.output.splitlines())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("loads: [0.8]", "name"),
        (WHOLE.format(load=3, tier="a"),
         "between 0 and 2"),
        (WHOLE.format(load=0.8, tier="b"),
         "nobody may serve tier b"),
        ("name: [", "mapping"),
    ],
)  # fmt: skip
def test_a_wrong_scenario_is_named_in_one_line(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(scenarios.ScenarioError) as told:
        scenarios.read(file)
    assert place in str(told.value) or "while parsing" in str(told.value)
    assert "\n" not in str(told.value)


def test_no_such_scenario_names_the_shipped_ones() -> None:
    said = CliRunner().invoke(route, ["simulate", "nowhere"])
    assert said.exit_code == 2
    assert "shared-priority" in said.stderr
