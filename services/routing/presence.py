"""Who is there: what a handler says of himself, and his shifts in his own zone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .model import Handler, Shift


def absent(handler: Handler, now: datetime) -> str:
    """Why nothing is given to a handler at this time, as a reason code; empty when he is there."""
    if handler.presence != "available":
        return f"presence:{handler.presence}"
    return "" if on_shift(handler.shifts, handler.zone, now) else "off_shift"


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def on_shift(shifts: Iterable[Shift], zone: str, now: datetime) -> bool:
    """Whether the time falls into one of the shifts; without shifts it always does. A shift may cross midnight."""
    planned = tuple(shifts)
    if not planned:
        return True
    local = now.astimezone(_zone(zone))
    clock, today, yesterday = local.strftime("%H:%M"), local.isoweekday(), (local - timedelta(days=1)).isoweekday()
    for shift in planned:
        if shift.start <= shift.end:
            if today in shift.days and shift.start <= clock < shift.end:
                return True
        elif (today in shift.days and clock >= shift.start) or (yesterday in shift.days and clock < shift.end):
            return True
    return False
