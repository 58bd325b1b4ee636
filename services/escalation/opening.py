"""Which clocks a complaint has: opened by the rules that hold, tightened by stricter ones, promised as dates."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.calendars import Calendar
from shared.events.envelope import named_id

from . import clocks as reckon
from .book import PolicyBook, Terms
from .clocks import Clock, Pause
from .model import Case
from .policy import GIVEN, Start

PROMISE_PACK = "promise"
STRICTER = "a stricter rule applies"
EARLIER = "it began earlier than was known"


def match(book: PolicyBook, case: Case, now: datetime) -> None:
    """Open what the case's rules ask for, tighten what they tighten; nothing here loosens."""
    subject = case.subject()
    assert subject is not None
    for kind, found in book.matching(case.pins, subject):
        start = found[0].rule.start
        if start == "receipt" and not _begins(case, kind):
            continue
        for key, started_at, given in starts(case, kind, start):
            _open_or_tighten(case, kind, key, found, started_at, given, now)
    for kind in ("callback", "enquiry", "remedy"):
        for key, started_at, given in starts(case, kind) if _begins(case, kind) else ():
            if given is not None and not any(c.kind == kind and key_of(c) == key for c in case.clocks.values()):
                _open_promise(book, case, kind, key, started_at, given)


# Kinds of clock that begin with something of their own → where the case keeps it.
_BEGUN_BY = {
    "callback": "callbacks", "enquiry": "enquiries", "remedy": "remedies", "handoff": "transfers",
    "approval": "approvals", "reopened": "reopened",
}  # fmt: skip


def _begins(case: Case, kind: str) -> bool:
    """Whether a kind has anything to begin with: most complaints have no call-back, no enquiry, no hand-off."""
    about = _BEGUN_BY.get(kind)
    return about is None or bool(getattr(case, about))


def starts(case: Case, kind: str, start: Start = "receipt") -> Iterator[tuple[str, datetime, datetime | None]]:
    """When clocks of a kind begin: key, start, and the deadline if one was promised as such."""
    if kind == "reopened":
        yield from ((key, at, None) for key, at in case.reopened.items())
    elif kind in GIVEN and start == "receipt":
        yield from ((key, g.started_at, g.due_at) for key, g in case.given(kind).items() if g.started_at)
    elif (at := case.began(start)) is not None:
        yield "" if start == "receipt" else start, at, None


def strictest(case: Case, found: Sequence[Terms], started_at: datetime) -> tuple[datetime, Terms]:
    """The earliest deadline and its rule; of equal ones the first in the file."""
    waits = case.waits(started_at) if case.questions else []

    def due(terms: Terms) -> datetime:
        pauses = waits if terms.rule.pausable else []
        return reckon.deadline(terms, started_at, pauses, extensions(case, terms, started_at, pauses))

    return min(((due(t), t) for t in found), key=lambda pair: pair[0])


def extensions(case: Case, terms: Terms, started_at: datetime, pauses: Sequence[Pause]) -> int:
    """How often a holding letter that went out in time has replaced the limit by a longer one."""
    taken = 0
    if terms.rule.extension:
        for sent in case.holdings:
            in_time = started_at <= sent <= reckon.deadline(terms, started_at, pauses, taken)
            taken += in_time and taken < len(terms.rule.extension)
    return taken


def _open_or_tighten(
    case: Case, kind: str, key: str, found: Sequence[Terms], started_at: datetime, given: datetime | None,
    now: datetime,
) -> None:  # fmt: skip
    name = name_of(case, kind, key, found[0])
    clock = case.clocks.get(name)
    if clock is None:
        case.clocks[name] = _made(case, kind, name, key, found, started_at, given)
    elif clock.state in ("running", "paused") and clock.given is None:
        if key in _MOVING and started_at < clock.started_at:
            _begin_earlier(case, clock, found, started_at, now)
        _tighten(case, clock, found, now)


# Starts that are found in facts, of which an earlier one may come to be known later.
_MOVING = ("acknowledged", "assigned", "decided", "told", "agreed", "stage2", "stage2_acknowledged")


def _made(
    case: Case, kind: str, name: str, key: str, found: Sequence[Terms], started_at: datetime, given: datetime | None
) -> Clock:
    due, best = strictest(case, found, started_at)
    pack = best.edition.pack.pack
    pauses = case.waits(started_at) if best.rule.pausable else []
    extended = extensions(case, best, started_at, pauses)
    due = given or due
    said = (
        reckon.promised_words(best.calendar, due)
        if given
        else reckon.words(started_at, best, due, pauses, extended=extended)
    )
    return Clock(
        id=named_id(case.complaint_id, f"clock:{pack}:{kind}:{key}"), name=name, kind=kind, pack=pack,
        pack_version=best.edition.version, rule=best.index, calendar=best.calendar.id, legal=best.legal,
        pausable=best.rule.pausable and given is None, started_at=started_at, due_at=due, given=given,
        extended=extended, lapses=best.rule.lapses, zh=said.zh, en=said.en,
        beaten=[t.mark for t in found if t is not best],
    )  # fmt: skip


def _begin_earlier(case: Case, clock: Clock, found: Sequence[Terms], started_at: datetime, now: datetime) -> None:
    clock.started_at = started_at
    due, best = strictest(case, found, started_at)
    put_under(case, clock, best, due, now, EARLIER)
    clock.beaten = [t.mark for t in found if t is not best]


def _tighten(case: Case, clock: Clock, found: Sequence[Terms], now: datetime) -> None:
    """Another rule holds as well now: it counts if it is stricter, for what was told is never loosened."""
    present = clock.mark
    others = [t for t in found if t.mark != present and t.mark not in clock.beaten]
    if not others:
        return
    due, best = strictest(case, others, clock.started_at)
    clock.beaten += [t.mark for t in others if t is not best]
    if due < clock.due_at:
        clock.beaten.append(present)
        put_under(case, clock, best, due, now, STRICTER)
    else:
        clock.beaten.append(best.mark)


def put_under(case: Case, clock: Clock, terms: Terms, due: datetime, now: datetime, why: str) -> None:
    """Another rule, version or calendar counts from now on; the old deadline stays in the history."""
    rename(clock, terms)
    pauses = case.pauses(clock)
    clock.extended = extensions(case, terms, clock.started_at, pauses)
    clock.passed.clear()
    clock.move(due, reckon.words(clock.started_at, terms, due, pauses, extended=clock.extended), now, why)


def rename(clock: Clock, terms: Terms) -> None:
    """The promise that counts from now on; its deadline is the caller's affair."""
    clock.pack_version, clock.rule, clock.calendar = terms.edition.version, terms.index, terms.calendar.id
    clock.pausable, clock.lapses = terms.rule.pausable, terms.rule.lapses


def _open_promise(book: PolicyBook, case: Case, kind: str, key: str, started_at: datetime, due: datetime) -> None:
    calendar = _calendar(book, case)
    said = reckon.promised_words(calendar, due)
    case.clocks[f"{kind}:{key}"] = Clock(
        id=named_id(case.complaint_id, f"clock:{PROMISE_PACK}:{kind}:{key}"), name=f"{kind}:{key}", kind=kind,
        pack=PROMISE_PACK, pack_version=0, rule=-1, calendar=calendar.id, legal=False, pausable=False,
        started_at=started_at, due_at=due, given=due, zh=said.zh, en=said.en,
    )  # fmt: skip


def _calendar(book: PolicyBook, case: Case) -> Calendar:
    """Where promised times are told: the calendar of the complaint's other clocks."""
    used = next((c.calendar for c in case.clocks.values()), "always")
    return book.calendars.get(used)


def name_of(case: Case, kind: str, key: str, terms: Terms) -> str:
    """Unique in the complaint: the kind alone for the house's own clock, with the pack for others."""
    pack, tail = terms.edition.pack.pack, f":{key}" if key else ""
    taken = case.clocks.get(kind + tail)
    return f"{kind}@{pack}{tail}" if terms.legal or (taken is not None and taken.pack != pack) else kind + tail


def key_of(clock: Clock) -> str:
    """What a clock is about, in its name: the enquiry, the call-back, the start."""
    return clock.name.partition(":")[2]
