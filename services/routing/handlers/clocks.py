"""What escalation says: due dates order the queue, warnings and rungs put the case before the right eyes."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.events.envelope import Event
from shared.events.escalation import ClocksChanged, RungReached, SlaBreached, SlaBreachRetracted, SlaWarning
from shared.events.routing import ComplaintTransferred
from shared.spine.effects import Effect

from .. import states
from ..model import Case, Clock
from ..policy import Policy
from .flow import SYSTEM, call_lead, move, release, tell, warn


def on_clocks_changed(case: Case, event: Event[ClocksChanged], now: datetime) -> Iterable[Effect] | None:
    """All clocks as they are now replace what was known, the earliest deadline first."""
    told = [Clock(c.kind, c.state, c.due_at, c.explanation.zh, c.explanation.en) for c in event.data.clocks]
    told.sort(key=lambda c: (c.due_at, c.kind))
    if not case.known or told == case.clocks:
        return None
    case.clocks = told
    return ()


def on_warning(case: Case, event: Event[SlaWarning], now: datetime) -> Iterator[Effect]:
    """A limit is used up to the warning's share."""
    if case.known:
        case.note(event.time, "clock_warning", SYSTEM, clock=event.data.kind, due=event.data.due_at.isoformat())
    return iter(())


def on_breached(case: Case, event: Event[SlaBreached], now: datetime) -> Iterator[Effect]:
    """A deadline passed: it stands on the case until it is retracted."""
    if case.known:
        case.note(event.time, "clock_breached", SYSTEM, clock=event.data.kind, due=event.data.due_at.isoformat())
        warn(case, f"breached:{event.data.kind}")
    return iter(())


def on_retracted(case: Case, event: Event[SlaBreachRetracted], now: datetime) -> Iterator[Effect]:
    """It was in time after all."""
    if case.known:
        case.note(now, "clock_retracted", SYSTEM, clock=event.data.kind)
        case.warnings = [w for w in case.warnings if w != f"breached:{event.data.kind}"]
    return iter(())


RUNG_SKILL = 3  # of 5: more than knowing the word, less than the best


class Ladder:
    """The rungs, as far as they are routing's to climb."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def on_rung_reached(self, case: Case, event: Event[RungReached], now: datetime) -> Iterator[Effect]:
        """Tell the lead, put the case forward, or give it to somebody else; letters are the notifier's."""
        if not case.known or case.state in states.ENDED:
            return
        data = event.data
        who = data.person.name if data.person else None
        case.note(event.time, "rung", SYSTEM, rung=data.rung, action=data.action, to=data.to, clock=data.kind, who=who)
        if data.action == "notify" and data.to == "handler" and case.handler is not None:
            warn(case, f"rung:{data.kind}:{data.rung}")
        elif data.action in ("notify", "page"):
            call_lead(case, data.cause or f"rung:{data.kind}:{data.rung}")
        elif data.action == "raise_priority":
            case.raised = True
        elif data.action == "reassign":
            case.raised = True
            yield from self._reassign(case, data, now)

    def _reassign(self, case: Case, data: RungReached, now: datetime) -> Iterator[Effect]:
        if case.handler is None or not states.possible(case.state, "transfer-to-queue"):
            call_lead(case, f"rung:{data.kind}:{data.rung}")
            return
        before = case.handler.id
        self._want(case, data)
        move(case, "transfer-to-queue")
        release(case, now, exclude_for=self.policy.exclude.reassigned)
        case.note(now, "transferred", SYSTEM, before=before, queue=case.queue, reason=f"rung {data.rung}: {data.kind}")
        yield from tell(
            case,
            ComplaintTransferred(
                from_handler=before, queue=case.queue, by=SYSTEM, reason=f"rung {data.rung} of {data.kind}"
            ),
        )

    def _want(self, case: Case, data: RungReached) -> None:
        """Somebody who serves a higher tier, or knows another thing: what the rung says."""
        tiers = self.policy.tiers
        if data.tier in tiers and tiers.index(data.tier) < tiers.index(self.policy.tier(case.tier)):
            case.served_as = data.tier
        if data.skill and data.skill not in dict(case.skills):
            case.skills = [*case.skills, (data.skill, RUNG_SKILL)]
