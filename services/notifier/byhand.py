"""Letters that an act of a person on the case is owed: what was agreed, a settlement, a correction, two requests."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.events import intake as i
from shared.events import routing as r
from shared.events.envelope import Event, Payload
from shared.spine.effects import Effect

from .debts import Debts
from .model import Facts, Matter
from .occasions import Occasion


class ByHand:
    """What the notifier does about these acts. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {
            i.WithdrawalRequested: self.on_withdrawal_requested,
            r.ContactMade: self.on_contact_made,
            r.ComplaintResolved: self.on_resolved,
            r.CorrectionWritten: self.on_correction_written,
            r.AuthorityRequested: self.on_authority_requested,
            r.VerificationRequested: self.on_verification_requested,
        }

    def on_withdrawal_requested(
        self, matter: Matter, event: Event[i.WithdrawalRequested], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Staff wrote it down: the customer confirms it, or says that it is not so. Nothing ends before."""
        if facts.withdrawn:
            return
        inputs = {
            "to_confirm": True,
            "by": "staff",
            "withdrawn_on": event.data.received_at.isoformat(),
            "confirm_url": event.data.confirm_url,
        }
        yield from self.debts.owe(matter, facts, event.id, "withdrawal_confirmation", now, inputs=inputs)

    def on_contact_made(
        self, matter: Matter, event: Event[r.ContactMade], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """What was agreed stands in writing on both sides. A talk in which nothing was agreed needs no letter."""
        data = event.data
        words = next(iter(data.personal.values()), None)
        if data.outcome != "reached" or words is None or not words.agreed or facts.kind != "complaint":
            return
        handler = data.handler or facts.handler
        inputs = {
            "called_on": data.at.isoformat(),
            "heard": words.heard,
            "agreed": [point.model_dump(exclude_none=True) for point in words.agreed],
            "asked": [point.model_dump(exclude_none=True) for point in words.asked or ()],
            "handler": handler.model_dump() if handler else None,
        }
        yield from self.debts.owe(
            matter, facts, event.id, "call_summary", now, inputs=inputs, by_person=handler.id if handler else data.by
        )

    def on_resolved(
        self, matter: Matter, event: Event[r.ComplaintResolved], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Settled without a written decision: a short letter is enough, as long as the pack's days for it last."""
        data = event.data
        if not data.summary:
            return
        words = next(iter((data.personal or {}).values()), None)
        accepted, handler = data.accepted_at or data.at, data.handler or facts.handler
        inputs = {
            "settled_how": words.text if words else None,
            "accepted_on": accepted.isoformat(),
            "summary_until": facts.summary_until.isoformat() if facts.summary_until else None,
            "handler": handler.model_dump() if handler else None,
        }
        yield from self.debts.owe(
            matter, facts, event.id, "summary_resolution", now, inputs=inputs,
            by_person=handler.id if handler else data.by,
        )  # fmt: skip

    def on_correction_written(
        self, matter: Matter, event: Event[r.CorrectionWritten], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """A letter of ours was wrong: it is quoted, and what is right stands beside it."""
        data = event.data
        words = next(iter(data.personal.values()), None)
        inputs = {"letter_on": data.letter_on, "handler": data.handler.model_dump()}
        inputs |= {"wrong": words.wrong, "right": words.right} if words else {}
        yield from self.debts.owe(matter, facts, event.id, "correction", now, inputs=inputs, by_person=data.handler.id)

    def on_authority_requested(
        self, matter: Matter, event: Event[r.AuthorityRequested], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """A handler asks for the word of whoever is spoken for."""
        data = event.data
        words = next(iter(data.personal.values()), None)
        if facts.speaker:
            facts.speaker.asked = True
        inputs: dict[str, Any] = {
            "on_behalf_of": words.on_behalf_of if words else facts.person.name,
            "ask_by": data.answer_by.isoformat(),
            "handler": data.handler.model_dump(),
        }
        yield from self.debts.owe(
            matter, facts, event.id, "authority_request", now, inputs=inputs, by_person=data.handler.id,
            recipient="representative" if facts.speaker else None,
        )  # fmt: skip

    def on_verification_requested(
        self, matter: Matter, event: Event[r.VerificationRequested], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """An address that is not on record asked: its owner is asked who they are, and told nothing of the case."""
        data = event.data
        words = next(iter(data.personal.values()), None)
        inputs = {
            "message_on": data.message_at.isoformat(),
            "ask_by": data.answer_by.isoformat(),
            "stranger": words.email if words else None,
            "handler": data.handler.model_dump(),
        }
        yield from self.debts.owe(
            matter, facts, event.id, "verification_request", now, inputs=inputs, by_person=data.handler.id,
            recipient="stranger",
        )  # fmt: skip
