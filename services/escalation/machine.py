"""From facts to clocks: which run, which are met, late or paused, and what follows from that.

`settle` looks at all facts each time, so the order in which they became known makes no difference, and an event that
comes twice or out of turn changes nothing. What was said aloud (a breach, a rung) is remembered on the clock.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.calendars import Words
from shared.events.escalation import ClocksChanged, SlaBreached, SlaBreachRetracted
from shared.spine.effects import Arm, Disarm, Effect, Emit

from . import clocks as reckon
from . import ladder, metrics, opening, settled
from .book import PolicyBook, Terms
from .clocks import Clock, Pause
from .model import Case
from .policy import BOUNDS

PAUSE_END = "pause/end"
CAME_BACK = "the letter came back"
Seen = dict[str, tuple[tuple[object, ...], tuple[object, ...]]]


class Machine:
    """The clocks of one complaint at a time, under the policies of a book."""

    def __init__(self, book: PolicyBook) -> None:
        self.book = book

    def settle(
        self, case: Case, now: datetime, *, rematch: bool = False, fired: Clock | None = None, undone: bool = False,
        seen: Seen | None = None, begins_only: bool = False,
    ) -> Iterator[Effect]:  # fmt: skip
        """Bring the clocks in line with the facts. `rematch`: facts changed that rules or new clocks depend on;
        `fired`: this clock's timer has come due; `undone`: something that was a fact is none any more; `seen`: the
        clocks as they were, when the caller has changed some; `begins_only`: what has happened may begin clocks or
        tighten them, and stops none."""
        if case.received_at is None:
            return
        seen = seen_of(case) if seen is None else seen
        if rematch:
            opening.match(self.book, case, now)
        if begins_only and seen == seen_of(case):
            return
        if fired is not None:
            yield from self._fire(case, fired, now)
        # Legal clocks first: they bound the house clocks.
        for clock in sorted(case.clocks.values(), key=lambda c: not c.legal):
            if undone:
                yield from self._undo(case, clock, now)
            if clock.kind == "next_update":
                yield from self._next_update(case, clock, now)
            if clock.live or clock.state == "breached" or clock.lapsed:
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

    # What a clock's state is -------------------------------------------------------------------------------------

    def _judge(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        pauses = case.pauses(clock)
        if clock.live:
            yield from self._derive(case, clock, pauses, now)
        stop, cancel = self._stop(case, clock), case.cancelled(clock)
        if clock.lapsed:
            cancel = None
        if stop is not None and (cancel is None or stop <= cancel):
            yield from self._stopped(case, clock, stop, now, "met")
        elif cancel is not None:
            yield from self._stopped(case, clock, cancel, now, "cancelled")
        elif clock.state in ("running", "paused"):
            waits = next((begin for begin, end in pauses if begin <= now < end), None)
            clock.state, clock.paused_at = ("paused", waits) if waits else ("running", None)

    def _stop(self, case: Case, clock: Clock) -> datetime | None:
        terms = self.terms(clock)
        return case.stop(clock, terms.rule.stop if terms else ())

    def _derive(self, case: Case, clock: Clock, pauses: Sequence[Pause], now: datetime) -> Iterator[Effect]:
        """The deadline from the clock's rule, its pauses, holding letters and the legal limit over it.

        A pause or a holding letter from before the deadline that becomes known after the breach takes it back.
        """
        terms = self.terms(clock)
        if clock.given is not None or terms is None:
            return
        bound = None if clock.legal else bound_of(case, clock)
        extended = opening.extensions(case, terms, clock.started_at, pauses)
        was_paused = clock.pausable and clock.version > 1
        unmoved = not pauses and not was_paused and extended == clock.extended
        if unmoved and (bound is None or bound.due_at >= clock.due_at):
            return  # most clocks, most of the time
        due = reckon.deadline(terms, clock.started_at, pauses, extended)
        limited = bound is not None and bound.due_at < due
        if bound is not None and limited:
            due = bound.due_at
        if due == clock.due_at or (clock.state == "breached" and due < clock.due_at):
            return
        if clock.state == "breached":
            known = [*(begin for begin, _ in pauses), *case.holdings]
            yield from self._retract(case, clock, max(at for at in known if at <= clock.due_at))
            clock.state = "running"
            clock.passed = [name for name in clock.passed if name.startswith("warn")]
        said = reckon.words(clock.started_at, terms, due, pauses, bound.pack if bound and limited else None, extended)
        why = "a legal limit bounds it" if limited else "waiting for the customer"
        clock.move(due, said, now, why if extended == clock.extended else "a holding letter was sent")
        clock.extended = extended

    def _undo(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        """What met a clock did not happen after all: it runs on, under a new version of the same deadline."""
        if clock.stopped_at is None or clock.state not in ("met", "breached"):
            return
        stop = self._stop(case, clock)
        if stop == clock.stopped_at:
            return
        clock.stopped_at = None
        if clock.state == "met":
            yield metrics.OUTCOME.add(clock.kind, case.tier, "reopened")
            clock.state = "running"
            clock.passed = [name for name in clock.passed if name.startswith("warn")]
            clock.move(clock.due_at, Words(zh=clock.zh, en=clock.en), now, CAME_BACK)

    def _stopped(self, case: Case, clock: Clock, at: datetime, now: datetime, state: str) -> Iterator[Effect]:
        in_time = at <= clock.due_at
        if state == "met" and clock.stopped_at is None and (in_time or not clock.lapses):
            yield from settled.done(case, clock, self.terms(clock), at)
        if clock.state == "breached":
            if in_time:
                yield from self._retract(case, clock, at)
        elif not in_time:
            clock.passed.append("due")
            yield from self._pass(case, clock, now)
            if clock.lapses:
                return
        clock.stopped_at, clock.paused_at = at, None
        if in_time:
            clock.state = "met" if state == "met" else "cancelled"
            yield metrics.OUTCOME.add(clock.kind, case.tier, clock.state)

    def _pass(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        """The deadline has passed without what was waited for."""
        if clock.lapses:
            if not clock.lapsed:
                clock.state, clock.stopped_at, clock.paused_at = "cancelled", clock.due_at, None
                yield metrics.OUTCOME.add(clock.kind, case.tier, "cancelled")
            return
        clock.state, clock.noticed_at, clock.paused_at = "breached", now, None
        yield metrics.OUTCOME.add(clock.kind, case.tier, "breached")
        breached = SlaBreached(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, noticed_at=now,
            tier=case.tier,
        )  # fmt: skip
        yield Emit(breached, time=clock.due_at)

    def _retract(self, case: Case, clock: Clock, at: datetime) -> Iterator[Effect]:
        clock.noticed_at = None
        yield metrics.OUTCOME.add(clock.kind, case.tier, "retracted")
        retracted = SlaBreachRetracted(
            clock_id=clock.id, kind=clock.kind, version=clock.version, due_at=clock.due_at, met_at=at
        )
        yield Emit(retracted)

    def _next_update(self, case: Case, clock: Clock, now: datetime) -> Iterator[Effect]:
        """A letter ends the present wait for an update and begins the next one; one that came back never did."""
        since = case.updates_since()
        assert since is not None
        began = clock.started_at
        came_back = since < began and began not in case.letters and clock.stopped_at is None
        came_back &= began != case.received_at and began not in case.reopened.values()
        if since == began or (since < began and not came_back):
            return
        if clock.state in ("running", "paused", "breached") and clock.stopped_at is None and not came_back:
            told = min(t for t in [*case.letters, *case.reopened.values(), since] if t > began)
            yield from self._stopped(case, clock, told, now, "met")
        terms = self.terms(clock)
        assert terms is not None
        clock.started_at, clock.state = since, "running"
        clock.stopped_at = clock.noticed_at = clock.warned_at = clock.paused_at = clock.held_until = None
        clock.passed.clear()
        due = reckon.deadline(terms, since)
        clock.move(due, reckon.words(since, terms, due), now, CAME_BACK if came_back else "the customer was written to")

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
        terms = self.terms(clock)
        for threshold in reckon.thresholds(clock, terms, case.pauses(clock)):
            if threshold.at > now or not clock.live:
                break
            if threshold.name in clock.passed:
                continue
            clock.passed.append(threshold.name)
            if threshold.name == "due":
                yield from self._pass(case, clock, now)
            else:
                yield from ladder.reach(case, clock, threshold, terms)


def seen_of(case: Case) -> Seen:
    """What `settle` compares with afterwards: what others see of each clock, and its course."""
    return {name: (clock.visible(), _course(clock)) for name, clock in case.clocks.items()}


def _course(clock: Clock) -> tuple[object, ...]:
    """What decides which threshold comes next."""
    return (clock.live, clock.version, clock.held_until, len(clock.passed))


def bound_of(case: Case, clock: Clock) -> Clock | None:
    """The strictest legal clock over a house clock."""
    over = [
        c for c in case.clocks.values()
        if c.legal and not c.lapses and clock.kind in BOUNDS.get(c.kind, (c.kind,)) and _same_stage(c, clock)
    ]  # fmt: skip
    return min(over, key=lambda c: c.due_at, default=None)


def _same_stage(law: Clock, clock: Clock) -> bool:
    """Whether both are about the same stage: a law about the second stage does not bound the first, nor the reverse."""
    return opening.key_of(law).startswith("stage2") == opening.key_of(clock).startswith("stage2")
