"""Board "Pipeline": does everything flow, and if not, where is it stuck?"""

from .model import PIPELINE, SLA, Board, Panel, Query, to, wide
from .queries import age, now, share, summed, where

_C = where(channel=True)
_N = where()
_RATE = "$__rate_interval"


def _rate(metric: str, at: str, *by: str) -> str:
    """Per second, of what processes count: added up over replicas."""
    labels = f" by ({', '.join(by)})" if by else ""
    return f"sum{labels} (rate({metric}{at}[{_RATE}]))"


def _gain(metric: str, at: str, *by: str) -> str:
    """How many in the range, of what processes count."""
    labels = f" by ({', '.join(by)})" if by else ""
    return f"sum{labels} (increase({metric}{at}[$__range]))"


def _p(q: float, metric: str, at: str, *by: str) -> str:
    """A quantile of what processes measured in the range; nothing when nothing was measured."""
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({q}, sum by ({labels}) (increase({metric}_bucket{at}[$__range]))) > -Inf"


_SYMPTOM = (("The symptom: SLA", to(SLA)),)

IN = (
    Panel("What comes in?", "Messages kept and announced per second, by channel.",
          (Query(_rate("amends_accepted_total", where(channel=True), "channel"), "{{channel}}"),), kind="lines",
          unit="reqps", width=8),
    Panel("What is refused, and why?", "Posts refused within the range, by reason.",
          (Query(_gain("amends_rejected_total", where(), "reason"), "{{reason}}"),), kind="bars", width=8,
          limits=(20, 200)),
    Panel("How long does a channel wait for our word?", "99th percentile from the request to the commit, within the "
          "range.",
          (Query(_p(0.99, "amends_accept_seconds", _C, "channel"), "{{channel}}"),), unit="s", limits=(0.25, 1),
          none="no posts in this range", width=8),
    Panel("Is everything accounted for?", "Seen without an outcome yet; and seen minus all outcomes minus that, "
          "which is "
          "always 0.", (Query(now("amends_reconciliation_gap", _N), "waiting"),
                        Query(now("amends_reconciliation_unaccounted", _N), "unaccounted")), limits=(1, 20),
          none="nothing was ever waiting"),
    Panel("For how long is a message stuck?", "Age of the message that waits longest for its outcome.",
          (Query(age("amends_oldest_gap_timestamp_seconds", _N), "oldest"),), unit="s", limits=(60, 300)),
    Panel("What became of what we saw?", "Messages since the first day, over all sources.",
          (Query(now("amends_intake_messages", _N, "became"), "{{became}}"),), kind="bars",
          none="nothing has come in yet", bad=("quarantined",)),
    Panel("Did the topic lose anything?", "Missing sequence numbers, as `amends reconcile --topic` found when it ran "
          "last.",
          (Query(now("amends_sequence_gaps", _N), "gaps"),), limits=(1, 1)),
)  # fmt: skip
FLOW = (
    Panel("How far behind the facts does each service act?", "99th percentile of an event's age when it was handled.",
          (Query(_p(0.99, "amends_event_age_seconds", _N, "service"), "{{service}}"),), unit="s", limits=(5, 60),
          none="no events in this range", links=_SYMPTOM),
    Panel("Who is behind?", "Events not yet read, by service.",
          (Query(f"sum by (service) (max by (service, partition) (amends_consumer_lag{_N}))", "{{service}}"),),
          kind="lines", limits=(500, 5000), none="no consumer says anything"),
    Panel("Does somebody read for each service?", "Time since the partition furthest behind was read to its end.",
          (Query(age("amends_consumer_caught_up_timestamp_seconds", _N, "service"), "{{service}}"),), unit="s",
          limits=(60, 300)),
    Panel("Which events wait for a person?", "Parked events and those queued behind them, by service.",
          (Query(now("amends_parked_messages", _N, "service"), "{{service}}"),), limits=(1, 20)),
    Panel("How many customers does that concern?", "Complaints that stand still behind a parked event.",
          (Query(now("amends_stalled_complaints", _N), "complaints"),), limits=(1, 20)),
    Panel("Does what happens reach the others?", "Events committed and not yet in Kafka, by service.",
          (Query(now("amends_outbox_pending", _N, "service"), "{{service}}"),), kind="bars", limits=(100, 5000)),
    Panel("For how long has nothing come out?", "Age of the oldest event not yet in Kafka, by service.",
          (Query(age("amends_outbox_oldest_timestamp_seconds", _N, "service"), "{{service}}"),), unit="s",
          limits=(30, 60)),
    Panel("What is read, and with what result?", "Events per second by outcome.",
          (Query(_rate("amends_events_consumed_total", where('outcome!="skipped"'), "outcome"), "{{outcome}}"),),
          kind="lines", unit="reqps"),
)  # fmt: skip
WORK = (
    Panel("Do deadlines fire on time?", "99th percentile of timers' lateness within the range, by service.",
          (Query(_p(0.99, "amends_timer_lateness_seconds", _N, "service"), "{{service}}"),), unit="s", limits=(2, 30),
          none="no timer fired in this range", links=_SYMPTOM),
    Panel("Is a timer overdue now?", "For how long the most overdue timer has waited, by service.",
          (Query(age("amends_oldest_unfired_timer_timestamp_seconds", _N, "service"), "{{service}}"),), unit="s",
          limits=(10, 60)),
    Panel("How many clocks fired before the backlog was read?", "Each may be a breach that has to be retracted.",
          (Query(_gain("amends_timers_fired_before_backlog_total", _N, "service"), "{{service}}"),), limits=(1, 50)),
    Panel("How long until somebody is asked?", "90th percentile from a case's waiting to its offer or assignment.",
          (Query(_p(0.9, "amends_route_seconds", _N), "90 %"),), unit="s", limits=(60, 900),
          none="nothing was routed in this range"),
    Panel("Do complaints find their people?", "Cases offered, given, or without anybody who fits, within the range.",
          (Query(_gain("amends_routed_total", _N, "outcome"), "{{outcome}}"),), kind="bars", bad=("unroutable",)),
    Panel("Do handlers take what they are offered?", "Offers that ended within the range, by how.",
          (Query(summed("amends_offers_total", "$__range", _N, "outcome"), "{{outcome}}"),), kind="bars",
          bad=("expired",)),
    Panel("Who is there?", "Handlers by presence.",
          (Query(now("amends_handlers", _N, "presence"), "{{presence}}"),), kind="bars"),
    Panel("Is the mail server slow?", "99th percentile of handing over one letter, within the range.",
          (Query(_p(0.99, "amends_letter_send_seconds", _N), "99 %"),), unit="s", limits=(1, 5),
          none="no letter in this range"),
)  # fmt: skip
MACHINE = (
    Panel("Is a service short of connections?", "Share of its database connections in use, by service and pool.",
          (Query(share(f"sum by (service, pool) (amends_db_pool_used{_N})",
                       f"sum by (service, pool) (amends_db_pool_size{_N})"), "{{service}} {{pool}}"),), kind="bars",
          unit="percentunit", limits=(0.8, 1)),
    Panel("Do database or broker fail now and then?", "Batches repeated after a passing failure, within the range.",
          (Query(_gain("amends_transient_failures_total", _N, "service"), "{{service}}"),), kind="bars",
          limits=(10, 100)),
    Panel("Do consumers come and go?", "Times that partitions were given out, within the range.",
          (Query(_gain("amends_consumer_assignments_total", _N, "service"), "{{service}}"),), kind="bars",
          limits=(5, 20)),
    Panel("Did a consumer stop itself?", "1 while a service refuses to park still more events.",
          (Query(f"max by (service) (amends_consumer_tripped{_N})", "{{service}}"),), limits=(1, 1)),
    Panel("Are processes started anew?", "Times that a process of ours began anew within the range, under its address.",
          (Query(f"sum(changes(process_start_time_seconds{where()}[$__range]) and on (instance) "
                 f"amends_db_pool_size{_N})", "starts"),), limits=(1, 10), none="none"),
    Panel("Is collecting a burden?", "How long the last reading of totals and states took, by service.",
          (Query(f"max by (service) (amends_state_collect_seconds{_N})", "{{service}}"),), unit="s",
          limits=(0.1, 1)),
)  # fmt: skip

BOARD = Board(
    PIPELINE, "Amends: Pipeline", "Does everything flow, and if not, where is it stuck?",
    (("In", IN), ("From service to service", FLOW), ("Work", WORK), ("Machinery", wide(MACHINE))),
    variables=("namespace", "channel"), links=(("SLA", to(SLA)),), span="now-3h",
)  # fmt: skip
