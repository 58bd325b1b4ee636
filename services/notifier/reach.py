"""On which way a letter goes to its customer, and not before which hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .model import Channel, Facts
from .policy import Policy

_USUAL: tuple[Channel, ...] = ("email", "sms")
# Told when something must be done at once, or answered while the customer still holds the telephone.
AT_ONCE = frozenset({"acknowledgement", "regret_and_action"})


@dataclass(frozen=True, slots=True)
class Way:
    """A channel and the customer's address on it, as recorded."""

    channel: Channel
    address: str


def way(facts: Facts, channels: Collection[str]) -> Way | None:
    """The way that the customer asked for; otherwise e-mail, unless mails came back from there, then a text message.

    None: somebody has to call, because nothing else is on record or because that was asked for. `channels` are those
    on which letters can leave.
    """
    wished = facts.wish.channel if facts.wish else None
    if wished == "call":
        return None
    for channel in (wished, *_USUAL) if wished else _USUAL:
        address = _address(facts, channel) if channel in channels else None
        if address:
            return Way(channel, address)
    return None


def _address(facts: Facts, channel: Channel) -> str | None:
    person, wish = facts.person, facts.wish
    match channel:
        case "email":
            return None if person.email_dead else person.email
        case "sms":
            return person.phone
        case "post":
            return wish.postal_address if wish else None
        case "chat":
            return wish.chat if wish else None


def not_before(now: datetime, channel: Channel, kind: str, zone: ZoneInfo, policy: Policy) -> datetime:
    """The first moment from `now` on at which this letter may leave, in the customer's zone."""
    quiet = policy.quiet_hours.get(channel)
    if quiet is None or kind in AT_ONCE:
        return now
    here = now.astimezone(zone)
    begins, ends = quiet.begins, quiet.ends
    clock = here.time()
    inside = begins <= clock or clock < ends if begins > ends else begins <= clock < ends
    if not inside:
        return now
    day = here.date() + timedelta(days=1 if begins > ends and clock >= begins else 0)
    return datetime.combine(day, ends, zone).astimezone(now.tzinfo)
