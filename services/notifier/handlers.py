"""Which letter is owed when: every event that the notifier listens to, every timer."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from shared.events import intake as i
from shared.events import routing as r
from shared.events.envelope import Event, Payload
from shared.spine.effects import Arm, Disarm, Effect, Handler, Handlers, Timer

from . import approvals, promises
from .byhand import ByHand
from .dates import Dates
from .debts import HELD_T0, Debts, block, cancel, debt, hold_timer, unclaimed
from .letter import ANSWERS, Kind, LetterBlocked
from .milestones import Milestones
from .model import Facts, Matter
from .occasions import Occasion, Occasions
from .pledges import Pledges
from .questions import REMINDER, Questions
from .receipt import contact, facts_of
from .strangers import Strangers, answered_otherwise

_LEVELS = ("T0", "T1", "T2")


class Notifier:
    """The decisions of the notifier. Pure: it changes the matter it is given and says what follows."""

    def __init__(self, debts: Debts) -> None:
        self.debts, self.policy, self.pledges = debts, debts.policy, Pledges(debts)
        self.dates, self.questions = Dates(debts), Questions(debts)
        self.parts = (Occasions(debts), self.dates, self.questions, Milestones(debts), ByHand(debts), Strangers(debts))

    def table(self) -> Handlers[Matter]:
        """Event type → what is done. A complaint whose first event never came has no letters."""
        on: dict[type[Payload], Occasion] = {
            i.CustomerChanged: self.on_customer_changed,
            i.BounceReceived: self.on_bounced,
            i.ComplaintChased: self.on_chased,
            i.ComplaintWithdrawn: self.on_withdrawn,
            i.ReopenRequested: self.on_asked_again,
            i.OutcomeDisputed: self.on_asked_again,
            r.ComplaintTriaged: self.on_triaged,
            r.ComplaintAssigned: self.on_assigned,
            r.ComplaintTransferred: self.on_transferred,
            r.ContactMade: self.on_contact_made,
            r.InformationRequested: self.on_information_requested,
            r.ReplyWritten: self.on_reply_written,
            r.ComplaintDecided: self.on_decided,
            r.RemedyCarriedOut: self.on_remedy_carried_out,
            r.ComplaintReopened: self.on_reopened,
        }
        first: dict[type[Payload], Handler[Matter]] = {
            i.ComplaintReceived: self.on_received,
            i.MessageReceived: self.on_message_received,
        }
        tables = [*(part.table() for part in self.parts), on]
        models = {model for table in tables for model in table}
        all_of = {model: [table[model] for table in tables if model in table] for model in models}
        return {**first, **{model: _known(handlers) for model, handlers in all_of.items()}}

    # What customers say

    def on_received(self, matter: Matter, event: Event[i.ComplaintReceived], now: datetime) -> Iterator[Effect]:
        if matter.facts is None:
            matter.facts = facts_of(event, "complaint")
            matter.facts.quiet = bool(event.data.quiet)
            yield Arm("ack", at=now + timedelta(seconds=self.policy.acknowledge_after))

    def on_message_received(self, matter: Matter, event: Event[i.MessageReceived], now: datetime) -> Iterator[Effect]:
        if matter.facts is None:
            matter.facts = facts_of(event, event.data.kind)
            matter.facts.acknowledged = True
            if event.data.quiet:
                return
            kind: Kind = "acknowledgement" if event.data.kind == "question" else "thanks"
            yield from self.debts.owe(matter, matter.facts, event.id, kind, now)

    def on_customer_changed(
        self, matter: Matter, event: Event[i.CustomerChanged], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        customer = event.data.customer
        facts.language = customer.language
        if person := event.data.personal.get(customer.customer_id):
            known = {k: v for k, v in contact(person).model_dump(exclude_defaults=True).items() if v is not None}
            if person.email and person.email != facts.person.email:
                known["email_dead"] = False
            facts.person = facts.person.model_copy(update=known)
        return ()

    def on_bounced(
        self, matter: Matter, event: Event[i.BounceReceived], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        # Routing makes the task of it; here the address is marked, so that nothing else is sent there.
        person = event.data.personal.get(event.data.customer_id)
        address = person.email if person and person.email else facts.person.email
        if event.data.permanent and address:
            matter.suppress.append((address, f"came back: {event.data.status}"))
            if facts.person.email and address.lower() == facts.person.email.lower():
                facts.person.email_dead = True
        return ()

    def on_chased(
        self, matter: Matter, event: Event[i.ComplaintChased], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        if event.data.quiet or answered_otherwise(event.data, self.policy):
            return ()
        inputs = {"chased_on": event.data.received_at.isoformat()}
        return self.debts.owe(matter, facts, event.id, "progress", now, inputs=inputs)

    def on_withdrawn(
        self, matter: Matter, event: Event[i.ComplaintWithdrawn], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        if facts.withdrawn:
            return
        if not facts.acknowledged:  # the debt stands in the ledger, with what became of it
            matter.letters.append(debt(matter, facts, facts.trigger, "acknowledgement", now))
        facts.withdrawn, facts.acknowledged, facts.date_owed, facts.reopening = True, True, False, None
        for row in unclaimed(matter):
            cancel(row, "withdrawn")
            yield Disarm(hold_timer(row.id))
            yield Disarm(approvals.timer(row.id))
        yield Disarm("ack")
        yield Disarm("reopening")
        yield from promises.let_go(matter, now)
        inputs = {"withdrawn_on": event.data.received_at.isoformat(), "by": event.data.by}
        yield from self.debts.owe(matter, facts, event.id, "withdrawal_confirmation", now, inputs=inputs)

    def on_asked_again(self, matter: Matter, event: Event[Any], facts: Facts, now: datetime) -> Iterable[Effect]:
        facts.asked_again = True
        return ()

    # What happens to the case

    def on_triaged(
        self, matter: Matter, event: Event[r.ComplaintTriaged], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        facts.triaged, facts.vulnerable = True, event.data.vulnerable
        levels = {t.level for t in event.data.triggers}
        facts.level = next((level for level in _LEVELS if level in levels), None)
        if facts.level == "T0":
            for row in unclaimed(matter, "owed", "ready", "retry"):
                if row.automatic and not row.inputs.get("approved_by"):
                    yield from block(row, LetterBlocked(HELD_T0))
                    yield Disarm(hold_timer(row.id))
        yield from self.dates.acknowledge_if_dated(matter, facts, now)

    def on_assigned(
        self, matter: Matter, event: Event[r.ComplaintAssigned], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        facts.handler = event.data.handler
        return ()

    def on_transferred(
        self, matter: Matter, event: Event[r.ComplaintTransferred], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        facts.handler = event.data.handler
        return ()

    def on_contact_made(
        self, matter: Matter, event: Event[r.ContactMade], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        if event.data.outcome == "reached":
            for promise in matter.promises:
                in_time = event.data.at <= promise.due_at
                if promise.state == "open" and promise.kind in promises.KEPT_BY_CONTACT and in_time:
                    yield from promises.kept(promise, event.data.at, f"contact {event.data.contact_id}")

    def on_information_requested(
        self, matter: Matter, event: Event[r.InformationRequested], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        data = event.data
        inputs = {
            "words": _words(data.personal),
            "ask_by": data.answer_by.isoformat(),
            "handler": data.handler.model_dump(),
        }
        return self.debts.owe(
            matter, facts, event.id, "information_request", now, inputs=inputs, by_person=data.handler.id
        )

    def on_reply_written(
        self, matter: Matter, event: Event[r.ReplyWritten], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        data = event.data
        inputs = {"words": _words(data.personal), "handler": data.handler.model_dump()}
        return self.debts.owe(matter, facts, event.id, "reply", now, inputs=inputs, by_person=data.handler.id)

    def on_decided(
        self, matter: Matter, event: Event[r.ComplaintDecided], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        data = event.data
        facts.decision_id, facts.handler, facts.stage = data.decision_id, data.handler, data.stage
        for row in unclaimed(matter):
            if row.kind in ANSWERS:
                cancel(row, "decided anew")
                yield Disarm(approvals.timer(row.id))
        record = next(iter(data.personal.values()), None)
        # Both sides keep their view, as the handler says, or as the second refusal of the same thing does.
        deadlock = data.deadlock or (data.stage > 1 and facts.overall == data.overall == "not_upheld")
        facts.overall = data.overall
        inputs = {
            "decision": record.record.model_dump(exclude_none=True) if record else None,
            "handler": data.handler.model_dump(),
            "authority": data.authority,
            "deadlock": deadlock,
        }
        yield from self.debts.owe(
            matter, facts, event.id, "final" if data.stage > 1 else "resolution", now, inputs=inputs,
            by_person=data.handler.id, decision_id=data.decision_id,
        )  # fmt: skip

    def on_remedy_carried_out(
        self, matter: Matter, event: Event[r.RemedyCarriedOut], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        for promise in matter.promises:
            if promise.remedy_id != event.data.remedy_id:
                continue
            yield from self.pledges.done(matter, promise, "the remedy was carried out")
            if promise.state == "open" or (promise.state == "broken" and event.data.at <= promise.due_at):
                yield from promises.kept(promise, event.data.at, event.data.evidence or "remedy carried out")

    def on_reopened(
        self, matter: Matter, event: Event[r.ComplaintReopened], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        # The new dates follow at once from the clocks; the letter waits for them as the acknowledgement does.
        facts.stage, facts.reopening, facts.withdrawn = event.data.stage, event.id, False
        facts.missed = {}
        yield Arm("reopening", at=now + timedelta(seconds=self.policy.acknowledge_after))

    def on_timer(self, matter: Matter, timer: Timer, now: datetime) -> Iterator[Effect]:
        """A wait is over: for the acknowledgement's date, for better news, for a promise."""
        facts = matter.facts
        if facts is None:
            return
        name, _, key = timer.name.partition("/")
        if name == "ack" and not facts.acknowledged:
            yield from self.dates.acknowledge(matter, facts, now)
        elif name == "reopening":
            yield from self.dates.tell_reopened(matter, facts, now)
        elif name == REMINDER:
            yield from self.questions.remind(matter, facts, now)
        elif name == "letter":
            for row in unclaimed(matter, "owed"):
                if str(row.id) == key:
                    yield from self.debts.write(matter, row, facts, now)
        elif name == "another":
            yield from self.debts.another(matter, UUID(key), now)
        elif name == "approval":
            yield from self.debts.remind(matter, UUID(key))
        elif name == "promise":
            yield from self.pledges.broken(matter, facts, UUID(key), now)


def _known(handlers: Sequence[Occasion]) -> Handler[Matter]:
    def handle(matter: Matter, event: Event[Any], now: datetime) -> Iterable[Effect] | None:
        if matter.facts is None:
            return None
        found = (handler(matter, event, matter.facts, now) for handler in handlers)
        effects = [list(one) for one in found if one is not None]  # what one does, the next one sees
        return chain.from_iterable(effects) if effects else None

    return handle


def _words(personal: Any) -> str:
    return next((words.text for words in personal.values()), "")
