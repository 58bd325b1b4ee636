"""How long the work on a complaint takes, stage by stage: what is slow is seen before any clock is in danger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.calendars import Calendars

from .facts import earliest, first
from .model import Case


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one complaint. `kind` are cause and severity, by which stages are compared. `took` is None while it
    lasts; `over`: the complaint ended in it, so that it says nothing about how long such a stage takes."""

    name: str
    kind: str
    calendar: str
    began_at: datetime
    ended_at: datetime | None
    took: timedelta | None
    over: bool = False


def stages(case: Case, calendars: Calendars) -> list[Stage]:
    """The stages that have begun, in their order: triage, assignment, investigation, telling, carrying out."""
    used = next((c.calendar for c in case.clocks.values()), "always")
    kind = _kind(case)
    return [
        Stage(name, kind, used, began, until, None if until is None else duration(calendars, used, began, until), over)
        for name, began, until, over in _begun(case)
    ]


def marks(case: Case) -> list[str]:
    """One for each of `stages`; it changes whenever the row would. Nothing is reckoned for it."""
    kind = _kind(case)
    return [
        f"{name[:3]}{kind}{until is None:d}{over:d}{began.timestamp():.0f}" for name, began, until, over in _begun(case)
    ]


def _kind(case: Case) -> str:
    return f"{case.cause or 'unknown'} {case.severity or '-'}"


def _begun(case: Case) -> Iterator[tuple[str, datetime, datetime | None, bool]]:
    """The stages that have begun: name, from when, until when, and whether the complaint ended in it."""
    for name, began, ended in _borders(case):
        gone = first(case.ended, began)
        yield name, began, earliest(ended, gone), gone is not None and (ended is None or gone < ended)


def duration(calendars: Calendars, calendar: str, began: datetime, until: datetime) -> timedelta:
    """How long it took in working time: a night is no delay."""
    return max(timedelta(), calendars.get(calendar).between(began, until))


def _borders(case: Case) -> Iterator[tuple[str, datetime, datetime | None]]:
    received = case.received_at
    if received is None:
        return
    triaged = first(case.triaged)
    assigned = first(case.assigned, triaged) if triaged else None
    decided = first(case.decided, assigned) if assigned else None
    told = case.communicated(decided) if decided else None
    resolved = first(case.resolved, told) if told else None
    names = ("triage", "assignment", "investigation", "telling", "carrying_out")
    moments = (received, triaged, assigned, decided, told, resolved)
    for name, began, ended in zip(names, moments, moments[1:], strict=False):
        if began is not None:
            yield name, began, ended
