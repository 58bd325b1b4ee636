"""Every alert: what it asks, how long that must be true, how urgent it is. Each has a page in docs/runbooks/alerts.

Burn alerts look at two windows (the long one for significance, the short one to end soon) and at how many clocks were
settled: at the rates of complaints one missed promise is not an incident.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from deploy.grafana.queries import REPLICA, eq, gained

OBJECTIVE = 0.95
LEAST = 5
SERVICES = ("intake", "routing", "escalation", "notifier")
_OUTCOME = "amends_sla_outcome_total"
_LOST, _WRITTEN = 'outcome=~"failed|unknown|blocked"', 'outcome=~"sent|failed|unknown|blocked"'
_URGENT = 'tier=~"top|high"'


@dataclass(frozen=True)
class Alert:
    """`critical` wakes somebody, `warning` is for working hours. `for_`: how long it must be true."""

    name: str
    expr: str
    for_: str
    severity: Literal["critical", "warning"]
    summary: str
    description: str
    extra: dict[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.for_,
            "labels": {"severity": self.severity, **self.extra},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook": f"docs/runbooks/alerts/{self.name}.md",
            },
        }


def _grown(metric: str, window: str, *matchers: str, by: str = "namespace") -> str:
    return f"sum by ({by}) ({gained(metric, window, '{' + ', '.join(matchers) + '}')})"


def _age(metric: str, by: str, *matchers: str) -> str:
    return f"time() - min by ({by}) (max without ({REPLICA}) ({metric}{{{', '.join(matchers)}}}))"


def _net(window: str, plus: str, minus: str) -> str:
    by = "namespace, tier"
    return (
        f"({_grown(_OUTCOME, window, eq('outcome', plus), by=by)}"
        f" - {_grown(_OUTCOME, window, eq('outcome', minus), by=by)})"
    )


def _settled(window: str) -> str:
    return f"({_net(window, 'met', 'reopened')} + {_net(window, 'breached', 'retracted')})"


def _missed(window: str) -> str:
    return f"{_net(window, 'breached', 'retracted')} / ({_settled(window)} > 0)"


def _burn(name: str, long: str, short: str, times: float, severity: Literal["critical", "warning"]) -> Alert:
    limit = round(times * (1 - OBJECTIVE), 4)
    return Alert(
        name,
        f"{_missed(long)} > {limit} and {_missed(short)} > {limit} and {_settled(long)} >= {LEAST}",
        "2m" if severity == "critical" else "15m", severity,
        "Promises to customers of tier {{ $labels.tier }} are being missed",
        f"More than {limit:.0%} of the clocks settled in {long} and in {short} missed their deadline, "
        f"{times:g} times what the objective of {OBJECTIVE:.0%} allows, and at least {LEAST} were settled.",
        {"window": long},
    )  # fmt: skip


def _absent(metric: str) -> str:
    return " or ".join(f"absent({metric}{{{eq('service', name)}}})" for name in SERVICES)


ALERTS = (
    _burn("SlaBurnFast", "1h", "5m", 14.4, "critical"),
    _burn("SlaBurnSlow", "6h", "30m", 6, "critical"),
    _burn("SlaBudgetSpent", "3d", "6h", 1, "warning"),
    Alert(
        "TimerLate",
        "histogram_quantile(0.99, sum by (namespace, service, le) "
        "(rate(amends_timer_lateness_seconds_bucket[5m]))) > 30", "5m", "critical",
        "Timers of {{ $labels.service }} fire late",
        "One timer in a hundred fires more than 30 s after its time: breaches, offers or promises are noticed late.",
    ),
    Alert(
        "OldestUnfiredTimer", f"{_age('amends_oldest_unfired_timer_timestamp_seconds', 'namespace, service')} > 60",
        "2m", "critical", "A timer of {{ $labels.service }} does not fire",
        "A timer has been due for more than a minute. Nobody notices what it was set for.",
    ),
    Alert(
        "OutboxStuck", f"{_age('amends_outbox_oldest_timestamp_seconds', 'namespace, service')} > 60", "1m",
        "critical", "Events of {{ $labels.service }} do not reach Kafka",
        "An event has waited in the outbox for more than a minute. Nothing is lost; nobody else hears of it.",
    ),
    Alert(
        "LagGrowing",
        "sum by (namespace, service) (max without (instance, pod) (amends_consumer_lag)) > 500 and "
        "sum by (namespace, service) (max without (instance, pod) (deriv(amends_consumer_lag[10m]))) > 0", "10m",
        "warning", "{{ $labels.service }} falls behind",
        "More than 500 events are unread and their number has been growing for ten minutes.",
    ),
    Alert(
        "ParkedMessages",
        f"sum by (namespace, service) "
        f"(max without ({REPLICA}) (amends_parked_messages{{{eq('state', 'parked')}}})) > 0",
        "1m", "warning", "{{ $labels.service }} could not handle an event",
        "Events wait for a person, and everything later about their complaints waits behind them.",
    ),
    Alert(
        "ConsumerTripped", "max by (namespace, service) (amends_consumer_tripped) > 0", "1m", "critical",
        "{{ $labels.service }} has stopped taking events",
        "So many events had to be parked within ten minutes that the consumer stopped itself.",
    ),
    Alert(
        "LettersFailing",
        f"{_grown('amends_letters_total', '1h', _LOST)} / "
        f"({_grown('amends_letters_total', '1h', _WRITTEN)} > {LEAST - 1}) > 0.1",
        "5m", "critical", "Letters do not reach customers",
        "More than a tenth of the letters of the last hour failed, were blocked, or nobody knows what became of them.",
    ),
    Alert(
        "LettersWaiting", f"{_age('amends_oldest_letter_timestamp_seconds', 'namespace')} > 900", "5m", "critical",
        "Letters do not go out",
        "A letter has been due for sending, or has been tried in vain, for more than a quarter of an hour.",
    ),
    Alert(
        "ReconciliationGap",
        f"{_age('amends_oldest_gap_timestamp_seconds', 'namespace')} > 300 or "
        f"sum by (namespace) (max without ({REPLICA}) (amends_reconciliation_unaccounted)) != 0", "5m", "critical",
        "Something that was seen has no outcome",
        "A mail or a call was kept more than five minutes ago and nothing has become of it, or the account is wrong.",
    ),
    Alert(
        "OldestUnassigned",
        f"({_age('amends_oldest_unassigned_timestamp_seconds', 'namespace, tier', _URGENT)}) > 900 or "
        f"({_age('amends_oldest_unassigned_timestamp_seconds', 'namespace, tier')}) > 14400", "5m", "warning",
        "A complaint of tier {{ $labels.tier }} has no owner",
        "It has waited for a handler for more than 15 minutes (top, high) or four hours (others).",
    ),
    Alert(
        "Unroutable", f"sum by (namespace, queue) (max without ({REPLICA}) (amends_unroutable)) > 0", "5m", "warning",
        "Nobody can take cases of the queue {{ $labels.queue }}",
        "Cases wait for whom nobody on the staff fits, or nobody who fits has been there for long.",
    ),
    Alert(
        "SchedulerDead",
        f"{_age('amends_state_collected_timestamp_seconds', 'namespace, service')} > 120 or "
        f"{_absent('amends_state_collected_timestamp_seconds')}", "2m", "critical",
        "{{ $labels.service }} does not read its state any more",
        "Nobody has read the state of this service's database for two minutes: panels and alerts show the past.",
    ),
    Alert(
        "ConsumerGone",
        f"{_age('amends_consumer_caught_up_timestamp_seconds', 'namespace, service')} > 300 or "
        f"{_absent('amends_consumer_lag')}", "5m", "critical", "Nobody reads the topic for {{ $labels.service }}",
        "A partition has not been read to its end for five minutes, or no replica has one: what others decide is not "
        "heard.",
    ),
)  # fmt: skip


def document() -> str:
    """The rules file as it is committed."""
    group = {"name": "amends", "interval": "30s", "rules": [alert.rule() for alert in ALERTS]}
    head = "# Generated by `python -m deploy.grafana` from deploy/prometheus/alerts.py.\n"
    return head + yaml.safe_dump({"groups": [group]}, sort_keys=False, width=110, allow_unicode=True)
