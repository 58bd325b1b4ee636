"""Remedy rules: which fit, what they come to, who has to agree."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import remedies
from services.notifier.policy import PolicyError
from services.notifier.remedies import STEPS, Situation, load, propose

RULES = load()
AUTHORITY = {"GBP": Decimal(500), "CNY": Decimal(2000)}


def proposed(**more: Any) -> dict[str, remedies.Proposal]:
    values: dict[str, Any] = {"upheld": True, "currency": "GBP", **more}
    return {p.rule: p for p in propose(RULES, Situation(**values), AUTHORITY)}


def test_an_overcharge_goes_back_in_full_and_not_more() -> None:
    found = proposed(loss="16.60", cause="C4_agent_error", vulnerable=True)
    assert (found["overcharge"].amount, found["overcharge"].type) == (Decimal("16.60"), "refund")
    assert not found["overcharge"].needs_approval
    assert list(found) == ["apology", "overcharge"]


def test_nothing_is_owed_for_what_is_not_upheld_but_our_own_lateness() -> None:
    assert proposed(upheld=False) == {}
    late = proposed(upheld=False, days_late=4)
    assert {rule: p.amount for rule, p in late.items()} == {"late_answer": Decimal(9)}
    assert proposed(upheld=False, days_late=4, vulnerable=True)["goodwill"].needs_approval


@pytest.mark.parametrize(
    ("more", "amount"),
    [({}, "75"), ({"vulnerable": True}, "113"), ({"own_part": True}, "38"), ({"currency": "CNY"}, "300"),
     ({"vulnerable": True, "own_part": True}, "56"), ({"currency": "JPY"}, None)],
)  # fmt: skip
def test_harm_that_is_worse_weighs_more_and_a_part_of_ones_own_less(more: Any, amount: str | None) -> None:
    found = proposed(severity="P2", **more).get("distress")
    assert (str(found.amount) if found else None) == amount


def test_a_sum_for_each_day_stops_at_the_cap() -> None:
    network = {"cause": "C3_network_defect"}
    assert "days_without_service" not in proposed(days_without=1, **network)
    assert proposed(days_without=3, **network)["days_without_service"].amount == 30
    assert proposed(days_without=9000, **network)["days_without_service"].amount == 600


def test_what_is_wanted_decides_how_it_is_put_back() -> None:
    for wanted, rule in (
        ("exchange", "exchange_faulty"),
        ("repair", "repair_again"),
        ("correction", "correct_records"),
    ):
        found = proposed(wanted=wanted, cause="C1_product_quality")
        assert rule in found
        assert found[rule].amount is None


def test_all_sums_count_against_the_authority_together() -> None:
    found = proposed(loss="450", cause="C5_staff_service", severity="P2")
    assert not found["loss_elsewhere"].needs_approval
    assert found["distress"].needs_approval


@given(
    st.builds(
        Situation, upheld=st.booleans(), currency=st.sampled_from(["GBP", "CNY", "XAU"]),
        cause=st.sampled_from(["C1_product_quality", "C3_network_defect", "C5_staff_service", "unknown"]),
        severity=st.sampled_from(["P1", "P2", "P3", "P4"]), wanted=st.sampled_from([None, "refund", "repair"]),
        loss=st.decimals(0, 100_000, places=2), days_late=st.integers(0, 500), days_without=st.integers(0, 500),
        vulnerable=st.booleans(), repeated=st.booleans(), own_part=st.booleans(),
    )
)  # fmt: skip
def test_whatever_the_case_sums_are_positive_capped_and_in_the_order_of_thought(at: Situation) -> None:
    found = propose(RULES, at, AUTHORITY)
    assert [STEPS.index(p.step) for p in found] == sorted(STEPS.index(p.step) for p in found)
    caps = {r.id: r.amount.cap for r in RULES.rules if r.amount}
    total = Decimal(0)
    for one in found:
        if one.amount is None:
            continue
        assert one.amount > 0
        assert one.amount <= caps[one.rule].get(at.currency, at.loss)
        total += one.amount
        assert one.needs_approval or total <= AUTHORITY.get(at.currency, Decimal(0))
    assert at.upheld or {p.rule for p in found} <= {"late_answer", "goodwill"}
    returned = sum(p.amount or 0 for p in found if p.step in ("put_back", "loss") and p.rule != "days_without_service")
    assert returned in (0, at.loss)


def test_a_wrong_rule_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    for text in ("rules: [", "version: x\nrules: [{id: a}]\n", "version: x\nrules: []\nmore: 1\n"):
        path.write_text(text)
        with pytest.raises(PolicyError) as wrong:
            load(path)
        assert "\n" not in str(wrong.value)
