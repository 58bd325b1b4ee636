"""Cases and clocks as rows: queried fields are columns, the rest is one JSON document."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from .clocks import Clock
from .facts import Given, Question, Times
from .model import Case, RungRow
from .stages import Stage

_TIMES = (
    "triaged", "assigned", "acknowledged", "responded", "reached", "called", "letters", "holdings", "decided",
    "summaries", "resolutions", "reopenings", "agreed", "disputed", "resolved", "referred", "replies", "resumed",
    "ended",
)  # fmt: skip
_PLAIN = (
    "channel", "language", "product", "cause", "severity", "vulnerable", "triggers", "probe", "stage", "handler",
    "lead", "duty", "deciders",
    "bounced",
)  # fmt: skip
_GIVEN = ("callbacks", "enquiries", "remedies", "approvals")
_BY = ("transfers", "acts")
_CLOCK_TIMES = ("started_at", "given", "stopped_at", "noticed_at", "warned_at", "paused_at", "held_until")
_CLOCK_PLAIN = (
    "name", "pack_version", "rule", "calendar", "legal", "pausable", "extended", "lapses", "version", "zh", "en",
    "armed", "beaten", "passed", "acknowledged", "history",
)  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def complaint_row(case: Case, stamp: int) -> dict[str, Any]:
    """The row of `complaint`; empty facts are left out."""
    document: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(case, name)) not in (None, {}, [])}
    document |= {name: [t.isoformat() for t in times] for name in _TIMES if (times := getattr(case, name))}
    document |= {
        name: {k: [_iso(t) for t in (g.started_at, g.due_at, g.done_at, g.over_at)] for k, g in given.items()}
        for name in _GIVEN
        if (given := getattr(case, name))
    }
    document |= {name: [[at.isoformat(), who] for at, who in by] for name in _BY if (by := getattr(case, name))}
    if case.needs:
        document["needs"] = case.needs
    if case.pins:
        document["pins"] = case.pins
    if case.reopened:
        document["reopened"] = {k: at.isoformat() for k, at in case.reopened.items()}
    if case.questions:
        document["questions"] = {k: _question_row(q) for k, q in case.questions.items()}
    if case.claims:
        document["claims"] = {k: [at.isoformat(), who] for k, (at, who) in case.claims.items()}
    if case.sent:
        document["sent"] = {k: [kind, at.isoformat()] for k, (kind, at) in case.sent.items()}
    if case.staged:
        document["staged"] = case.staged
    if case.pause_end:
        document["pause_end"] = case.pause_end.isoformat()
    return {
        "complaint_id": case.complaint_id, "version": case.version, "tier": case.tier, "received_at": case.received_at,
        "document": document, "stamp": stamp, "class": "complaint", "delete_after": None, "legal_hold": False,
    }  # fmt: skip


def case_of(row: Any) -> Case:
    """The case of a row of `complaint`, without its clocks."""
    document: Mapping[str, Any] = row.document
    case = Case(row.complaint_id, row.version, row.received_at, row.tier)
    for name in _PLAIN:
        if name in document:
            setattr(case, name, document[name])
    for name in _TIMES:
        if name in document:
            found: Times = [datetime.fromisoformat(t) for t in document[name]]
            setattr(case, name, found)
    for name in _GIVEN:
        for key, times in document.get(name, {}).items():
            getattr(case, name)[key] = Given(*(_time(t) for t in times))
    for name in _BY:
        setattr(case, name, [(datetime.fromisoformat(at), who) for at, who in document.get(name, ())])
    case.needs = tuple(document.get("needs", ()))
    case.pins = tuple((pack, version) for pack, version in document.get("pins", ()))
    case.reopened = {k: datetime.fromisoformat(at) for k, at in document.get("reopened", {}).items()}
    case.questions = {k: _question_of(row) for k, row in document.get("questions", {}).items()}
    case.claims = {k: (datetime.fromisoformat(at), who) for k, (at, who) in document.get("claims", {}).items()}
    case.sent = {k: (kind, datetime.fromisoformat(at)) for k, (kind, at) in document.get("sent", {}).items()}
    case.staged = document.get("staged", "")
    case.pause_end = _time(document.get("pause_end"))
    return case


def _question_row(question: Question) -> list[Any]:
    told = _iso(question.told_at)
    return [question.asked_at.isoformat(), question.answer_by.isoformat(), question.letter, question.refused, told]


def _question_of(row: list[Any]) -> Question:
    asked, answer_by, letter, refused, told = [*row, "", False, None][:5]
    return Question(datetime.fromisoformat(asked), datetime.fromisoformat(answer_by), letter, refused, _time(told))


def clock_row(complaint_id: UUID, tier: str, clock: Clock) -> dict[str, Any]:
    """The row of `clock`; what is empty is left out."""
    document: dict[str, Any] = {name: value for name in _CLOCK_PLAIN if (value := getattr(clock, name)) != []}
    document |= {name: at.isoformat() for name in _CLOCK_TIMES if (at := getattr(clock, name))}
    return {
        "id": clock.id, "complaint_id": complaint_id, "kind": clock.kind, "tier": tier, "pack": clock.pack,
        "state": clock.state, "live": clock.live, "due_at": clock.due_at, "document": document,
    }  # fmt: skip


def clock_of(row: Any) -> Clock:
    """The clock of a row."""
    document: Mapping[str, Any] = row.document
    times: dict[str, Any] = {name: _time(document.get(name)) for name in _CLOCK_TIMES}
    return Clock(
        id=row.id, kind=row.kind, pack=row.pack, state=row.state, due_at=row.due_at,
        **{name: document[name] for name in _CLOCK_PLAIN if name in document}, **times,
    )  # fmt: skip


def clock_mark(tier: str, clock: Clock) -> tuple[object, ...]:
    """Changes whenever the row would."""
    return (
        tier, clock.visible(), clock.armed, clock.warned_at, clock.held_until, len(clock.passed), len(clock.history),
        len(clock.acknowledged), clock.mark, clock.extended, clock.lapses,
        len(clock.beaten),
    )  # fmt: skip


def stage_row(complaint_id: UUID, stage: Stage) -> dict[str, Any]:
    """The row of `stage`."""
    return {
        "complaint_id": complaint_id, "stage": stage.name, "kind": stage.kind, "calendar": stage.calendar,
        "began_at": stage.began_at, "ended_at": stage.ended_at, "over": stage.over,
        "took": None if stage.took is None else stage.took.total_seconds(),
    }  # fmt: skip


def rung_row(complaint_id: UUID, rung: RungRow) -> dict[str, Any]:
    """The row of `rung`."""
    return {
        "id": rung.id, "complaint_id": complaint_id, "clock_id": rung.clock_id, "version": rung.version,
        "rung": rung.rung, "action": rung.action, "to_role": rung.to, "reached_at": rung.reached_at,
        "acknowledged_at": rung.acknowledged_at, "acknowledged_by": rung.acknowledged_by, "why": rung.why,
    }  # fmt: skip


def rung_of(row: Any) -> RungRow:
    """The rung of a row."""
    return RungRow(
        row.id, row.clock_id, row.version, row.rung, row.action, row.to_role, row.reached_at, row.acknowledged_at,
        row.acknowledged_by, row.why,
    )  # fmt: skip
