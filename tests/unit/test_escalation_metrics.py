"""The outcomes of promises as metrics."""

from prometheus_client import CollectorRegistry, generate_latest

from services.escalation.metrics import Outcomes


def test_outcomes_are_shown_as_they_stand_in_the_totals_and_every_label_set_exists_from_the_start() -> None:
    outcomes, registry = Outcomes(), CollectorRegistry()
    registry.register(outcomes)
    assert registry.get_sample_value("amends_sla_outcome_total", _labels("decision", "top", "breached")) == 0
    outcomes.update({("decision", "top", "breached"): 3, ("decision", "gold", "met"): 2})
    assert registry.get_sample_value("amends_sla_outcome_total", _labels("decision", "top", "breached")) == 3
    assert registry.get_sample_value("amends_sla_outcome_total", _labels("decision", "gold", "met")) == 2
    read_at = registry.get_sample_value("amends_sla_outcome_collected_timestamp_seconds")
    assert read_at is not None
    assert read_at > 1.7e9
    assert len(generate_latest(registry).splitlines()) < 300


def _labels(kind: str, tier: str, outcome: str) -> dict[str, str]:
    return {"kind": kind, "tier": tier, "outcome": outcome}
