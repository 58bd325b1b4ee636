"""What escalation counts for good and shows of its clocks."""

from typing import get_args

from shared.spine.figures import Distribution, State, Total

from .policy import Action, Kind, Tier

TIERS, KINDS = get_args(Tier), get_args(Kind)
OUTCOMES = ("met", "breached", "retracted", "cancelled", "reopened")
WITHIN = ("overdue", "1h", "4h", "1d", "3d", "later")
LEVELS = ("1", "2", "3", "4", "5")
_HOUR, _DAY = 3600.0, 86400.0

OUTCOME = Total(
    "amends_sla_outcome_total",
    "Clocks that were settled. A breach that proved wrong adds `retracted` and `met`, work that did not hold "
    "`reopened`: what stands is breached minus retracted, and met minus reopened",
    {"kind": KINDS, "tier": TIERS, "outcome": OUTCOMES},
    answers="Do we keep our promises, for whom and which? Attainment, error budget and burn are made of it.",
)
USED = Distribution(
    "amends_clock_used_ratio",
    "Which share of its limit a clock had used when its work was done, counted as the limit counts (working time, "
    "without pauses). The bound 1 is the limit itself, whichever rule set it",
    {"kind": KINDS, "tier": TIERS},
    answers="How close to the limit do we work, and would a tighter promise hold?",
    bounds=(0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.25, 1.5, 2, 5),
)
LATENESS = Distribution(
    "amends_breach_lateness_seconds",
    "From a missed deadline to the work being done after all. What is not done yet is not in it: see the oldest",
    {"tier": TIERS},
    answers="How late is late? Stands beside the share of breaches, which looks better the longer one lets them lie.",
    bounds=(60, 300, 900, _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 14 * _DAY, 28 * _DAY),
)
FIRST_RESPONSE = Distribution(
    "amends_first_response_seconds",
    "From receipt to the first response by a person, as the customer waits: by the wall clock",
    {"tier": TIERS},
    answers="How long do customers wait until a person answers?",
    bounds=(300, 900, 1800, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY, 14 * _DAY,
            28 * _DAY, 56 * _DAY),
)  # fmt: skip
RUN = Total(
    "amends_clock_run_seconds_total", "Time from start to end of clocks whose work was done, pauses included",
    {"tier": TIERS}, answers="The whole that the paused share is a share of.",
)  # fmt: skip
PAUSED = Total(
    "amends_clock_paused_seconds_total", "The part of it in which clocks waited for the customer",
    {"tier": TIERS},
    answers="Is attainment bought by pausing? Stands beside attainment.",
)  # fmt: skip
ESCALATIONS = Total(
    "amends_escalations_total", "Rungs of the ladder that were reached, by level (5 stands for all higher ones)",
    {"tier": TIERS, "level": LEVELS, "action": get_args(Action)},
    answers="How often does the ladder have to help, and how high does it go?",
)  # fmt: skip

DUE = State(
    "amends_sla_due", "Running, paused and missed but unfinished clocks, by the time that is left",
    {"tier": TIERS, "kind": KINDS, "within": WITHIN}, answers="What falls due next, and how much is overdue?",
)  # fmt: skip
OLDEST_OVERDUE = State(
    "amends_oldest_overdue_timestamp_seconds", "Deadline of the missed clock that waits the longest for its work",
    {"tier": TIERS}, answers="How long has the worst one been waiting? Stands beside the share of breaches.",
    moment=True,
)  # fmt: skip


def level(rung: int) -> str:
    """A rung's place as a label."""
    return str(min(rung, len(LEVELS)))
