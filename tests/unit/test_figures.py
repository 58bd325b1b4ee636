"""Metrics as they are shown: from the first reading on, with every label set, whatever was counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from services import figures, outside
from services.escalation import metrics as m
from services.escalation.app import FIGURES
from services.escalation.settled import done
from shared.base.measures import CATALOG, Measure, declare
from shared.events.catalog import SERVICES
from shared.spine.collector import Board
from shared.spine.effects import Count
from tests.support import lives

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
OUTCOME = m.OUTCOME.measure.name
MET = {"kind": "decision", "tier": "top", "outcome": "met"}


def shown(board: Board) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(board)
    return registry


def test_the_page_says_what_the_code_says() -> None:
    assert figures.PAGE.read_text() == figures.page(), "run `python -m services.figures`"


def test_every_metric_has_a_meaning_and_a_question() -> None:
    listed = {measure.name for measures in figures.by_service().values() for measure in measures}
    for service in SERVICES:
        outside.composed(service)
    assert set(CATALOG) == listed
    assert all(name.startswith("amends_") for name in listed)
    assert all(one.answers[-1] in "?." and len(one.meaning) > 10 for one in CATALOG.values())


def test_a_second_metric_of_the_same_name_is_refused() -> None:
    with pytest.raises(ValueError, match="two metrics are called amends_sla_due"):
        declare(Measure("amends_sla_due", "gauge", {}, "another", "another?"))


def test_nothing_is_shown_before_the_first_reading_because_a_zero_would_look_like_a_loss() -> None:
    assert generate_latest(shown(Board("escalation", FIGURES))) == b""


def test_after_the_first_reading_every_label_set_is_there_at_zero() -> None:
    board = Board("escalation", FIGURES)
    board.show({(OUTCOME, ("decision", "top", "breached")): 3}, [m.DUE.at(7, "low", "decision", "1h")], took=0.01)
    registry = shown(board)
    assert registry.get_sample_value(OUTCOME, {**MET, "outcome": "breached"}) == 3
    assert registry.get_sample_value(OUTCOME, MET) == 0
    assert registry.get_sample_value("amends_sla_due", {"tier": "low", "kind": "decision", "within": "1h"}) == 7
    assert registry.get_sample_value("amends_sla_due", {"tier": "low", "kind": "decision", "within": "4h"}) == 0
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert len(lines) < 2000
    oldest = registry.get_sample_value("amends_oldest_overdue_timestamp_seconds", {"tier": "top"})
    assert oldest == registry.get_sample_value("amends_state_collected_timestamp_seconds", {"service": "escalation"})


def test_who_does_not_lead_shows_only_when_it_last_did() -> None:
    board = Board("escalation", FIGURES)
    board.show({}, [], took=0.01)
    board.hide()
    names = {line.split("{")[0] for line in generate_latest(shown(board)).decode().splitlines() if line[0] != "#"}
    assert names == {"amends_state_collected_timestamp_seconds", "amends_state_collect_seconds"}


def test_a_distribution_is_a_histogram_with_its_sum_and_bounds_of_the_past_are_not_lost() -> None:
    counted: dict[tuple[str, tuple[str, ...]], float] = {}
    for value in (30.0, 60.0, 61.0, 10**9):
        for one in m.LATENESS.observe(value, "top"):
            key = (one.metric, one.labels)
            counted[key] = counted.get(key, 0) + one.by
    counted[m.LATENESS.measure.name, ("top", "100")] = 5  # a bound that this version does not have
    board = Board("escalation", FIGURES)
    board.show(counted, [], took=0.01)
    registry, name = shown(board), m.LATENESS.measure.name

    def upto(le: str) -> float | None:
        return registry.get_sample_value(f"{name}_bucket", {"tier": "top", "le": le})

    assert [upto("60.0"), upto("300.0"), upto("+Inf")] == [2, 8, 9]
    assert registry.get_sample_value(f"{name}_count", {"tier": "top"}) == 9
    assert registry.get_sample_value(f"{name}_sum", {"tier": "top"}) == 151 + 10**9


@given(st.integers(0, 30 * 24 * 60), st.integers(0, 20 * 24 * 60))
def test_the_bound_one_is_the_limit_whatever_the_calendar(done_after: int, asked_after: int) -> None:
    """Working hours, weekends and pauses: the share is at most 1 exactly when the deadline was met."""
    body = lives.pack("  - {clock: decision, limit: 3wd, pausable: true}", calendar="uk-england")
    world = lives.World(lives.book_of(body), AT)
    world.tell(lives.received(AT))
    asked = AT + timedelta(minutes=asked_after)
    world.until(asked)
    world.tell(lives.asked(asked + timedelta(days=2)), time=asked)
    clock = world.case.clocks["decision"]
    at = AT + timedelta(minutes=done_after)
    counts = list(done(world.case, clock, world.escalation.machine.terms(clock), at))
    bucket = next(c.labels[-1] for c in counts if c.metric == m.USED.measure.name and c.labels[-1] != "sum")
    assert (float(bucket) <= 1) == (at <= clock.due_at)
    late = [c for c in counts if c.metric == m.LATENESS.measure.name]
    assert bool(late) == (at > clock.due_at)


def test_lateness_is_counted_once_however_often_it_is_looked_at() -> None:
    world = lives.World(lives.book_of(lives.pack("  - {clock: first_response, limit: 1h}")), AT)
    world.tell(lives.received(AT))
    world.until(AT + timedelta(hours=2))
    world.tell(lives.responded(AT + timedelta(hours=2)))
    world.until(AT + timedelta(hours=4))
    world.tell(lives.letter("progress", AT + timedelta(hours=4)))
    late = [c for c in world.counted if c.metric == m.LATENESS.measure.name]
    assert late == [
        Count(m.LATENESS.measure.name, ("low", "3600")),
        Count(m.LATENESS.measure.name, ("low", "sum"), 3600.0),
    ]
    assert world.outcomes() == [("first_response", "breached")]
