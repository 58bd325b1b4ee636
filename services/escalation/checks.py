"""What is wrong with a pack: form first, then contradictions; each with line, key and what would be right."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from shared.calendars import CalendarError, Calendars, Unit

from .document import Document, Fault, Faulty, Path, read
from .policy import GIVEN, Pack, Rule, Rung

_DAYS = (Unit.WORKING_DAY, Unit.CALENDAR_DAY)
_CLOCK_TIME = (Unit.SECOND, Unit.MINUTE, Unit.HOUR, Unit.BUSINESS_MINUTE, Unit.BUSINESS_HOUR)


def check(text: str, calendars: Calendars) -> Pack:
    """A pack from YAML or JSON. Raises Faulty with line, key and what would be right."""
    document = read(text)
    if not isinstance(document.data, Mapping):
        raise Faulty([Fault(1, (), "a pack is a map that begins with `pack: its-name`")])
    try:
        pack = Pack.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise Faulty([_fault(document, e) for e in found if not _follows(e, found)]) from None
    faults = list(_contradictions(pack, document, calendars))
    if faults:
        raise Faulty(faults)
    return pack


def understood(text: str, calendars: Calendars) -> tuple[Pack, list[Fault]]:
    """A pack that a later version stored, as far as this one knows its words, and what it does not know.

    Old pods meet it while pods change, and after a rollback. A rule with an unknown word begins no clock here, because
    its condition may be the very thing that is not understood; clocks that it began run on to its limit, in its place.
    Raises Faulty when the rest is wrong too.
    """
    try:
        return check(text, calendars), []
    except Faulty as faulty:
        faults = faulty.faults
    data = read(text).data
    for n in {fault.path[1] for fault in faults if len(fault.path) > 1 and fault.path[0] == "clocks"}:
        data["clocks"][n] = _asleep(data["clocks"][n])
    for name in {fault.path[0] for fault in faults if len(fault.path) == 1}:
        data.pop(name, None)
    try:
        return Pack.model_validate(data), faults
    except ValidationError:
        raise Faulty(faults) from None


def _asleep(rule: Any) -> dict[str, Any]:
    """A rule of the same clock and limit that holds for no day since then."""
    past = {"effective_from": "1971-01-01", "effective_to": "1971-01-02"}
    try:
        known = {"clock": rule["clock"], "limit": rule["limit"], **past}
        Rule.model_validate(known)
    except (KeyError, TypeError, ValidationError):
        known = {"clock": "acknowledgement", "limit": "1h", **past}
    return known


def _follows(error: Any, found: Sequence[Any]) -> bool:
    """Whether a list is only too short because what stands in it is wrong."""
    inside = (e["loc"] for e in found if e is not error)
    return error["type"] == "too_short" and any(loc[: len(error["loc"])] == error["loc"] for loc in inside)


def _fault(document: Document, error: Any) -> Fault:
    # A union adds the branch's name to the place; only what stands in the document is a place in it.
    place: Path = ()
    data = document.data
    for part in error["loc"]:
        inside = part in data if isinstance(data, Mapping) else isinstance(data, list) and isinstance(part, int)
        if inside:
            place, data = (*place, part), data[part]
        elif error["type"] in ("missing", "extra_forbidden") and part == error["loc"][-1]:
            place = (*place, part)
    if error["type"] == "missing":
        return document.fault(place, "this key is needed and is not here")
    if error["type"] == "extra_forbidden":
        return document.fault(place, "no such key; look at its spelling")
    return document.fault(place, error["msg"].removeprefix("Value error, "))


def _contradictions(pack: Pack, document: Document, calendars: Calendars) -> Iterator[Fault]:
    ids = [("calendar", pack.calendar)] if isinstance(pack.calendar, str) else list(pack.calendar.items())
    for key, id_ in ids:
        path: Path = ("calendar",) if key == "calendar" else ("calendar", key)
        yield from _calendar_fault(document, path, id_, calendars)
    if not ids:
        yield document.fault(("calendar",), "name a calendar")
    if pack.effective_from and pack.effective_to and pack.effective_to <= pack.effective_from:
        yield document.fault(("effective_to",), "lies before effective_from")
    for n, rule in enumerate(pack.clocks):
        if rule.calendar is not None:
            yield from _calendar_fault(document, ("clocks", n, "calendar"), rule.calendar, calendars)
        if pack.legal and rule.pausable:
            yield document.fault(("clocks", n, "pausable"), "a legal clock does not pause")
        if rule.effective_from and rule.effective_to and rule.effective_to <= rule.effective_from:
            yield document.fault(("clocks", n, "effective_to"), "lies before effective_from")
        yield from (document.fault(("clocks", n, *path), why) for path, why in _rule_faults(rule))
        for m, rung in enumerate(rule.ladder):
            yield from (document.fault(("clocks", n, "ladder", m, key), why) for key, why in _rung_faults(rung))


def _rule_faults(rule: Rule) -> Iterator[tuple[Path, str]]:
    if list(rule.warn) != sorted(set(rule.warn)):
        yield ("warn",), "write shares once each and rising, such as [0.5, 0.8]"
    if rule.clock in (*GIVEN, "next_update", "reopened") and rule.start != "receipt" and rule.clock != "remedy":
        yield ("start",), f"a {rule.clock} clock has a start of its own; leave this key out"
    if "first_day_counts" in rule.convention and rule.limit.unit not in _DAYS:
        yield ("convention",), "first_day_counts is for limits in days (wd, cd)"
    if "next_working_day" in rule.convention and rule.limit.unit is Unit.WORKING_DAY:
        yield ("convention",), "next_working_day is for cd, w and mo; working days never end on a day off"
    if "whole_last_day" in rule.convention and rule.limit.unit in _CLOCK_TIME:
        yield ("convention",), "whole_last_day is for limits in days, weeks or months"
    limits = [rule.limit, *(extension.limit for extension in rule.extension)]
    if any(b.unit is a.unit and b.amount <= a.amount for a, b in pairwise(limits)):
        yield ("extension",), "each limit is longer than the one before it; all of them count from the start"


def _rung_faults(rung: Rung) -> Iterator[tuple[str, str]]:
    if rung.action != "reassign" and (rung.skill or rung.tier):
        yield (
            "action",
            "skill and tier are for action: reassign; leave them out here",
        )
    if rung.action != "holding_letter" and rung.answer_in is not None:
        yield "action", "answer_in is for action: holding_letter, its new date; leave it out here"
    if rung.action == "holding_letter" and rung.at.after:
        yield "at", "a holding letter goes out before the limit: write a share below 100% or an offset such as -2wd"


def _calendar_fault(document: Document, path: Path, id_: str, calendars: Calendars) -> Iterator[Fault]:
    try:
        calendars.get(id_)
    except CalendarError as error:
        yield document.fault(path, str(error))
