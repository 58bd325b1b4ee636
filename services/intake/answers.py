"""Who gets an automatic answer to a mail: a sender in 24 hours one, whatever they write. Pure.

Two machines that answer each other do so for ever (RFC 3834), and no words tell a machine from a person for sure. So
there is no second automatic answer within a day, for nobody and for nothing. What gets none is kept all the same: its
acknowledgement waits for a person at the desk, and the page that the first answer names lists it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .mail import Mail

PAUSE = timedelta(hours=24)


def sender(mail: Mail) -> str:
    """Who is counted as one sender: the address without the tag that programs put behind a plus; empty for nobody."""
    name, at, host = mail.sender.rpartition("@")
    return f"{name.partition('+')[0] or name}{at}{host}"


@dataclass(slots=True)
class Answers:
    """When these senders had their last automatic answer (None: never), and, as `may` is asked, who gets one now."""

    given: Mapping[str, datetime | None]
    now: datetime
    answered: set[str] = field(default_factory=set)

    def may(self, mail: Mail) -> bool:
        """Whether a machine of ours answers this mail; it is counted as answered then."""
        who = sender(mail)
        if mail.machine or who not in self.given or who in self.answered:
            return False
        last = self.given[who]
        if last is not None and self.now - last < PAUSE:
            return False
        self.answered.add(who)
        return True


def senders(mails: Iterable[Mail]) -> set[str]:
    """Those who may get an answer; machines and nobody do not."""
    return {who for mail in mails if not mail.machine and (who := sender(mail))}
