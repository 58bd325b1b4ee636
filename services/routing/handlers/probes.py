"""Pipeline probes: complaints of our own that see whether everything runs. No person is asked; they end by themselves.

Mystery customers are no concern of this file: to everybody who handles them they are customers.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.events.routing import ComplaintClosed
from shared.spine.effects import Arm, Disarm, Effect, Timer

from ..model import Case
from .flow import SYSTEM, move, tell

PROBE_TIMER = "probe"
PATIENCE = timedelta(hours=1)  # for its acknowledgement; a probe that is not answered must not stay for ever


def wait(now: datetime) -> Effect:
    """Until the acknowledgement, or as long as it is worth waiting for."""
    return Arm(PROBE_TIMER, at=now + PATIENCE)


def answered(case: Case, kind: str, at: datetime) -> Iterator[Effect]:
    """A letter to the probe went out: the first one was what it came for."""
    if case.probe == "pipeline" and case.state == "triaged":
        yield Disarm(PROBE_TIMER)
        yield from _closed(case, at, answered_by=kind)


def on_timer(case: Case, timer: Timer, now: datetime) -> Iterator[Effect]:
    """No letter in all that time: it ends, and its history says so."""
    if timer.name == PROBE_TIMER and case.state == "triaged":
        yield from _closed(case, now, answered_by="nothing")


def _closed(case: Case, at: datetime, *, answered_by: str) -> Iterator[Effect]:
    move(case, "probe-passed")
    case.closed_at, case.close_reason = at, "resolved"
    case.note(at, "closed", SYSTEM, reason="probe", answered_by=answered_by)
    yield from tell(case, ComplaintClosed(at=at, by=SYSTEM, reason="resolved"))
