"""A person says what a complaint is about, where the words did not or said it wrongly."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.events.common import Cause
from shared.events.routing import ComplaintTriaged, Evidence, Trigger
from shared.spine.effects import Effect

from .. import states
from ..model import Case
from ..policy import Policy, demand
from .flow import Actor, own, tell, wrong

# Judgements about the customer's wish: nobody makes them before the matter was looked into.
JUDGEMENTS: tuple[Cause, ...] = ("C7_beyond_own_standard", "C8_measuring_gap", "C9_unmet_excessive")


def set_cause(
    case: Case, cause: Cause, reason: str, examined: Sequence[str], actor: Actor, now: datetime, policy: Policy
) -> Iterator[Effect]:
    """The cause as a person sees it, with the reason; who waits is looked for anew by what the case needs now."""
    own(case, actor, "cause")
    if not case.is_complaint:
        raise states.refusal(case.state, "cause", "Only a complaint has a cause.")
    if cause == "unknown":
        raise wrong("/cause", "Say what it is about.")
    if cause in JUDGEMENTS:
        _investigated(case, examined)
    before, case.cause = case.cause, cause
    levels = frozenset(level for level, _ in case.triggers)
    needed = demand(policy, cause=cause, tier=case.tier, levels=levels, vulnerable=case.vulnerable)
    case.queue, case.skills = needed.queue, [(s.skill, s.minimum) for s in needed.skills]
    rest = [why for why in case.decided_by if not why.startswith(("cause:", "policy:"))]
    case.decided_by = [f"cause:{cause}:person:{actor.name}", *rest, *needed.decided_by]
    if case.state in states.QUEUED:
        case.unroutable = False
    case.note(now, "cause_set", actor.name, cause=cause, before=before, reason=reason, examined=list(examined))
    assert case.customer_id is not None
    yield from tell(
        case,
        ComplaintTriaged(
            cause=cause,
            severity=case.severity,
            triggers=tuple(Trigger.model_validate({"level": level, "rule": rule}) for level, rule in case.triggers),
            vulnerable=case.vulnerable,
            repeat=case.repeat or None,
            needs=tuple(case.needs),
            skills=needed.skills,
            queue=case.queue,
            tier=case.tier,
            language=case.language,
            decided_by=tuple(case.decided_by),
            personal={case.customer_id: Evidence(spans=tuple(case.evidence))} if case.evidence else {},
        ),
    )


def _investigated(case: Case, examined: Sequence[str]) -> None:
    if case.state in states.QUEUED or case.handler is None:
        raise states.refusal(case.state, "cause", "C7 to C9 are said after an investigation: nobody has the case yet.")
    if not examined:
        raise wrong("/examined", "C7 to C9 are said after an investigation: name what was examined.")
