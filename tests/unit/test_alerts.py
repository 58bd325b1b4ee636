"""Each alert played by promtool: series that make it fire after its time, and series that do not."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus.alerts import ALERTS, SERVICES
from tests.support.programs import program

RULES = Path(__file__).parents[2] / "deploy/prometheus/alerts.yaml"
BY_NAME = {alert.name: alert for alert in ALERTS}
OUTCOME = 'amends_sla_outcome_total{{service="x",instance="{0}",kind="decision",tier="top",outcome="{1}"}}'
Series = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """Series as promtool writes them, and the labels with which the alert fires at a minute; None: it does not."""

    alert: str
    series: Series
    at: str
    labels: Mapping[str, str] | None
    interval: str = "1m"


def settled(met: str, breached: str, retracted: str = "0x{n}", n: int = 300) -> Series:
    values = {"met": met, "breached": breached, "retracted": retracted, "reopened": "0x{n}"}
    return {OUTCOME.format("a", outcome): value.replace("{n}", str(n)) for outcome, value in values.items()}


def healthy(metric: str, value: str, *without: str) -> Series:
    return {f'{metric}{{service="{s}",instance="{s}:1"}}': value for s in SERVICES if s not in without}


TOP = {"tier": "top"}
NOTIFIER = {"service": "notifier"}
COLLECTED, READ = "amends_state_collected_timestamp_seconds", "amends_consumer_caught_up_timestamp_seconds"
# A moment that moves with the clock, and one that stands still: in seconds since the beginning of the test.
MOVING, STILL = "0+60x300", "0x300"
UNASSIGNED = 'amends_oldest_unassigned_timestamp_seconds{{tier="{0}",instance="a"}}'
LAG = 'amends_consumer_lag{service="routing",partition="1",instance="a"}'

CASES = (
    # Nine of ten are missed, in the hour and in the last minutes.
    Case("SlaBurnFast", settled("0+1x{n}", "0+9x{n}"), "70m", {**TOP, "window": "1h"}),
    # Everything is missed, but it is only two promises in an hour.
    Case("SlaBurnFast", settled("0x{n}", "0x30 1x1 2x{n}"), "50m", None),
    # It was bad an hour ago and is over: the short window ends the alert.
    Case("SlaBurnFast", settled("0+0x30 0+10x{n}", "0+9x30 270x{n}"), "50m", None),
    # What was missed proved wrong.
    Case("SlaBurnFast", settled("0+1x{n}", "0+9x{n}", "0+9x{n}"), "70m", None),
    # A leader ends and another one shows the same totals: nothing is gained by that.
    Case(
        "SlaBurnFast",
        {
            OUTCOME.format("a", "breached"): "900x20 stale",
            OUTCOME.format("b", "breached"): "_x21 900x40",
            OUTCOME.format("a", "met"): "5x20 stale",
            OUTCOME.format("b", "met"): "_x21 5x40",
            OUTCOME.format("a", "retracted"): "0x20 stale",
            OUTCOME.format("b", "retracted"): "_x21 0x40",
            OUTCOME.format("a", "reopened"): "0x20 stale",
            OUTCOME.format("b", "reopened"): "_x21 0x40",
        },
        "40m",
        None,
    ),
    Case("SlaBurnSlow", settled("0+6x{n}", "0+4x{n}"), "70m", {**TOP, "window": "6h"}),
    Case("SlaBurnSlow", settled("0+8x{n}", "0+2x{n}"), "70m", None),
    Case("SlaBudgetSpent", settled("0+9x{n}", "0+1x{n}"), "90m", {**TOP, "window": "3d"}),
    Case("SlaBudgetSpent", settled("0+99x{n}", "0+1x{n}"), "90m", None),
    Case(
        "TimerLate",
        {
            'amends_timer_lateness_seconds_bucket{service="notifier",le="30",instance="a"}': "0+1x60",
            'amends_timer_lateness_seconds_bucket{service="notifier",le="60",instance="a"}': "0+2x60",
            'amends_timer_lateness_seconds_bucket{service="notifier",le="+Inf",instance="a"}': "0+2x60",
        },
        "20m",
        NOTIFIER,
    ),
    Case(
        "TimerLate",
        {
            'amends_timer_lateness_seconds_bucket{service="notifier",le="1",instance="a"}': "0+50x60",
            'amends_timer_lateness_seconds_bucket{service="notifier",le="+Inf",instance="a"}': "0+50x60",
        },
        "20m",
        None,
    ),
    Case(
        "OldestUnfiredTimer",
        healthy("amends_oldest_unfired_timer_timestamp_seconds", STILL, *SERVICES[:3]),
        "5m",
        NOTIFIER,
    ),
    Case("OldestUnfiredTimer", healthy("amends_oldest_unfired_timer_timestamp_seconds", MOVING), "5m", None),
    Case("OutboxStuck", healthy("amends_outbox_oldest_timestamp_seconds", STILL, *SERVICES[:3]), "4m", NOTIFIER),
    Case("OutboxStuck", healthy("amends_outbox_oldest_timestamp_seconds", MOVING), "4m", None),
    Case("LagGrowing", {LAG: "0+100x60"}, "30m", {"service": "routing"}),
    Case("LagGrowing", {LAG: "6000-100x60"}, "30m", None),
    Case("LagGrowing", {LAG: "0+1x60"}, "30m", None),
    Case(
        "ParkedMessages",
        {'amends_parked_messages{service="notifier",state="parked",instance="a"}': "1x10"},
        "3m",
        NOTIFIER,
    ),
    Case(
        "ParkedMessages", {'amends_parked_messages{service="notifier",state="parked",instance="a"}': "0x10"}, "3m", None
    ),
    Case("ConsumerTripped", {'amends_consumer_tripped{service="notifier",instance="a"}': "1x10"}, "3m", NOTIFIER),
    Case("ConsumerTripped", {'amends_consumer_tripped{service="notifier",instance="a"}': "0x10"}, "3m", None),
    Case(
        "LettersFailing",
        {
            'amends_letters_total{kind="reply",outcome="sent",instance="a"}': "0+3x90",
            'amends_letters_total{kind="reply",outcome="failed",instance="a"}': "0+1x90",
        },
        "60m",
        {},
    ),
    Case(
        "LettersFailing",
        {
            'amends_letters_total{kind="reply",outcome="sent",instance="a"}': "0+99x90",
            'amends_letters_total{kind="reply",outcome="failed",instance="a"}': "0+1x90",
        },
        "60m",
        None,
    ),
    Case(
        "LettersFailing",
        {
            'amends_letters_total{kind="reply",outcome="sent",instance="a"}': "0x90",
            'amends_letters_total{kind="reply",outcome="failed",instance="a"}': "0x20 1x90",
        },
        "60m",
        None,
    ),
    Case("LettersWaiting", {'amends_oldest_letter_timestamp_seconds{instance="a"}': STILL}, "30m", {}),
    Case("LettersWaiting", {'amends_oldest_letter_timestamp_seconds{instance="a"}': MOVING}, "30m", None),
    Case("ReconciliationGap", {'amends_oldest_gap_timestamp_seconds{instance="a"}': STILL}, "15m", {}),
    Case(
        "ReconciliationGap",
        {
            'amends_oldest_gap_timestamp_seconds{instance="a"}': MOVING,
            'amends_reconciliation_unaccounted{instance="a"}': "1x60",
        },
        "15m",
        {},
    ),
    Case(
        "ReconciliationGap",
        {
            'amends_oldest_gap_timestamp_seconds{instance="a"}': MOVING,
            'amends_reconciliation_unaccounted{instance="a"}': "0x60",
        },
        "15m",
        None,
    ),
    Case("OldestUnassigned", {UNASSIGNED.format("top"): STILL}, "25m", TOP),
    Case("OldestUnassigned", {UNASSIGNED.format("low"): STILL}, "25m", None),
    Case("OldestUnassigned", {UNASSIGNED.format("low"): STILL}, "250m", {"tier": "low"}),
    Case("Unroutable", {'amends_unroutable{queue="network",instance="a"}': "3x300"}, "8m", {"queue": "network"}),
    Case("Unroutable", {'amends_unroutable{queue="network",instance="a"}': "3x2 0x300"}, "8m", None),
    Case(
        "SchedulerDead",
        {**healthy(COLLECTED, MOVING, "notifier"), f'{COLLECTED}{{service="notifier",instance="n"}}': STILL},
        "6m",
        NOTIFIER,
    ),
    Case("SchedulerDead", healthy(COLLECTED, MOVING, "notifier"), "6m", NOTIFIER),
    Case("SchedulerDead", healthy(COLLECTED, MOVING), "6m", None),
    Case(
        "ConsumerGone", {**healthy(READ, MOVING), **healthy("amends_consumer_lag", "0x300", "notifier")}, "8m", NOTIFIER
    ),
    Case(
        "ConsumerGone",
        {
            **healthy(READ, MOVING, "notifier"),
            f'{READ}{{service="notifier",instance="n"}}': STILL,
            **healthy("amends_consumer_lag", "0x300"),
        },
        "15m",
        NOTIFIER,
    ),
    Case("ConsumerGone", {**healthy(READ, MOVING), **healthy("amends_consumer_lag", "0x300")}, "15m", None),
)


def expected(case: Case) -> list[dict[str, Any]]:
    if case.labels is None:
        return []
    rule = BY_NAME[case.alert].rule()
    annotations = dict(rule["annotations"])
    for name, text in annotations.items():
        for label, value in case.labels.items():
            text = text.replace(f"{{{{ $labels.{label} }}}}", value)
        annotations[name] = text
    return [{"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": annotations}]


def document(cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": "30s",
        "tests": [
            {
                "name": f"{n}: {case.alert} {'fires' if case.labels is not None else 'is silent'}",
                "interval": case.interval,
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected(case)}],
            }
            for n, case in enumerate(cases)
        ],
    }


def test_every_alert_fires_and_is_silent(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump(document(CASES), sort_keys=False))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_played_both_ways() -> None:
    assert {c.alert for c in CASES if c.labels is not None} == set(BY_NAME)
    assert {c.alert for c in CASES if c.labels is None} == set(BY_NAME)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_a_silent_case_is_silent_because_of_its_series(alert: Any, tmp_path: Path) -> None:
    """The test itself can fail: a firing case that is said to be silent is found."""
    promtool = program("promtool", "prometheus")
    firing = next(c for c in CASES if c.alert == alert.name and c.labels is not None)
    wrong = document([Case(firing.alert, firing.series, firing.at, None)])
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    done = subprocess.run([promtool, "test", "rules", str(tmp_path / "wrong.yaml")], capture_output=True, check=False)
    assert done.returncode == 1
