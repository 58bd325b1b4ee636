"""What a channel is told of its complaints: the status and the date of our answer, and nothing personal. Pure."""

from datetime import datetime
from typing import Any

from . import timeline
from .model import Case

EVENT = "complaint.status"
_ANSWERS = ("decision", "final_response", "reopened")


def answer_due(case: Case) -> datetime | None:
    """By when we have promised an answer; None while nothing is promised."""
    return min((c.due_at for c in case.clocks if c.state == "running" and c.kind in _ANSWERS), default=None)


def fingerprint(case: Case) -> tuple[str, datetime | None]:
    """What a channel is told about: when it changes, it is told again."""
    return case.stage, answer_due(case)


def purpose(channel: str, version: int) -> str:
    """What a channel's secret is derived for."""
    return f"{channel} {version}"


def body(case: Case) -> dict[str, Any]:
    """The webhook's body. `version` rises with every change: a later one wins, whatever the order of arrival."""
    assert case.origin
    due = answer_due(case)
    return {
        "complaint_id": str(case.complaint_id),
        "reference": case.origin.reference,
        "status": case.stage,
        "status_text": dict(zip(("zh", "en"), timeline.STAGES[case.stage], strict=True)),
        "open": case.open,
        "answer_due": due.isoformat() if due else None,
        "at": case.timeline[-1].at.isoformat() if case.timeline else None,
        "version": case.version,
    }
