"""From facts to clocks: which run, which are met, late or paused, and what follows from that.

`settle` looks at all facts each time, so the order in which they became known makes no difference, and an event that
comes twice or out of turn changes nothing. What was said aloud (a breach, a rung) is remembered on the clock.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from shared.calendars import Calendar
from shared.events.common import Staff
from shared.events.escalation import ClocksChanged, RungReached, SlaBreached, SlaBreachRetracted, SlaWarning
from shared.spine.effects import Arm, Disarm, Effect, Emit

from . import clocks as reckon
from .book import PolicyBook, Terms
from .clocks import Clock, Pause, Threshold
from .model import Case, RungRow
from .policy import BOUNDS

PAUSE_END = "pause/end"
_FROM_RECEIPT = ("acknowledgement", "first_response", "next_update", "decision", "final_response")
_GIVEN = ("callback", "enquiry", "remedy")
PROMISE_PACK = "promise"


class Machine:
    """The clocks of one complaint at a time, under the policies of a book."""

    def __init__(self, book: PolicyBook) -> None:
        self.book = book

    def settle(
        self, case: Case, now: datetime, *, rematch: bool = False, fired: Clock | None = None
    ) -> Iterator[Effect]:
        """Bring the clocks in line with the facts. `rematch`: facts changed that rules or new clocks depend on;
        `fired`: this clock's timer has come due."""
        if case.received_at is None:
            return
        seen = {name: (clock.visible(), _course(clock)) for name, clock in case.clocks.items()}
        if rematch:
            self._match(case, now)
        if fired is not None:
            yield from self._fire(case, fired, now)
        # Legal clocks first: they bound the house clocks.
        for clock in sorted(case.clocks.values(), key=lambda c: not c.legal):
            if clock.kind == "next_update":
                yield from self._next_update(case, clock, now)
            if clock.live or clock.state == "breached":
                yield from self._judge(case, clock, now)
        for name, clock in case.clocks.items():
            if name not in seen or seen[name][1] != _course(clock) or (clock.armed is None and clock.live):
                yield from self._arm(case, clock)
        yield from self._arm_pause_end(case, now)
        if any(name not in seen or seen[name][0] != clock.visible() for name, clock in case.clocks.items()):
            yield Emit(ClocksChanged(clocks=tuple(clock.view() for clock in case.clocks.values())))

    def terms(self, clock: Clock) -> Terms | None:
        """The rule that the clock was promised under; None for a bare promised date."""
        if clock.rule < 0:
            return None
        return self.book.terms(clock.pack, clock.pack_version, clock.rule, clock.calendar)

    # Which clocks there are --------------------------------------------------------------------------------------

    def _match(self, case: Case, now: datetime) -> None:
        subject = case.subject()
        assert subject is not None
        for _, kind, found in self.book.matching(case.pins, subject):
            for key, started_at, given in _starts(case, kind):
                self._open_or_tighten(case, kind, key, found, started_at, given, now)
        for kind in _GIVEN:
            for key, started_at, given in _starts(case, kind):
                if given is not None and not any(c.kind == kind and _key(c) == key for c in case.clocks.values()):
                    self._open_promise(case, kind, key, started_at, given)

    def _open_or_tighten(
        self, case: Case, kind: str, key: str, found: Sequence[Terms], started_at: datetime,
        given: datetime | None, now: datetime,
    ) -> None:  # fmt: skip
        pack = found[0].edition.pack.pack
        name = _name(case, kind, key, found[0])
        clock = case.clocks.get(name)
        if clock is None:
            due, best = _strictest(found, started_at)
            due = given or due
            said = reckon.promised_words(best.calendar, due) if given else reckon.words(started_at, best, due)
            case.clocks[name] = Clock(
                id=uuid5(case.complaint_id, f"clock:{pack}:{kind}:{key}"), name=name, kind=kind, pack=pack,
                pack_version=best.edition.version, rule=best.index, calendar=best.calendar.id, legal=best.legal,
                pausable=best.rule.pausable and given is None, started_at=started_at, due_at=due, given=given,
                zh=said.zh, en=said.en, beaten=[t.index for t in found if t is not best],
            )  # fmt: skip
        elif clock.state in ("running", "paused") and clock.given is None:
            self._tighten(case, clock, found, now)

    def _tighten(self, case: Case, clock: Clock, found: Sequence[Terms], now: datetime) -> None:
        """Another rule holds as well now: it counts if it is stricter, for what was told is never loosened."""
        others = [t for t in found if t.index != clock.rule and t.index not in clock.beaten]
        if not others:
            return
        pauses = case.pauses(clock)
        due, best = _strictest(others, clock.started_at, pauses)
        clock.beaten += [t.index for t in others if t is not best]
        if due < clock.due_at:
            clock.beaten.append(clock.rule)
            clock.rule, clock.calendar, clock.pausable = best.index, best.calendar.id, best.rule.pausable
            clock.passed.clear()
            clock.move(due, reckon.words(clock.started_at, best, due, pauses), now, "a stricter rule applies")
        else:
            clock.beaten.append(best.index)

    def _open_promise(self, case: Case, kind: str, key: str, started_at: datetime, due: datetime) -> None:
        calendar = self._calendar(case)
        said = reckon.promised_words(calendar, due)
        case.clocks[f"{kind}:{key}"] = Clock(
            id=uuid5(case.complaint_id, f"clock:{PROMISE_PACK}:{kind}:{key}"), name=f"{kind}:{key}", kind=kind,
            pack=PROMISE_PACK, pack_version=0, rule=-1, calendar=calendar.id, legal=False, pausable=False,
            started_at=started_at, due_at=due, given=due, zh=said.zh, en=said.en,
        )  # fmt: skip

    def _calendar(self, case: Case) -> Calendar:
        """The calendar of the complaint's other clocks."""
        used = next((c.calendar for c in case.clocks.values()), "always")
        return self.book.calendars.get(used)

    # What a clock's state is -------------------------------------------------------------------------------------

    def _judge(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        pauses = case.pauses(clock)
        if clock.state != "breached":
            self._derive(case, clock, pauses, now)
        stop, cancel = case.stop(clock), case.cancelled(clock)
        if stop is not None and (cancel is None or stop <= cancel):
            yield from self._stopped(case, clock, stop, now, "met")
        elif cancel is not None:
            yield from self._stopped(case, clock, cancel, now, "cancelled")
        elif clock.state != "breached":
            waits = next((begin for begin, end in pauses if begin <= now < end), None)
            clock.state, clock.paused_at = ("paused", waits) if waits else ("running", None)

    def _derive(self, case: Case, clock: Clock, pauses: Sequence[Pause], now: datetime) -> None:
        """The deadline from the clock's rule, its pauses and the legal limit over it."""
        if clock.given is not None:
            return
        bound = None if clock.legal else _bound(case, clock)
        if not pauses and (bound is None or bound.due_at >= clock.due_at):
            return  # nothing moves it: most clocks, most of the time
        terms = self.terms(clock)
        assert terms is not None
        due = reckon.deadline(terms, clock.started_at, pauses)
        limited = bound is not None and bound.due_at < due
        if bound is not None and limited:
            due = bound.due_at
        if due != clock.due_at:
            said = reckon.words(clock.started_at, terms, due, pauses, bound.pack if bound and limited else None)
            clock.move(due, said, now, "a legal limit bounds it" if limited else "waiting for the customer")

    def _stopped(self, case: Case, clock: Clock, at: datetime, now: datetime, state: str) -> Iterator[Effect]:
        in_time = at <= clock.due_at
        if clock.state == "breached":
            if in_time:
                yield from self._retract(case, clock, at)
        elif not in_time:
            clock.passed.append("due")
            yield from self._breach(case, clock, now)
        clock.stopped_at, clock.paused_at = at, None
        if in_time:
            clock.state = "met" if state == "met" else "cancelled"
            case.outcomes.append((clock.kind, case.tier, clock.state))

    def _breach(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        clock.state, clock.noticed_at, clock.paused_at = "breached", now, None
        case.outcomes.append((clock.kind, case.tier, "breached"))
        breached = SlaBreached(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, noticed_at=now,
            tier=case.tier,
        )  # fmt: skip
        yield Emit(breached, time=clock.due_at)

    def _retract(self, case: Case, clock: Clock, at: datetime) -> Iterator[Effect]:
        clock.noticed_at = None
        case.outcomes.append((clock.kind, case.tier, "retracted"))
        retracted = SlaBreachRetracted(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, met_at=at
        )
        yield Emit(retracted)

    def _next_update(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        """A letter ends the present wait for an update and begins the next one."""
        since = case.updates_since()
        if since is None or since <= clock.started_at:
            return
        if clock.state in ("running", "paused", "breached") and clock.stopped_at is None:
            told = min(t for t in [*case.letters, *case.reopened.values()] if t > clock.started_at)
            yield from self._stopped(case, clock, told, now, "met")
        terms = self.terms(clock)
        assert terms is not None
        clock.started_at, clock.state = since, "running"
        clock.stopped_at = clock.noticed_at = clock.warned_at = clock.paused_at = clock.held_until = None
        clock.passed.clear()
        due = reckon.deadline(terms, since)
        clock.move(due, reckon.words(since, terms, due), now, "the customer was written to")

    # What comes next ---------------------------------------------------------------------------------------------

    def _arm(self, case: Case, clock: Clock) -> Iterator[Effect]:
        """One timer per clock: the next threshold."""
        ahead = reckon.upcoming(clock, self.terms(clock), case.pauses(clock)) if clock.live else None
        name = f"{clock.name}/{ahead.name}" if ahead else None
        if clock.armed is not None and clock.armed != name:
            yield Disarm(clock.armed)
        clock.armed = name
        if ahead is not None and name is not None:
            yield Arm(name, at=ahead.at, version=clock.version)

    def _arm_pause_end(self, case: Case, now: datetime) -> Iterator[Effect]:
        """A pause whose answer does not come ends by itself, visibly."""
        ends = [end for c in case.clocks.values() if c.state == "paused" for _, end in case.pauses(c) if end > now]
        end = min(ends, default=None)
        if end == case.pause_end:
            return
        case.pause_end = end
        yield Disarm(PAUSE_END) if end is None else Arm(PAUSE_END, at=end, version=case.version + 1)

    def _fire(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        """Everything on the clock's way that has come, in order."""
        clock.armed = None
        for threshold in reckon.thresholds(clock, self.terms(clock), case.pauses(clock)):
            if threshold.at > now or not clock.live:
                break
            if threshold.name in clock.passed:
                continue
            clock.passed.append(threshold.name)
            yield from self._reach(case, clock, threshold, now)

    def _reach(self, case: Case, clock: Clock, threshold: Threshold, now: datetime) -> Iterator[Effect]:
        if threshold.name == "due":
            yield from self._breach(case, clock, now)
        elif threshold.rung is None:
            clock.warned_at = threshold.at
            warning = SlaWarning(
                clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at,
                share=threshold.share, tier=case.tier,
            )  # fmt: skip
            yield Emit(warning, time=threshold.at)
        else:
            yield from self._rung(case, clock, threshold)

    def _rung(self, case: Case, clock: Clock, threshold: Threshold) -> Iterator[Effect]:
        rung, n = threshold.rung, int(threshold.name.removeprefix("rung/"))
        assert rung is not None
        person = {"handler": case.handler, "lead": case.lead}.get(rung.to)
        case.rungs.append(RungRow(rung_id(clock, n), clock.id, clock.version, n, rung.action, rung.to, threshold.at))
        reached = RungReached(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, rung=n,
            action=rung.action, to=rung.to, person=Staff.model_validate(person) if person else None,
        )  # fmt: skip
        yield Emit(reached, time=threshold.at)


def rung_id(clock: Clock, n: int) -> UUID:
    """The id under which a reached rung is acknowledged."""
    return uuid5(clock.id, f"rung:{clock.version}:{n}")


def _strictest(found: Sequence[Terms], started_at: datetime, pauses: Sequence[Pause] = ()) -> tuple[datetime, Terms]:
    """The earliest deadline and its rule; of equal ones the first in the file."""
    return min(((reckon.deadline(t, started_at, pauses), t) for t in found), key=lambda pair: pair[0])


def _course(clock: Clock) -> tuple[object, ...]:
    """What decides which threshold comes next."""
    return (clock.live, clock.version, clock.held_until, len(clock.passed))


def _starts(case: Case, kind: str) -> Iterator[tuple[str, datetime, datetime | None]]:
    """When clocks of a kind begin: key, start, and the deadline if one was promised as such."""
    if kind == "reopened":
        yield from ((key, at, None) for key, at in case.reopened.items())
    elif kind in _GIVEN:
        yield from ((key, g.started_at, g.due_at) for key, g in case.given(kind).items() if g.started_at)
    elif kind in _FROM_RECEIPT and case.received_at is not None:
        yield "", case.received_at, None


def _name(case: Case, kind: str, key: str, terms: Terms) -> str:
    """Unique in the complaint: the kind alone for the house's own clock, with the pack for others."""
    pack, tail = terms.edition.pack.pack, f":{key}" if key else ""
    taken = case.clocks.get(kind + tail)
    return f"{kind}@{pack}{tail}" if terms.legal or (taken is not None and taken.pack != pack) else kind + tail


def _key(clock: Clock) -> str:
    return clock.name.partition(":")[2]


def _bound(case: Case, clock: Clock) -> Clock | None:
    """The strictest legal clock over a house clock."""
    over = [c for c in case.clocks.values() if c.legal and clock.kind in BOUNDS.get(c.kind, (c.kind,))]
    return min(over, key=lambda c: c.due_at, default=None)
