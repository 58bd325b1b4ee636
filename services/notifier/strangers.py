"""Somebody who is not on record writes into a case's thread and asks: they are asked who they are, and told nothing."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.events import intake as i
from shared.events.envelope import Event, Payload
from shared.spine.effects import Effect

from .debts import Debts
from .model import Facts, Matter
from .occasions import Occasion
from .policy import Policy

MOST = 5  # addresses that one case asks by itself: whom a thread was forwarded to beyond that is a person's to judge


class Strangers:
    """What is done about a word that came from an address nobody gave us. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {
            i.CustomerReplied: self.on_word,
            i.ComplaintChased: self.on_word,
            i.ReopenRequested: self.on_word,
        }

    def on_word(self, matter: Matter, event: Event[Any], facts: Facts, now: datetime) -> Iterator[Effect]:
        """Each address is asked once; what it wrote is read by the case's handler in any case."""
        address = unknown(event.data)
        if address is None or not _asked(event.data, self.debts.policy):
            return
        if address in facts.doubted or len(facts.doubted) >= MOST:
            return
        facts.doubted = [*facts.doubted, address]
        inputs = {
            "message_on": event.data.received_at.isoformat(),
            "ask_by": self.debts.writer.context(facts.language).reply_day(now).isoformat(),
            "stranger": address,
        }
        yield from self.debts.owe(
            matter, facts, event.id, "verification_request", now, inputs=inputs, recipient="stranger"
        )


def answered_otherwise(data: i.ComplaintChased, policy: Policy) -> bool:
    """Whether a question how it stands gets no progress letter: nobody on record asked it."""
    return unknown(data) is not None and policy.verify_unknown


def unknown(data: i.CustomerReplied | i.ComplaintChased | i.ReopenRequested) -> str | None:
    """The address that a word came from, in small letters, when it is not on record."""
    person = data.personal.get(data.unknown_sender) if data.unknown_sender else None
    return person.email.lower() if person and person.email else None


def _asked(data: i.CustomerReplied | i.ComplaintChased | i.ReopenRequested, policy: Policy) -> bool:
    return policy.verify_unknown and bool(data.asks) and not data.quiet
