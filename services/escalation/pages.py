"""Paging the on-call: what a rung says to whoever is awake, as a signed webhook or as an alert for Alertmanager.

Nothing here names a customer: the complaint's id leads to the desk. The duty lead is named, with his contact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from shared.deliver.webhooks import Owed
from shared.events.codec import timestamp

from .clocks import Clock
from .model import Case, RungRow

TARGET = "on-call"
EVENT = "rung.page"
Format = Literal["webhook", "alertmanager"]
_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OnCall:
    """How the on-call wants to be told."""

    url: str
    secret: str
    format: Format = "webhook"


def owed(case: Case, on_call: OnCall) -> list[Owed]:
    """What this transaction's rungs page: once per rung and version of the deadline."""
    clocks = {clock.id: clock for clock in case.clocks.values()}
    return [
        Owed(rung.id, TARGET, EVENT, _BODY[on_call.format](case, clocks[rung.clock_id], rung), case.complaint_id)
        for rung in case.rungs
        if rung.action == "page" and rung.acknowledged_at is None and rung.clock_id in clocks
    ]


def _webhook(case: Case, clock: Clock, rung: RungRow) -> dict[str, Any]:
    return {
        "complaint_id": str(case.complaint_id), "clock": clock.kind, "pack": clock.pack, "tier": case.tier,
        "severity": case.severity, "triggers": case.triggers,
        "legal": clock.legal, "due_at": timestamp(clock.due_at), "rung": rung.rung,
        "rung_id": str(rung.id), "to": rung.to, **_named(case, rung), "reached_at": timestamp(rung.reached_at),
        "explanation": {"zh": clock.zh, "en": clock.en},
    }  # fmt: skip


def _named(case: Case, rung: RungRow) -> dict[str, Any]:
    """`duty_lead`: whom of our people it is for, or nobody: whoever the pager reaches. `then`: who follows on duty."""
    at = next((n for n, lead in enumerate(case.duty) if lead["id"] == rung.person), None)
    if at is None:
        return {"duty_lead": None, "then": []}
    return {"duty_lead": case.duty[at], "then": case.duty[at + 1 :]}


def _alert(case: Case, clock: Clock, rung: RungRow) -> list[Any]:
    """One alert as `POST /api/v2/alerts` takes it."""
    labels = {
        "alertname": "AmendsRungReached", "severity": "page", "service": "escalation", "clock": clock.kind,
        "pack": clock.pack, "tier": case.tier, "rung": str(rung.rung), "complaint_id": str(case.complaint_id),
        **({"trigger": case.triggers[0]} if case.triggers else {}),
        **({"duty_lead": rung.person} if rung.person else {}),
    }  # fmt: skip
    annotations = {"summary": f"{clock.kind} of a complaint, due {timestamp(clock.due_at)}", "description": clock.en}
    ends = rung.reached_at + _LASTS
    return [
        {
            "labels": labels,
            "annotations": annotations,
            "startsAt": timestamp(rung.reached_at),
            "endsAt": timestamp(ends),
        }
    ]


Body = Callable[[Case, Clock, RungRow], dict[str, Any] | list[Any]]
_BODY: dict[Format, Body] = {"webhook": _webhook, "alertmanager": _alert}
