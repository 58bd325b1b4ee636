"""Letters that a case's turns are owed: a limit that nears or passes, somebody who speaks for the customer, an end."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.events import escalation as x
from shared.events import routing as r
from shared.events.envelope import Event, Payload
from shared.spine.effects import Disarm, Effect

from .debts import Debts, cancel, hold_timer, unclaimed
from .model import Facts, Matter
from .occasions import Occasion
from .pledges import told_once


class Milestones:
    """What the notifier does about these facts. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts, self.policy = debts, debts.policy

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {x.RungReached: self.on_rung, r.ComplaintAssigned: self.on_assigned}

    # What the ladder says

    def on_rung(self, matter: Matter, event: Event[x.RungReached], facts: Facts, now: datetime) -> Iterable[Effect]:
        """The limit nears: a letter says why, and until when. It passed: where the customer may go now."""
        match event.data.action:
            case "holding_letter":
                return self._hold(matter, event, facts, now)
            case "referral_right":
                return self._may_go(matter, event, facts, now)
        return ()

    def _hold(self, matter: Matter, event: Event[x.RungReached], facts: Facts, now: datetime) -> Iterator[Effect]:
        data = event.data
        if any(row.kind == "holding" for row in unclaimed(matter)):
            return
        inputs = {
            "reason": getattr(data.reason, facts.language, None),
            "answer_by": data.new_date.isoformat() if data.new_date else None,
        }
        yield from self.debts.owe(matter, facts, event.id, "holding", now, inputs=inputs)

    def _may_go(self, matter: Matter, event: Event[x.RungReached], facts: Facts, now: datetime) -> Iterator[Effect]:
        """The letter apologises for the limit itself: an apology for the same one would be the second."""
        data = event.data
        told_once(facts, data.due_at)
        for row in unclaimed(matter, "owed"):
            if row.kind == "delay_apology" and row.inputs.get("missed") == data.due_at.isoformat():
                cancel(row, "the letter about the right of referral says it")
                yield Disarm(hold_timer(row.id))
        inputs = {
            "may_go": True,
            "missed": data.due_at.isoformat(),
            "outside": getattr(data.outside, facts.language, None),
        }
        yield from self.debts.owe(matter, facts, event.id, "referral", now, inputs=inputs)

    # Somebody speaks for the customer

    def on_assigned(
        self, matter: Matter, event: Event[r.ComplaintAssigned], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Whoever has the case asks for the customer's word, once, unless somebody has seen it."""
        speaker = facts.speaker
        if speaker is None or speaker.asked or speaker.authority == "verified" or facts.withdrawn:
            return
        speaker.asked = True
        inputs: dict[str, Any] = {
            "on_behalf_of": facts.person.name,
            "ask_by": self.debts.writer.context(facts.language).reply_day(now).isoformat(),
            "handler": event.data.handler.model_dump(),
        }
        yield from self.debts.owe(
            matter, facts, event.id, "authority_request", now, inputs=inputs, recipient="representative"
        )
