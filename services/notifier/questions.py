"""A question to the customer: asked, reminded of twice, and closed without an answer."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from shared.events import intake as i
from shared.events import routing as r
from shared.events.envelope import Event, Payload
from shared.spine.effects import Arm, Disarm, Effect

from .debts import Debts
from .model import Asked, Facts, Matter
from .occasions import Occasion

REMINDER = "reminder"  # the name of the timer
MOST = 2  # reminders; then a person may close the case


class Questions:
    """What is done about a question until somebody says something. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts, self.policy = debts, debts.policy

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {
            i.CustomerReplied: self.on_word,
            i.ComplaintWithdrawn: self.on_word,
            r.InformationRequested: self.on_asked,
            r.ContactMade: self.on_contact_made,
            r.ComplaintDecided: self.on_word,
            r.ComplaintReferredOutside: self.on_word,
            r.ComplaintClosed: self.on_closed,
        }

    def on_asked(
        self, matter: Matter, event: Event[r.InformationRequested], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """The first reminder comes some time before the customer's own deadline; when that is near, after it."""
        data, ahead = event.data, timedelta(hours=self.policy.remind_hours)
        yield from _answered(facts)
        if facts.withdrawn:
            return
        words = next((words.text for words in data.personal.values()), "")
        facts.asked = Asked(trigger=event.id, words=words, on=now, answer_by=data.answer_by, handler=data.handler)
        near = data.answer_by - ahead < now + ahead
        yield Arm(REMINDER, at=data.answer_by if near else data.answer_by - ahead)

    def remind(self, matter: Matter, facts: Facts, now: datetime) -> Iterator[Effect]:
        """The customer has said nothing. A question that never left, or a reminder that did not, brings no other."""
        asked = facts.asked
        if asked is None or len(asked.reminded) >= MOST:
            return
        if any(row.trigger == asked.trigger for row in matter.letters):
            facts.asked = None
            return
        by = asked.answer_by if asked.answer_by > now else self.debts.writer.context(facts.language).reply_day(now)
        inputs = {
            "asked_on": asked.on.isoformat(),
            "reminded_on": asked.reminded[-1].isoformat() if asked.reminded else None,
            "second": bool(asked.reminded),
            "ask_by": by.isoformat(),
            "words": asked.words,
            "handler": asked.handler.model_dump(),
        }
        facts.asked = asked.model_copy(update={"answer_by": by, "reminded": [*asked.reminded, now]})
        trigger = uuid5(asked.trigger, "again") if asked.reminded else asked.trigger
        yield from self.debts.owe(matter, facts, trigger, "reminder", now, inputs=inputs)
        if len(facts.asked.reminded) < MOST:
            yield Arm(REMINDER, at=by)

    def on_word(self, matter: Matter, event: Event[Any], facts: Facts, now: datetime) -> Iterable[Effect]:
        """The customer said something, or nobody waits for them any more."""
        return _answered(facts)

    def on_contact_made(
        self, matter: Matter, event: Event[r.ContactMade], facts: Facts, now: datetime
    ) -> Iterable[Effect]:
        """They were spoken with, and what was asked could be answered."""
        return _answered(facts) if event.data.outcome == "reached" else ()

    def on_closed(
        self, matter: Matter, event: Event[r.ComplaintClosed], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        """Closed because no answer came: the customer is told what was missing and that a word opens it again."""
        asked = facts.asked
        yield from _answered(facts)
        if event.data.reason != "no_answer":
            return
        data = event.data
        asked_at = data.asked_at or (asked.on if asked else None)
        reminded = data.reminded_at or (asked.reminded if asked else ())
        inputs = {"closed_on": data.at.isoformat(), "asked_on": asked_at.isoformat() if asked_at else None}
        names = ("reminded_on", "reminded_again_on")
        inputs |= {name: at.isoformat() for name, at in zip(names, reminded, strict=False)}
        yield from self.debts.owe(matter, facts, event.id, "closing_no_answer", now, inputs=inputs)


def _answered(facts: Facts) -> Iterator[Effect]:
    if facts.asked is not None:
        facts.asked = None
        yield Disarm(REMINDER)
