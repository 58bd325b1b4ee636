"""A complaint under another version of a policy: what would move, and moving it.

Nothing of this happens by itself: a complaint keeps what it was promised until somebody applies a version to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.calendars import Words
from shared.spine.effects import Count, Effect

from . import metrics, opening
from .book import Edition, PolicyBook, Terms
from .machine import Machine, bound_of, seen_of
from .model import Case

Effects = list[Effect]
How = Literal["tightened", "relaxed", "opened", "ended", "kept"]


@dataclass(frozen=True, slots=True)
class Moved:
    """One clock that a version changes. `kept`: it would be relaxed, and that was not asked for. `breaches`: with the
    new deadline it is too late already."""

    complaint_id: UUID
    kind: str
    how: How
    due_before: datetime | None
    due_after: datetime | None
    breaches: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Who applies what, and why. Without `loosen` nothing is taken back that a customer was told."""

    edition: Edition
    who: str
    reason: str
    loosen: bool = False

    @property
    def words(self) -> str:
        """For a clock's history."""
        return f"{self.edition.pack.pack} version {self.edition.version} applied by {self.who}: {self.reason}"


def apply(book: PolicyBook, case: Case, order: Order, now: datetime) -> tuple[list[Moved], Effects]:
    """Bring one complaint under a version. Pauses are kept; what is met, missed or promised as a date is left alone."""
    subject = case.subject()
    if subject is None:
        return [], []
    machine, pack = Machine(book), order.edition.pack.pack
    seen = seen_of(case)
    before = {name: (clock.due_at, clock.state) for name, clock in case.clocks.items()}
    binds = book.binds(order.edition, subject.received_at, subject.language)
    case.pins = (
        *((name, version) for name, version in case.pins if name != pack),
        *([(pack, order.edition.version)] if binds else []),
    )
    found = list(_exchange(book, case, order, now))
    kept, counts = [one for one in found if isinstance(one, Moved)], [one for one in found if isinstance(one, Count)]
    effects = [*counts, *machine.settle(case, now, rematch=True, seen=seen)]
    return [*_moved(case, before, now), *kept], effects


def _exchange(book: PolicyBook, case: Case, order: Order, now: datetime) -> Iterator[Moved | Count]:
    """Put the pack's open clocks under their new rules, as far as that is asked for."""
    pack, found = order.edition.pack.pack, _rules(book, case, order.edition.pack.pack)
    for name, clock in case.clocks.items():
        if clock.pack != pack or clock.given is not None or clock.state not in ("running", "paused"):
            continue
        if name not in found:
            if not order.loosen:
                yield Moved(case.complaint_id, clock.kind, "kept", clock.due_at, None)
                continue
            clock.state, clock.stopped_at, clock.paused_at = "cancelled", now, None
            yield metrics.OUTCOME.add(clock.kind, case.tier, "cancelled")
            clock.move(clock.due_at, Words(zh=clock.zh, en=clock.en), now, order.words)
            continue
        due, best = opening.strictest(case, found[name], clock.started_at)
        law = None if clock.legal else bound_of(case, clock)
        if law is not None and due > clock.due_at == law.due_at:
            due = clock.due_at  # the law bounds it before and after
        if due > clock.due_at and not order.loosen:
            yield Moved(case.complaint_id, clock.kind, "kept", clock.due_at, due)
            continue
        if due != clock.due_at:
            opening.put_under(case, clock, best, due, now, order.words)
        else:
            opening.rename(clock, best)
        clock.beaten = [t.mark for t in found[name] if t is not best]


def _rules(book: PolicyBook, case: Case, pack: str) -> dict[str, tuple[Terms, ...]]:
    subject = case.subject()
    assert subject is not None
    return {
        opening.name_of(case, kind, key, terms[0]): terms
        for kind, terms in book.matching(case.pins, subject)
        if terms[0].edition.pack.pack == pack
        for key, _, _ in opening.starts(case, kind, terms[0].rule.start)
    }


def _moved(case: Case, before: Mapping[str, tuple[datetime, str]], now: datetime) -> Iterator[Moved]:
    for name, clock in case.clocks.items():
        due, state = before.get(name, (None, ""))
        how: How | None = None
        if due is None:
            how = "opened"
        elif clock.state == "cancelled" and state != "cancelled":
            how = "ended"
        elif clock.due_at != due:
            how = "tightened" if clock.due_at < due else "relaxed"
        if how is not None:
            late = clock.live and clock.due_at <= now
            yield Moved(case.complaint_id, clock.kind, how, due, None if how == "ended" else clock.due_at, late)
