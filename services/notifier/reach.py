"""On which way a letter goes to its customer, and not before which hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from .model import Facts
from .policy import Policy

Channel = Literal["email", "sms", "post"]
# Told when something must be done at once, or answered while the customer still holds the telephone.
AT_ONCE = frozenset({"acknowledgement", "regret_and_action"})


@dataclass(frozen=True, slots=True)
class Way:
    """A channel and the customer's address on it, as recorded."""

    channel: Channel
    address: str


def way(facts: Facts, *, texts: bool) -> Way | None:
    """The best way that is on record: e-mail, unless mails came back from there; then a text message.

    None: somebody has to call. `texts`: whether there is a gateway for text messages.
    """
    person = facts.person
    if person.email and not person.email_dead:
        return Way("email", person.email)
    if person.phone and texts:
        return Way("sms", person.phone)
    return None


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
