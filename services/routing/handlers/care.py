"""A customer's need of care: kept with its basis, for as long as it may be, never longer than the case."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from shared.spine.effects import Arm, Disarm, Effect, Timer

from ..model import Case, Flag
from ..triage import Sign
from .flow import SYSTEM

CARE_TIMER = "care"


def flag(case: Case, signs: Iterable[Sign], now: datetime) -> Iterator[Effect]:
    """Keep what triage found."""
    case.flags = [Flag(s.rule, s.span, s.basis, now + timedelta(days=s.days)) for s in signs]
    case.vulnerable = bool(case.flags)
    yield from _arm(case)


def on_timer(case: Case, timer: Timer, now: datetime) -> Iterator[Effect]:
    """The time of some is over: they and their words are forgotten."""
    if timer.name != CARE_TIMER or not case.flags:
        return
    gone = [f.rule for f in case.flags if f.until <= now]
    _keep(case, [f for f in case.flags if f.until > now])
    case.note(now, "care_ended", SYSTEM, rules=gone)
    yield from _arm(case)


def forget(case: Case) -> Iterator[Effect]:
    """The case is closed: nothing of it is needed any more."""
    if case.flags:
        _keep(case, [])
        yield Disarm(CARE_TIMER)


def _keep(case: Case, flags: list[Flag]) -> None:
    rules = {f.rule for f in case.flags} - {f.rule for f in flags}
    case.flags, case.vulnerable = flags, bool(flags)
    case.evidence = [words for words in case.evidence if words.partition(":")[0] not in rules]


def _arm(case: Case) -> Iterator[Effect]:
    if case.flags:
        yield Arm(CARE_TIMER, at=min(f.until for f in case.flags))
