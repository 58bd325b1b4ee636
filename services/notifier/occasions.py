"""Letters that one fact in a case's life is owed: a hand-over, a call with a time, a remedy done, a referral."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.events import intake as i
from shared.events import routing as r
from shared.events.envelope import Event, Payload
from shared.spine.effects import Effect

from .debts import Debts
from .letter import Kind
from .model import Appointment, Facts, Granted, Matter

_PAID = ("credit", "refund", "compensation")  # kinds of remedy that are a sum and nothing else

Occasion = Callable[[Matter, Event[Any], Facts, datetime], Iterable[Effect] | None]


class Occasions:
    """What the notifier does about these facts besides what `handlers.py` does, and before it. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {
            i.CallbackRequested: self.on_callback_requested,
            i.ComplaintWithdrawn: self.on_end,
            r.ComplaintTransferred: self.on_transferred,
            r.ComplaintAssigned: self.on_assigned,
            r.ContactMade: self.on_contact_made,
            r.ComplaintDecided: self.on_decided,
            r.RemedyCarriedOut: self.on_remedy_carried_out,
            r.ComplaintReferredOutside: self.on_referred,
        }

    # Who looks after the case

    def on_transferred(
        self, matter: Matter, event: Event[r.ComplaintTransferred], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Another person has the case: they write themselves. A queue has none yet, so whoever takes it does."""
        before, after = facts.handler, event.data.handler
        if after is None:
            facts.handed_by = before.id if before else facts.handed_by
        elif before is not None and before.id != after.id:
            inputs = {"from_name": before.name, "handler": after.model_dump()}
            yield from self.debts.owe(matter, facts, event.id, "hand_over", now, inputs=inputs)

    def on_assigned(
        self, matter: Matter, event: Event[r.ComplaintAssigned], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        before, handler = facts.handed_by, event.data.handler
        facts.handed_by = None
        if before is not None and before != handler.id:
            inputs = {"handler": handler.model_dump()}
            yield from self.debts.owe(matter, facts, event.id, "hand_over", now, inputs=inputs)
        if call := facts.callback:
            facts.callback = None
            yield from self._appoint(matter, facts, call, handler.model_dump(), now)

    # A call

    def on_callback_requested(
        self, matter: Matter, event: Event[i.CallbackRequested], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """A call was promised for a time: whoever has the case confirms it, or will when somebody has it."""
        if event.data.promised_at is None:
            return
        call = Appointment(trigger=event.id, at=event.data.promised_at)
        if facts.handler is None:
            facts.callback = call
        else:
            yield from self._appoint(matter, facts, call, facts.handler.model_dump(), now)

    def _appoint(
        self, matter: Matter, facts: Facts, call: Appointment, handler: dict[str, Any], now: datetime
    ) -> Iterator[Effect]:
        if call.at > now:
            inputs = {"call_to": call.at.isoformat(), "handler": handler}
            yield from self.debts.owe(matter, facts, call.trigger, "callback_appointment", now, inputs=inputs)

    def on_contact_made(
        self, matter: Matter, event: Event[r.ContactMade], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        """They were spoken with: no call is owed any more."""
        if event.data.outcome == "reached":
            facts.callback = None
        return ()

    # What was decided, here or elsewhere

    def on_end(self, matter: Matter, event: Event[Any], facts: Facts, now: datetime) -> Iterable[Effect]:
        """Nobody calls and nobody takes over any more."""
        facts.callback = facts.handed_by = None
        return ()

    def on_decided(
        self, matter: Matter, event: Event[r.ComplaintDecided], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        facts.granted = [
            Granted(id=one.id, type=one.type, currency=one.currency, item=one.item) for one in event.data.remedies
        ]
        return ()

    def on_remedy_carried_out(
        self, matter: Matter, event: Event[r.RemedyCarriedOut], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        """What a letter promised is done. What was done before its letter left is told by nobody twice."""
        due = [p for p in matter.promises if p.remedy_id == event.data.remedy_id and p.state in ("open", "broken")]
        promise = next((p for p in reversed(due) if p.made_at), None)
        if promise is None or promise.made_at is None:
            return ()
        inputs = {
            **self._granted(facts, event.data.remedy_id),
            "done_on": event.data.at.isoformat(),
            "promised_on": promise.made_at.isoformat(),
            "what": promise.what,
        }
        return self.debts.owe(matter, facts, event.id, "remedy_done", now, inputs=inputs)

    def _granted(self, facts: Facts, remedy_id: str) -> dict[str, Any]:
        """A sum as the last letter said it (an approver may have changed it); other things in the promise's words."""
        one = next((g for g in facts.granted if g.id == remedy_id), None)
        said = next((s for s in facts.said if s.remedy_id == remedy_id), None)
        if one is None or one.type not in _PAID or said is None or said.amount is None:
            return {}
        return {"type": one.type, "amount": said.amount, "currency": one.currency, "item": one.item}

    def on_referred(
        self, matter: Matter, event: Event[r.ComplaintReferredOutside], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Others decide from here on: who, why, how to reach them and by when they answer."""
        data = event.data
        facts.callback = None
        words = next(iter((data.personal or {}).values()), None)
        kind: Kind = data.how if data.how in ("forwarded", "out_of_scope") else "referral"
        handler = data.handler or facts.handler
        inputs = {
            "referred_on": data.at.isoformat(),
            "forwarded_on": data.at.isoformat(),
            "route_to": data.body,
            "route_contact": data.contact,
            "route_reference": data.reference,
            "route_by": data.answer_by,
            "file_by": data.file_by,
            "reason": words.reason if words else None,
            "examined": list(words.examined) if words else [],
            "handler": handler.model_dump() if handler else None,
        }
        # Who says that it is not ours to decide signs for it.
        by_person = handler.id if kind == "out_of_scope" and handler else None
        yield from self.debts.owe(matter, facts, event.id, kind, now, inputs=inputs, by_person=by_person)
