"""What begins a case: a complaint or another message is received, triaged and put into its queue."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from shared.events.common import Staff
from shared.events.envelope import Event
from shared.events.intake import ComplaintReceived, Customer, CustomerChanged, MessageReceived, Person
from shared.events.routing import ComplaintTriaged, Evidence
from shared.spine.effects import Effect, Emit

from ..duty import Roster
from ..model import Case
from ..policy import Needed, Policy, demand
from ..triage import Known, Triage, Triaged
from . import care, probes
from .flow import SYSTEM, call_lead, move, sent_files

DANGER = 0  # the rank of a danger to life


class Reception:
    """Triage and queueing by the house's rules."""

    def __init__(self, policy: Policy, triage: Triage, roster: Roster) -> None:
        self.policy, self.triage, self.roster = policy, triage, roster
        self._demand = lru_cache(maxsize=1024)(partial(demand, policy))  # few causes, tiers and levels

    def on_complaint_received(self, case: Case, event: Event[ComplaintReceived], now: datetime) -> Iterator[Effect]:
        """A new case: triaged at once, then waiting for a handler."""
        if case.known:
            return
        data = event.data
        person = data.personal.get(data.customer.customer_id, Person())
        _take_customer(case, data.customer, person)
        case.reference, case.channel, case.source = data.reference, data.channel, data.source
        case.received_at, case.value_at_stake = data.received_at, data.value_at_stake
        case.order_ref, case.product, case.wanted = data.order_ref or "", data.product or "", data.wanted or ""
        words = "\n".join(p for p in (person.subject, person.text, person.expected, *person.issues) if p)
        known = Known(data.customer.language, len(person.issues), data.value_at_stake, data.customer.complaints_12m)
        self._note_words(case, event.time, person, sent_files(data.attachments, person))
        case.probe = data.probe
        found = self.triage(words, known)
        if case.probe == "pipeline":
            yield Emit(self._triage(case, _quiet(found), now))
            yield probes.wait(now)
            return
        case.repeat = found.cause != "unknown" and found.cause in (data.customer.recent_matters or ())
        yield from care.flag(case, found.signs, now)
        yield Emit(self._triage(case, found, now))
        move(case, "queue")
        case.waiting_since = now

    def on_message_received(self, case: Case, event: Event[MessageReceived], now: datetime) -> Iterator[Effect]:
        """A question, praise or suggestion: no complaint, and still somebody's."""
        if case.known:
            return iter(())
        data = event.data
        person = data.personal.get(data.customer.customer_id, Person())
        case.kind = data.kind
        _take_customer(case, data.customer, person)
        case.reference, case.channel, case.received_at = data.reference, data.channel, data.received_at
        self._note_words(case, event.time, person)
        case.severity, case.queue = "P4", self.policy.messages.queue
        case.skills = list(self.policy.messages.skills.items())
        case.probe = data.probe
        move(case, "triage")
        if case.probe == "pipeline":
            return iter((probes.wait(now),))
        move(case, "queue")
        case.waiting_since = now
        return iter(())

    def on_customer_changed(self, case: Case, event: Event[CustomerChanged], now: datetime) -> Iterator[Effect]:
        """Another tier may need other people and another place in the queue."""
        if case.known:
            person = event.data.personal.get(event.data.customer.customer_id, Person())
            before = case.tier
            _take_customer(case, event.data.customer, person)
            if case.is_complaint:
                self._require(case)
            if case.tier != before:
                case.note(now, "tier_changed", SYSTEM, before=before, after=case.tier)
        return iter(())

    def _triage(self, case: Case, found: Triaged, now: datetime) -> ComplaintTriaged:
        case.cause, case.severity, case.language = found.cause, found.severity, found.language
        case.triggers = [(t.level, t.rule) for t in found.triggers]
        case.needs, case.evidence = list(found.needs), list(found.spans)
        needed = self._require(case)
        case.decided_by = [*found.decided_by, *needed.decided_by]
        if serious := [t.rule for t in found.triggers if t.level in ("T0", "T1")]:
            call_lead(case, f"trigger:{serious[0]}")
        elif case.repeat:
            call_lead(case, "repeat_contact")
        move(case, "triage")
        case.note(now, "triaged", SYSTEM, cause=case.cause, severity=case.severity, queue=case.queue)
        assert case.customer_id is not None
        return ComplaintTriaged.model_construct(
            cause=case.cause,
            severity=case.severity,
            triggers=found.triggers,
            vulnerable=case.vulnerable,
            repeat=case.repeat or None,
            duty=self._duty(case, now),
            needs=found.needs,
            skills=needed.skills,
            queue=case.queue,
            tier=case.tier,
            language=case.language,
            decided_by=tuple(case.decided_by),
            personal={case.customer_id: Evidence(spans=found.spans)} if found.spans else {},
        )

    def _duty(self, case: Case, now: datetime) -> tuple[Staff, ...] | None:
        if case.rank > DANGER:
            return None
        leads = self.roster.on_duty(now, case.language)
        case.note(now, "duty_lead", SYSTEM, lead=leads[0].name if leads else None)
        return leads or None

    def _require(self, case: Case) -> Needed:
        levels = frozenset(level for level, _ in case.triggers)
        needed = self._demand(cause=case.cause, tier=case.tier, levels=levels, vulnerable=case.vulnerable)
        case.queue, case.skills = needed.queue, [(s.skill, s.minimum) for s in needed.skills]
        return needed

    @staticmethod
    def _note_words(case: Case, at: datetime, person: Person, files: Sequence[dict[str, Any]] = ()) -> None:
        case.note(
            at,
            "received",
            "customer",
            channel=case.channel,
            subject=person.subject,
            text=person.text,
            expected=person.expected,
            wanted=person.wanted,
            issues=list(person.issues),
            files=list(files) or None,
        )


def _quiet(found: Triaged) -> Triaged:
    """A probe's words frighten nobody."""
    return replace(found, triggers=(), vulnerable=False, needs=(), spans=(), signs=())


def _take_customer(case: Case, customer: Customer, person: Person) -> None:
    case.customer_id, case.tier, case.complaints_12m = customer.customer_id, customer.tier, customer.complaints_12m
    if not case.known:
        case.language = customer.language
    case.last_handler, case.last_matter = customer.last_handler, customer.last_matter
    full = person.name or " ".join(p for p in (person.given_name, person.family_name) if p)
    case.name = full or case.name
    case.phone, case.email = person.phone or case.phone, person.email or case.email
    case.pending.renamed = True
