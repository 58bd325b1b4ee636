"""The decision: told beforehand where the policy wants it, made, carried out, and opened again."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.base.errors import Problem
from shared.events.common import Cause, Decision, Issue, Overall
from shared.events.routing import (
    ComplaintDecided,
    ComplaintReopened,
    DecisionWords,
    RemedyCarriedOut,
)
from shared.spine.effects import Disarm, Effect

from .. import states
from ..metrics import SECOND_LOOKS
from ..model import Case, DecisionMade
from ..policy import Policy
from .conflicts import leave
from .ending import CLOSE_TIMER, NO_ANSWER_TIMER
from .flow import Actor, move, new_id, own, require, tell, wrong


def overall(issues: Sequence[Issue]) -> Overall:
    """All issues substantiated: upheld. None substantiated or partly: not upheld. Else partly."""
    findings = [i.finding for i in issues]
    if all(f == "substantiated" for f in findings):
        return "upheld"
    if not any(f in ("substantiated", "partly") for f in findings):
        return "not_upheld"
    return "partly"


def decide(
    case: Case, record: Decision, cause: Cause, actor: Actor, now: datetime, policy: Policy, *, deadlock: bool = False
) -> Iterator[Effect]:
    """Record the decision per issue; the letter that tells it is owed from here on."""
    own(case, actor, "decide")
    _check_record(record)
    _another_person(case, actor)
    _told_before(case, policy)
    if deadlock and case.stage == 1:
        raise wrong("/deadlock", "Both sides keep their view only after the second look.")
    if case.customer_id is None:
        raise Problem(409, "Conflict", "The case has no customer.")
    decision_id, result = new_id(case, "decision"), overall(record.issues)
    move(case, "decide")
    case.cause, case.asked = cause, None
    yield Disarm(NO_ANSWER_TIMER)
    if case.stage == 2 and case.decision:
        yield SECOND_LOOKS.add("confirmed" if result == case.decision.overall else "overturned")
    case.decision = DecisionMade(decision_id, result, now, actor.name, case.stage, record.remedies)
    case.note(
        now, "decided", actor.name, decision_id=str(decision_id), overall=result, cause=cause, stage=case.stage,
        record=record.model_dump(mode="json", exclude_none=True),
    )  # fmt: skip
    yield from tell(
        case,
        ComplaintDecided(
            decision_id=decision_id,
            stage=case.stage,
            overall=result,
            cause=cause,
            remedies=record.remedies,
            handler=actor.staff,
            lead=case.lead,
            authority=(actor.handler.authority or None) if actor.handler else None,
            deadlock=deadlock or None,
            personal={case.customer_id: DecisionWords(record=record)},
        ),
    )


def _another_person(case: Case, actor: Actor) -> None:
    """Nobody, lead or not, decides in the second stage on what they decided in the first."""
    if case.stage == 2 and actor.name in case.deciders:
        raise states.refusal(
            case.state, "decide", "The second stage is decided by somebody who has not worked on the case."
        )


def _told_before(case: Case, policy: Policy) -> None:
    """Where the policy wants it, the customer hears what we have in mind before it is decided."""
    wanted = policy.tell_first
    if not wanted.holds(cause=case.cause, tier=case.tier, triggers=case.triggers, vulnerable=case.vulnerable):
        return
    if case.preliminary_at is None and case.tries < wanted.tries:
        raise states.refusal(
            case.state, "decide",
            "Tell the customer the preliminary solution first: record the contact with `preliminary`. "
            f"After {wanted.tries} contacts in which nobody was reached it may be decided without.",
        )  # fmt: skip


def _check_record(record: Decision) -> None:
    known = [i.id for i in record.issues]
    if len(set(known)) != len(known):
        raise wrong("/issues", "Two issues have the same id.")
    ids = [r.id for r in record.remedies]
    if len(set(ids)) != len(ids):
        raise wrong("/remedies", "Two remedies have the same id.")
    for n, remedy in enumerate(record.remedies):
        if remedy.issue not in known:
            raise wrong(f"/remedies/{n}/issue", "There is no issue with this id.")


def remedy_done(
    case: Case, remedy_id: str, at: datetime, evidence: str, actor: Actor, now: datetime
) -> Iterator[Effect]:
    """What was promised is carried out, with its evidence."""
    own(case, actor, "remedy-done")
    decision = case.decision
    if decision is None or remedy_id not in {r.id for r in decision.remedies}:
        raise Problem(404, "Not found", "The decision has no such remedy.")
    if remedy_id in decision.done:
        raise Problem(409, "Conflict", "This remedy is carried out.")
    if at > now:
        raise wrong("/at", "The time is in the future.")
    decision.done = {**decision.done, remedy_id: at}
    case.note(at, "remedy_done", actor.name, remedy_id=remedy_id, evidence=evidence)
    yield from tell(
        case,
        RemedyCarriedOut(
            decision_id=decision.decision_id, remedy_id=remedy_id, at=at, evidence=evidence, by=actor.name
        ),
        at,
    )


def reopen(case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A person opens the case again for the customer."""
    require(case, "reopen")
    yield from reopen_case(case, now, by=actor.name, reason=reason)


def reopen_case(case: Case, now: datetime, *, by: str, reason: str) -> Iterator[Effect]:
    """Back on its owner's desk, counted."""
    move(case, "reopen")
    case.reopened += 1
    case.resolved_at = case.closed_at = case.accepted_at = case.close_reason = None
    case.preliminary_at, case.tries = None, 0
    case.note(now, "reopened", by, reason=reason, count=case.reopened)
    yield Disarm(CLOSE_TIMER)
    yield from tell(case, ComplaintReopened(at=now, by=by, count=case.reopened, stage=case.stage, reason=reason))
    if case.handler is not None and case.handler.id in case.conflicts:
        yield from leave(case, by, now)
