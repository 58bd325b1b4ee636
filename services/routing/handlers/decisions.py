"""The decision and what ends a case: decide, carry out, resolve, reopen, refer outside, close."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from shared.base.errors import Problem
from shared.events.common import Cause, Decision, Issue, Overall
from shared.events.routing import (
    ComplaintClosed,
    ComplaintDecided,
    ComplaintReferredOutside,
    ComplaintReopened,
    ComplaintResolved,
    DecisionWords,
    RemedyCarriedOut,
)
from shared.spine.effects import Effect

from .. import states
from ..metrics import RESOLVED, SECOND_LOOKS
from ..model import Case, DecisionMade
from .commands import wrong
from .flow import Actor, end_offer, move, new_id, own, require, tell

# What a customer still waits for. Promised dates of answers are met by the answer, so they keep no case open.
OWED = ("remedy", "callback")


def overall(issues: Sequence[Issue]) -> Overall:
    """All issues substantiated: upheld. None substantiated or partly: not upheld. Else partly."""
    findings = [i.finding for i in issues]
    if all(f == "substantiated" for f in findings):
        return "upheld"
    if not any(f in ("substantiated", "partly") for f in findings):
        return "not_upheld"
    return "partly"


def decide(case: Case, record: Decision, cause: Cause, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Record the decision per issue; the letter that tells it is owed from here on."""
    own(case, actor, "decide")
    _check_record(record)
    if case.customer_id is None:
        raise Problem(409, "Conflict", "The case has no customer.")
    decision_id, result = new_id(case, "decision"), overall(record.issues)
    move(case, "decide")
    case.cause = cause
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
            personal={case.customer_id: DecisionWords(record=record)},
        ),
    )


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


def resolve(case: Case, actor: Actor, now: datetime) -> Iterator[Effect]:
    """Everything the decision promised is done and told."""
    own(case, actor, "resolve")
    if case.decision and case.decision.open_remedies:
        names = ", ".join(r.id for r in case.decision.open_remedies)
        raise states.refusal(case.state, "resolve", f"These remedies are not carried out: {names}.")
    if case.state == "final" and case.resolved_at and case.decision and case.resolved_at >= case.decision.at:
        raise states.refusal(case.state, "resolve", "The case is resolved.")
    move(case, "resolve")
    if case.resolved_at is None and not case.reopened:
        yield RESOLVED.add("yes" if case.reached <= 1 else "no")
    case.resolved_at = now
    case.note(now, "resolved", actor.name)
    yield from tell(case, ComplaintResolved(at=now, by=actor.name))


def reopen(case: Case, reason: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """A person opens the case again for the customer."""
    require(case, "reopen")
    yield from reopen_case(case, now, by=actor.name, reason=reason)


def reopen_case(case: Case, now: datetime, *, by: str, reason: str) -> Iterator[Effect]:
    """Back on its owner's desk, counted."""
    move(case, "reopen")
    case.reopened += 1
    case.resolved_at = case.closed_at = case.accepted_at = None
    case.note(now, "reopened", by, reason=reason, count=case.reopened)
    yield from tell(case, ComplaintReopened(at=now, by=by, count=case.reopened, stage=case.stage, reason=reason))


def refer_outside(case: Case, body: str, actor: Actor, now: datetime) -> Iterator[Effect]:
    """An outside body decides from here on."""
    own_or_lead(case, actor)
    yield from end_offer(case, "revoked", now, "referred outside")
    move(case, "external")
    case.needs = []
    case.note(now, "external", actor.name, body=body)
    yield from tell(case, ComplaintReferredOutside(at=now, body=body, by=actor.name))


def own_or_lead(case: Case, actor: Actor) -> None:
    """The owner, a lead, or anybody of the staff while nobody owns the case."""
    require(case, "external")
    if case.handler is not None:
        own(case, actor, "external")


def close(case: Case, actor: Actor, now: datetime) -> Iterator[Effect]:
    """The end, refused while something is owed: a promise, an enquiry, an answer to the customer."""
    own(case, actor, "close")
    if owed := still_owed(case):
        raise states.refusal(case.state, "close", "Still open: " + ", ".join(owed) + ".")
    reason = close_reason(case)
    move(case, "close")
    case.closed_at, case.needs, case.lead_wanted, case.warnings = now, [], None, []
    case.note(now, "closed", actor.name, reason=reason)
    yield from tell(case, ComplaintClosed(at=now, by=actor.name, reason=reason))


def still_owed(case: Case) -> list[str]:
    """What keeps a case from being closed, in words; nothing is owed to who withdrew."""
    if case.state == "withdrawn":
        return []
    owed = [f"remedy {r.id}" for r in case.decision.open_remedies] if case.decision else []
    carried = case.decision is not None and not owed
    owed += [
        f"promise ({p.kind})" for p in case.promises.values() if p.kind in OWED and not (p.kind == "remedy" and carried)
    ]
    if case.open_enquiries:
        owed.append("enquiry")
    if case.unanswered_since:
        owed.append("an unanswered message of the customer")
    return owed


def close_reason(case: Case) -> Literal["accepted", "resolved", "withdrawn", "final"]:
    """Why the case ends."""
    if case.state == "withdrawn":
        return "withdrawn"
    if case.accepted_at:
        return "accepted"
    return "resolved" if case.state == "resolved" else "final"
