"""What the clocks say: the acknowledgement with its date, the update before its time, the apology after it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from uuid import UUID

from shared.events import escalation as x
from shared.events.envelope import Event, Payload
from shared.spine.effects import Disarm, Effect

from .context import ANSWER_CLOCKS
from .debts import Debts, cancel, hold_timer, unclaimed
from .model import Facts, Matter
from .occasions import Occasion
from .pledges import told_once
from .receipt import law

# Whose dates stand in letters. That another clock stopped is no news here: our own acknowledgement stops one each time.
TOLD_CLOCKS = frozenset({*ANSWER_CLOCKS, "next_update"})
APOLOGY_CLOCKS = frozenset({"decision", "final_response", "first_response", "next_update"})


class Dates:
    """Letters that follow from dates: given, moved, missed. Pure, like `Debts`."""

    def __init__(self, debts: Debts) -> None:
        self.debts = debts

    def table(self) -> Mapping[type[Payload], Occasion]:
        """Event type → what is done."""
        return {
            x.ClocksChanged: self.on_clocks_changed,
            x.SlaWarning: self.on_warning,
            x.SlaBreached: self.on_breached,
            x.SlaBreachRetracted: self.on_retracted,
        }

    def on_clocks_changed(
        self, matter: Matter, event: Event[x.ClocksChanged], facts: Facts, now: datetime
    ) -> Iterable[Effect] | None:
        told = event.data.clocks
        clocks = {c.kind: c.due_at for c in told if c.kind in TOLD_CLOCKS and c.state == "running"}
        until = next((c.due_at for c in told if c.kind == "summary_resolution"), None)
        before = facts.clocks_known, facts.clocks, facts.pack, facts.summary_until
        facts.clocks_known, facts.clocks, facts.pack, facts.summary_until = True, clocks, law(told), until
        if facts.reopening is None and before == (True, clocks, facts.pack, until):
            return None
        return self._dated(matter, event.id, facts, now)

    def _dated(self, matter: Matter, trigger: UUID, facts: Facts, now: datetime) -> Iterator[Effect]:
        yield from self.acknowledge_if_dated(matter, facts, now)
        if facts.date_owed and any(kind in facts.clocks for kind in ANSWER_CLOCKS):
            facts.date_owed = False
            # Where no machine answers, whoever lets the acknowledgement go sends it with the date.
            waits = any(row.kind == "acknowledgement" and row.state == "blocked" for row in matter.letters)
            if not (facts.quiet and waits):
                yield from self.debts.owe(matter, facts, trigger, "progress", now, hold=False)
        yield from self.tell_reopened(matter, facts, now)

    def on_warning(self, matter: Matter, event: Event[x.SlaWarning], facts: Facts, now: datetime) -> Iterable[Effect]:
        # The promised update becomes due: it is sent before its time, not after.
        return self.debts.owe(matter, facts, event.id, "progress", now) if event.data.kind == "next_update" else ()

    def on_breached(self, matter: Matter, event: Event[x.SlaBreached], facts: Facts, now: datetime) -> Iterable[Effect]:
        data = event.data
        facts.missed[data.kind] = data.due_at
        if data.kind not in APOLOGY_CLOCKS:
            return ()
        if not told_once(facts, data.due_at):
            return ()
        inputs = {"clock": data.kind, "missed": data.due_at.isoformat(), "clock_id": str(data.clock_id)}
        return self.debts.owe(matter, facts, event.id, "delay_apology", now, inputs=inputs)

    def on_retracted(
        self, matter: Matter, event: Event[x.SlaBreachRetracted], facts: Facts, now: datetime
    ) -> Iterator[Effect]:
        facts.missed.pop(event.data.kind, None)
        missed = event.data.due_at.isoformat()
        facts.apologised = [moment for moment in facts.apologised if moment != missed]
        for row in unclaimed(matter):
            same = row.inputs.get("clock_id") == str(event.data.clock_id) or row.inputs.get("missed") == missed
            if row.kind == "delay_apology" and same:
                cancel(row, "the breach was retracted")
                yield Disarm(hold_timer(row.id))

    def acknowledge_if_dated(self, matter: Matter, facts: Facts, now: datetime) -> Iterator[Effect]:
        """The acknowledgement as soon as triage and clocks are in: it names the date."""
        if facts.triaged and facts.clocks_known and not facts.acknowledged:
            yield Disarm("ack")
            yield from self.acknowledge(matter, facts, now)

    def acknowledge(self, matter: Matter, facts: Facts, now: datetime) -> Iterator[Effect]:
        """The acknowledgement with what is known. Without a date the date is owed in a letter of its own."""
        facts.acknowledged = True
        facts.date_owed = not facts.clocks_known
        yield from self.debts.owe(matter, facts, facts.trigger, "acknowledgement", now)

    def tell_reopened(self, matter: Matter, facts: Facts, now: datetime) -> Iterator[Effect]:
        """The letter of a reopening, when it is owed."""
        if facts.reopening is not None:
            trigger, facts.reopening = facts.reopening, None
            yield Disarm("reopening")
            inputs = {"reopened_on": now.isoformat()}
            yield from self.debts.owe(matter, facts, trigger, "reopening", now, inputs=inputs)
            facts.asked_again = False
