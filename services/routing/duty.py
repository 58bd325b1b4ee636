"""Who is the duty lead: the leads who are there now, in the order in which they are paged. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.events.common import Language, Staff

from .model import Handler
from .presence import on_shift

# A danger to life interrupts a call and a break; who is away or off shift is not looked for.
_ORDER = {"available": 0, "wrap_up": 1, "on_call": 2, "break": 3}


def on_duty(staff: Iterable[Handler], now: datetime, language: Language) -> list[Staff]:
    """The leads on shift who are not away: free before busy, then who speaks the customer's language, then who has the
    most room, longest there first. The first is the duty lead, the others follow when nobody answers."""
    there = [h for h in staff if h.is_lead and h.presence in _ORDER and on_shift(h.shifts, h.zone, now, h.calendar)]
    return [h.staff for h in sorted(there, key=lambda h: _key(h, language))]


def _key(lead: Handler, language: Language) -> tuple[object, ...]:
    used = lead.load / lead.capacity if lead.capacity else 1.0
    since = lead.presence_since.timestamp() if lead.presence_since else 0.0
    return _ORDER[lead.presence], language not in lead.languages, used, since, lead.id


class Roster:
    """The staff list as it was read last, for handlers that may not read; who is on duty is judged at the moment."""

    def __init__(self) -> None:
        self._staff: Sequence[Handler] = ()

    def put(self, staff: Sequence[Handler]) -> None:
        """What was read."""
        self._staff = staff

    def on_duty(self, now: datetime, language: Language) -> tuple[Staff, ...]:
        """The duty lead and who follows; empty when no lead is there."""
        return tuple(on_duty(self._staff, now, language))
