"""Cases and people as callers see them."""

from datetime import datetime
from typing import Any

from .. import states
from ..handlers.flow import Actor
from ..model import Case, Handler

# Words that a judgement of health or need rests on are for who works the case.
SEES_EVIDENCE = ("lead", "manager")


def case_document(case: Case, actor: Actor) -> dict[str, Any]:
    """The whole case without its history. `allowed` are the commands that its state admits."""
    owner = case.handler is not None and case.handler.id == actor.name
    return {
        "complaint_id": case.complaint_id,
        "version": case.version,
        "kind": case.kind,
        "state": case.state,
        "stage": case.stage,
        "allowed": states.allowed(case.state),
        "reference": case.reference,
        "channel": case.channel,
        "received_at": case.received_at,
        "customer": {
            "customer_id": case.customer_id,
            "name": case.name,
            "phone": case.phone,
            "email": case.email,
            "tier": case.tier,
            "language": case.language,
            "complaints_12m": case.complaints_12m,
            "last_handler": case.last_handler,
            "last_matter": case.last_matter,
        },
        "order_ref": case.order_ref or None,
        "product": case.product or None,
        "wanted": case.wanted or None,
        "cause": case.cause,
        "severity": case.severity,
        "triggers": [{"level": level, "rule": rule} for level, rule in case.triggers],
        "vulnerable": case.vulnerable,
        "needs": case.needs,
        "evidence": case.evidence if owner or actor.role in SEES_EVIDENCE else [],
        "care": [vars(f) for f in case.flags] if owner or actor.role in SEES_EVIDENCE else [],
        "repeat_contact": case.repeat,
        "queue": case.queue,
        "skills": dict(case.skills),
        "decided_by": case.decided_by,
        "handler": case.handler.model_dump() if case.handler else None,
        "lead": case.lead.model_dump() if case.lead else None,
        "offer": offer_document(case),
        "waiting_since": case.waiting_since if case.state in states.QUEUED else None,
        "unroutable": case.unroutable,
        "due_at": case.due_at,
        "clocks": [
            {"kind": c.kind, "state": c.state, "due_at": c.due_at, "explanation": {"zh": c.zh, "en": c.en}}
            for c in case.clocks
        ],
        "first_response_at": case.first_response_at,
        "enquiries": [
            {"enquiry_id": i, "to": e.to, "due": e.due, "asked_by": e.asked_by, "answered_at": e.answered_at}
            for i, e in case.enquiries.items()
        ],
        "asked": {"answer_by": case.asked.answer_by, "reminded_at": case.asked.reminded} if case.asked else None,
        "preliminary_told_at": case.preliminary_at,
        "decision": _decision(case),
        "outside_decisions": [vars(o) for o in case.outside],
        "conflicts": case.conflicts if actor.leads else list(case.conflicts),
        "promises": [{"promise_id": i, "kind": p.kind, "due_at": p.due_at} for i, p in case.promises.items()],
        "linked": case.links,
        "chases": case.chases,
        "unanswered_since": case.unanswered_since,
        "lead_wanted": case.lead_wanted,
        "warnings": case.warnings,
        "reopened": case.reopened,
        "accepted_at": case.accepted_at,
        "confirmed_at": case.confirmed_at,
        "close_reason": case.close_reason,
        "resolved_at": case.resolved_at,
        "closed_at": case.closed_at,
        **({"probe": case.probe} if revealed(case, actor) else {}),
    }


def revealed(case: Case, actor: Actor) -> bool:
    """Whether this person may know that the customer was a mystery customer: quality alone, and only afterwards."""
    return case.probe == "mystery" and case.state == "closed" and actor.role == "quality"


def _decision(case: Case) -> dict[str, Any] | None:
    made = case.decision
    if made is None:
        return None
    return {
        "decision_id": made.decision_id,
        "overall": made.overall,
        "stage": made.stage,
        "at": made.at,
        "by": made.by,
        "told_at": made.told_at,
        "remedies": [{**r.model_dump(exclude_none=True), "done_at": made.done.get(r.id)} for r in made.remedies],
    }


def offer_document(case: Case) -> dict[str, Any] | None:
    """The open offer of a case."""
    offer = case.offer
    if offer is None:
        return None
    return {"offer_id": offer.offer_id, "handler": offer.handler.id, "expires_at": offer.expires_at}


def handler_document(handler: Handler) -> dict[str, Any]:
    """A handler's entry, his presence and how much he has."""
    return {
        "id": handler.id,
        "name": handler.name,
        "role_title": handler.role_title,
        "contact": handler.contact,
        "tiers": sorted(handler.tiers),
        "skills": handler.skills,
        "languages": sorted(handler.languages),
        "capacity": handler.capacity,
        "authority": handler.authority,
        "permissions": sorted(handler.permissions),
        "calendar": handler.calendar,
        "zone": handler.zone,
        "shifts": [s.document() for s in handler.shifts],
        "presence": handler.presence,
        "presence_since": handler.presence_since,
        "load": handler.load,
    }


def next_clock(case: Case, now: datetime) -> tuple[str, datetime, float] | None:
    """The running clock that ends first: its kind, its due time, and the seconds that are left (negative when over)."""
    running = [c for c in case.clocks if c.state == "running" and c.kind != "acknowledgement"]
    if not running:
        return None
    first = min(running, key=lambda c: c.due_at)
    return first.kind, first.due_at, (first.due_at - now).total_seconds()
