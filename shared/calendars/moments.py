"""Times as people and URLs write them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from .errors import OutOfRange

# A "+" of an offset arrives as a space when it was not escaped in a URL.
_LOST_PLUS = re.compile(r"(?<=T\S{5}) (?=\d\d:\d\d$)|(?<=T\S{8}) (?=\d\d:\d\d$)")


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """An RFC 3339 time, in UTC; one without an offset is meant in `zone`. Raises OutOfRange for what is no time."""
    try:
        at = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise OutOfRange(f"{text[:40]!r} is not a time such as 2026-11-22T09:00:00Z") from None
