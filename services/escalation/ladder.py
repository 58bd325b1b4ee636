"""The ladder: warnings and rungs as they are reached, and a person who takes one on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from shared.base.errors import Conflict
from shared.calendars import Duration, Unit
from shared.events.common import Staff
from shared.events.escalation import RungReached, SlaWarning
from shared.spine.effects import Effect, Emit

from .book import Terms
from .clocks import Clock, Threshold, deadline
from .metrics import ESCALATIONS, level
from .model import Case, RungRow
from .policy import Rung

_LATER_WORKING, _LATER = Duration(5, Unit.WORKING_DAY), Duration(1, Unit.WEEK)
MOST_QUESTIONS = 2


def reach(case: Case, clock: Clock, threshold: Threshold, terms: Terms | None) -> Iterator[Effect]:
    """Say that a warning or a rung has come, as of its time."""
    if threshold.rung is None or terms is None:
        clock.warned_at = threshold.at
        warning = SlaWarning(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, share=threshold.share,
            tier=case.tier,
        )  # fmt: skip
        yield Emit(warning, time=threshold.at)
        return
    rung, n = threshold.rung, int(threshold.name.removeprefix("rung/"))
    person = named(case, terms.rule.ladder, n)
    row = RungRow(rung_id(clock, n), clock.id, clock.version, n, rung.action, rung.to, threshold.at)
    case.rungs.append(replace(row, person=person.id if person else None))
    letter = rung.action in ("holding_letter", "referral_right")
    reached = RungReached(
        clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, rung=n, action=rung.action,
        to=rung.to, person=person, pack=clock.pack, legal=clock.legal, skill=rung.skill,
        tier=rung.tier, reason=rung.reason, outside=terms.edition.pack.outside if letter else None,
        new_date=_new_date(clock, rung, terms) if rung.action == "holding_letter" else None,
    )  # fmt: skip
    yield Emit(reached, time=threshold.at)
    yield ESCALATIONS.add(case.tier, level(n), rung.action)


def third_question(case: Case, now: datetime) -> Iterator[Effect]:
    """The customer is asked once more than twice: the lead sees it, once per question."""
    asked = sum(1 for q in case.questions.values() if q.begin is not None)
    clock = next((c for c in case.clocks.values() if c.pausable and c.live), None)
    if asked <= MOST_QUESTIONS or clock is None:
        return
    id_ = uuid5(clock.id, f"question:{asked}")
    case.rungs.append(RungRow(id_, clock.id, clock.version, 0, "notify", "lead", now))
    seen = RungReached(
        clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, rung=0, action="notify",
        to="lead", person=_person(case, "lead"), pack=clock.pack, legal=clock.legal, cause="third_question",
    )  # fmt: skip
    yield Emit(seen)


def rung_id(clock: Clock, n: int) -> UUID:
    """The id under which a reached rung is acknowledged."""
    return uuid5(clock.id, f"rung:{clock.version}:{n}")


def hold_limit(hours: int) -> Duration:
    """For how long acknowledging a rung holds the next ones: working hours."""
    return Duration(hours, Unit.BUSINESS_HOUR)


def refuse_acknowledgement(clock: Clock | None, rung: RungRow) -> None:
    """Raise Conflict when taking this rung on would hold nothing, or may not."""
    if clock is None or clock.legal:
        raise Conflict("A rung of a legal clock cannot be acknowledged away.")
    if str(rung.id) in clock.acknowledged:
        raise Conflict("This rung was acknowledged before.")
    if not clock.live:
        raise Conflict(f"This clock is {clock.state}: nothing is left to hold.")
    if rung.id != rung_id(clock, rung.rung):
        raise Conflict("The clock has another deadline by now.")


def named(case: Case, ladder: Sequence[Rung], n: int) -> Staff | None:
    """Whom rung `n` concerns by name. A page to the lead is the duty lead's, and with each further one the next lead's
    on duty; when nobody (more) is on duty it names nobody, and whoever the pager reaches has it."""
    rung, before = ladder[n - 1], sum(1 for r in ladder[: n - 1] if _pages_leads(r))
    if not (case.duty and _pages_leads(rung)):
        return _person(case, rung.to)
    return Staff.model_validate(case.duty[before]) if before < len(case.duty) else None


def _pages_leads(rung: Rung) -> bool:
    return rung.action == "page" and rung.to == "lead"


def _person(case: Case, to: str) -> Staff | None:
    found = {"handler": case.handler, "lead": case.lead}.get(to)
    return Staff.model_validate(found) if found else None


def _new_date(clock: Clock, rung: Rung, terms: Terms) -> datetime:
    """The date that the holding letter may name: the longer limit that it gives, else so much after the deadline."""
    if clock.given is None and clock.extended < len(terms.rule.extension):
        return deadline(terms, clock.started_at, extended=clock.extended + 1)
    later = rung.answer_in or (_LATER_WORKING if terms.limit(clock.extended).business else _LATER)
    return terms.calendar.add(clock.due_at, later)
