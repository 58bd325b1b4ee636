"""Board "SLA": do we keep what we promise?"""

from .model import COMPLAINT, LETTERS, PIPELINE, SLA, Board, Panel, Query, to, wide
from .queries import age, eq, gained, now, quantile, share, summed, where

_OUT = "amends_sla_outcome_total"
_T = where(tier=True)


def _stand(window: str, by: str, *, good: bool) -> str:
    """Settled clocks that stand, met or missed: what was taken back is taken off."""
    plus, minus = ("met", "reopened") if good else ("breached", "retracted")
    labels = (by,) if by else ()
    return (
        f"({summed(_OUT, window, where(eq('outcome', plus), tier=True), *labels)} - "
        f"{summed(_OUT, window, where(eq('outcome', minus), tier=True), *labels)})"
    )


def missed(window: str, by: str = "") -> str:
    """The share of settled clocks that missed their deadline."""
    bad = _stand(window, by, good=False)
    return share(bad, f"({_stand(window, by, good=True)} + {bad})")


def kept(window: str, by: str = "") -> str:
    """Attainment: the share of settled clocks that kept their deadline."""
    good = _stand(window, by, good=True)
    return share(good, f"({good} + {_stand(window, by, good=False)})")


def _burn(window: str) -> str:
    return f"({missed(window)}) / (1 - $objective)"


_WHY = (("Why: timers, lag, collection", to(PIPELINE)),)
_DAY = "24h"

ATTAINMENT = (
    Panel(
        "Do we keep our promises?", "Attainment over 28 days by tier: settled clocks that kept their deadline. "
        "Operational "
        "figure; for legal counts ask the databases.", (Query(kept("28d", "tier"), "{{tier}}"),),
        unit="percentunit", limits=(0.98, 0.95), red="below", none="no clock has been settled yet", links=_WHY,
    ),
    Panel(
        "And today?", "The same over 24 hours.", (Query(kept(_DAY, "tier"), "{{tier}}"),), unit="percentunit",
        limits=(0.98, 0.95), red="below", none="no clock was settled today", links=_WHY,
    ),
    Panel(
        "Which promise is the weak one?", "Attainment over 28 days by kind of clock.",
        (Query(kept("28d", "kind"), "{{kind}}"),), kind="bars", unit="percentunit", limits=(0.98, 0.95), red="below",
        none="no clock has been settled yet",
    ),
    Panel(
        "Is attainment bought by pausing?", "Share of the running time of finished clocks in which they waited for the "
        "customer, 28 days. Read it beside attainment.",
        (Query(share(summed("amends_clock_paused_seconds_total", "28d", _T, "tier"),
                     summed("amends_clock_run_seconds_total", "28d", _T, "tier")), "{{tier}}"),),
        unit="percentunit", limits=(0.2, 0.4), none="no work has been finished yet",
    ),
    Panel(
        "How much of the error budget is left?", "1 minus the share missed over 28 days divided by the share that "
        "may be "
        "missed (1 minus the objective at the top). Below 0 the objective is lost.",
        (Query(f"1 - ({missed('28d', 'tier')}) / (1 - $objective)", "{{tier}}"),), unit="percentunit",
        limits=(0.5, 0.0), red="below", none="no clock has been settled yet",
    ),
    Panel(
        "How fast is it burning?", "Share missed within the window, as a multiple of what the objective allows. 14.4 "
        "over an "
        "hour empties a month's budget in two days.",
        (Query(_burn("1h"), "1 hour"), Query(_burn("6h"), "6 hours")),
        limits=(1, 14.4), none="no clock was settled lately",
    ),
)  # fmt: skip
AHEAD = (
    Panel(
        "What falls due next?", "Running clocks by the time that is left; overdue ones are missed and not finished.",
        (Query(now("amends_sla_due", where('within!="later"', tier=True), "within"), "{{within}}"),), kind="bars",
        links=(("The board of one complaint", to(COMPLAINT)),), width=8, bad=("overdue",),
    ),
    Panel(
        "How old is what is open?", "Open complaints by age since receipt.",
        (Query(now("amends_open", _T, "age"), "{{age}}"),), kind="bars", width=8, bad=("older",),
    ),
    Panel(
        "Whose turn is it?", "Open complaints by who has to act: nobody yet, the handler, the customer, another "
        "department, "
        "or nobody any more because the answer is given.",
        (Query(now("amends_open", _T, "state"), "{{state}}"),), kind="bars", width=8, bad=("unassigned",),
    ),
    Panel(
        "Does anybody wait without an owner?", "Since when the complaint that waits longest for a handler waits, by "
        "tier.",
        (Query(age("amends_oldest_unassigned_timestamp_seconds", _T, "tier"), "{{tier}}"),), unit="s",
        limits=(900, 3600), links=(("Why: routing and consumers", to(PIPELINE)),), width=8,
    ),
    Panel(
        "Is there room for the next one?", "Places taken, of those that handlers who are present have.",
        (Query(now("amends_places", where(), "use"), "{{use}}"),), kind="bars", width=8,
    ),
    Panel(
        "How long has the worst one been late?", "Time since the deadline of the missed clock that waits longest for "
        "its "
        "work, by tier.", (Query(age("amends_oldest_overdue_timestamp_seconds", _T, "tier"), "{{tier}}"),), unit="s",
        limits=(3600, 86400), width=8,
    ),
)  # fmt: skip
LATE = (
    Panel(
        "How many promises were missed?", "Missed clocks within the range at the top right, by kind; those that "
        "proved wrong "
        "are taken off.",
        (Query(_stand("$__range", "kind", good=False), "{{kind}}"),),
        kind="bars", limits=(1, 5),
    ),
    Panel(
        "How late is late?", "Mean time from a missed deadline to the work being done after all, 28 days, by tier.",
        (Query(share(summed("amends_breach_lateness_seconds_sum", "28d", _T, "tier"),
                     summed("amends_breach_lateness_seconds_count", "28d", _T, "tier")), "{{tier}}"),), unit="s",
        limits=(3600, 86400), none="nothing was late",
    ),
    Panel(
        "And the worst of them?", "99th percentile of the same, from buckets: an upper estimate.",
        (Query(quantile(0.99, "amends_breach_lateness_seconds", "28d", _T, "tier"), "{{tier}}"),), unit="s",
        limits=(86400, 432000), none="nothing was late",
    ),
    Panel(
        "How long until a person answers?", "Median and 90th percentile from receipt to the first response, by the "
        "customer's clock, 28 days; from buckets.",
        (Query(quantile(0.5, "amends_first_response_seconds", "28d", _T, "tier"), "{{tier}} median"),
         Query(quantile(0.9, "amends_first_response_seconds", "28d", _T, "tier"), "{{tier}} 90 %")), unit="s",
        kind="bars", none="nobody has answered yet", limits=(86400, 2 * 86400),
    ),
    Panel(
        "How close to the limit do we work?", "Share of finished work that had used at most 75 % of its limit, 28 "
        "days.",
        (Query(share(summed("amends_clock_used_ratio_bucket", "28d", where('le="0.75"', tier=True), "kind"),
                     summed("amends_clock_used_ratio_count", "28d", _T, "kind")), "{{kind}}"),),
        unit="percentunit", kind="bars", limits=(0.8, 0.5), red="below", none="no work has been finished yet",
    ),
    Panel(
        "How often must the ladder help?", "Rungs reached within the range, by what they do.",
        (Query(summed("amends_escalations_total", "$__range", _T, "action"), "{{action}}"),), kind="bars",
        limits=(5, 20),
    ),
    Panel(
        "Do customers ask where the answer stays?", "Chases within the range. Read it beside attainment.",
        (Query(summed("amends_chases_total", "$__range", where()), "chases"),), limits=(5, 20),
    ),
    Panel(
        "How fresh are these numbers?", "Time since totals and states were last read, by service.",
        (Query(age("amends_state_collected_timestamp_seconds", where(), "service"), "{{service}}"),), unit="s",
        limits=(60, 120), links=(("Why: the pipeline", to(PIPELINE)),),
    ),
)  # fmt: skip
OWED = (
    Panel(
        "Do letters go out?", "Letters within the range, by what became of them.",
        (Query(summed("amends_letters_total", "$__range", where(), "outcome"), "{{outcome}}"),), kind="bars",
        links=(("Letters and outcomes", to(LETTERS)),), bad=("failed", "unknown", "blocked"),
    ),
    Panel(
        "Do we do what we write?", "Promises in letters, kept of those that were kept or broken, 28 days.",
        (Query(share(summed("amends_promises_total", "28d", where('outcome="kept"')),
                     summed("amends_promises_total", "28d", where('outcome=~"kept|broken"'))), "kept"),),
        unit="percentunit", limits=(0.98, 0.95), red="below", none="no promise has come due yet",
        links=(("Letters and outcomes", to(LETTERS)),),
    ),
    Panel(
        "How did it go, hour by hour?", "Settled clocks per hour, by outcome.",
        (Query(f"sum by (outcome) ({gained(_OUT, '1h', _T)})", "{{outcome}}"),), kind="lines", width=12,
    ),
)  # fmt: skip

BOARD = Board(
    SLA, "Amends: SLA", "Do we keep what we promise? From the totals that no crash can falsify.",
    (("Attainment and budget", wide(ATTAINMENT)), ("What lies ahead", AHEAD), ("What was late", LATE),
     ("What we owe", OWED)),
    variables=("namespace", "tier", "objective", "desk"), span="now-24h",
    links=(("Pipeline", to(PIPELINE)), ("The desk", "$desk/desk")),
)  # fmt: skip
