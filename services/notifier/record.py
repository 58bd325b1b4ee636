"""What a case says, for the rules that hold a letter beside it."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from shared.events.common import Decision, Staff

from . import inputs
from .lint import CaseData, Earlier
from .lint.compare import day_pairs, long_numbers, sums
from .lint.pii import allow
from .lint.rules import matrix, vocabulary
from .model import Facts, LetterRow, Said
from .policy import Policy

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")


def case_data(
    decision: Decision | None, handler: Staff | None, *, known: Sequence[str | None] = (), holds: Sequence[str] = (),
    recipient: str | None = None, contacts: frozenset[str] | None = None,
) -> CaseData:  # fmt: skip
    """What the rules compare a letter with, from the decision record alone."""
    words = list(known) + ([handler.contact, handler.name] if handler else [])
    if decision is None:
        return CaseData(holds=frozenset(holds), allowed=allow(words), recipient=recipient, contacts=contacts)
    return CaseData(
        amounts=_amounts(decision),
        findings={i.id: i.finding for i in decision.issues},
        issues={i.id: i.what for i in decision.issues},
        holds=frozenset(holds),
        allowed=allow([*words, *(c.contact for c in decision.calls_to_action)]),
        recipient=recipient,
        contacts=contacts,
    )


def of_letter(
    row: LetterRow, facts: Facts, policy: Policy, *, signer: str, zone: ZoneInfo, working: Callable[[date], bool]
) -> CaseData:
    """What the rules compare this letter with: `signer` is the template's, `working` the customer's calendar."""
    house = policy.house.get(facts.language)
    handler = inputs.staff(row) or facts.handler
    base = of_address(row, facts, policy)
    signs = (handler.name, handler.contact) if signer == "handler" and handler else ()
    whole = known_facts(base, facts.language, record_text(row, facts, zone))
    return replace(
        whole,
        earlier=tuple(_earlier(said) for said in facts.said),
        titles=frozenset({facts.person.salutation} if facts.person.salutation else ()),
        signs=signs or ((house.name,) if house else ()),
        reference=facts.reference,
        written_in=facts.language,
        rights=tuple(policy.rights_in(facts.language, facts.pack)) or None,
        late=bool(late_since(facts)) and matrix().levels["G8"][row.kind] != "off",
        formats=facts.vulnerable,
        working=working,
    )


def of_address(row: LetterRow, facts: Facts, policy: Policy) -> CaseData:
    """What decides whether these data may go to this address."""
    house = policy.house.get(facts.language)
    held = {"order_ref": facts.order_ref, "name": facts.person.name, "email": facts.person.email}
    ours = [facts.reference, facts.tracking_url, house.contact if house else None, *_given(row)]
    return case_data(
        inputs.decision(row), inputs.staff(row) or facts.handler,
        known=[facts.order_ref, facts.product, facts.person.email, *ours],
        holds=[name for name, value in held.items() if value], recipient=row.address,
        contacts=contacts(facts) if row.address else None,
    )  # fmt: skip


def contacts(facts: Facts) -> frozenset[str]:
    """Where this letter's recipient can be reached, as far as it is on record."""
    reached = [facts.person.email, facts.person.phone]
    reached += [facts.wish.postal_address, facts.wish.chat] if facts.wish else []
    return frozenset(filter(None, reached))


def known_facts(base: CaseData, language: str, text: str) -> CaseData:
    """The same with every date, amount and long number that this record of the case names."""
    words = vocabulary(language)
    amounts = {a for a, _, _ in sums(words, text)} | {
        d for n in _NUMBER.findall(text) if (d := _decimal(n)) is not None
    }
    return replace(
        base,
        known_dates=frozenset((m, d) for m, d, _, _ in day_pairs(words, text)),
        known_amounts=frozenset(amounts),
        known_numbers=frozenset(n for n, _, _ in long_numbers(text)) | base.allowed,
    )


def record_text(row: LetterRow, facts: Facts, zone: ZoneInfo) -> str:
    """All words of the case and of the letter's row, with every moment as the customer's day."""
    about = facts.model_dump_json(exclude={"thread", "customer_id", "trigger", "tracking_url"})
    text = f"{about}\n{json.dumps(row.inputs, ensure_ascii=False, default=str)}"
    return _ISO_TIME.sub(lambda m: _days(m[0], zone), text)


def _days(text: str, zone: ZoneInfo) -> str:
    moment = datetime.fromisoformat(text).astimezone(zone)
    # A limit at midnight is told as the day before.
    return f"{moment.date().isoformat()} {(moment - timedelta(microseconds=1)).date().isoformat()}"


def late_since(facts: Facts) -> datetime | None:
    """When our answer should have been there, if that passed."""
    return next(
        (facts.missed[kind] for kind in ("decision", "final_response", "reopened") if kind in facts.missed), None
    )


def remembered(facts: Facts, row: LetterRow, written_on: date) -> list[Said]:
    """What the case's letters have said about remedies and the day of our answer, with this letter's word the last."""
    said = {s.remedy_id: s for s in facts.said}
    for promise in row.promises:
        if promise.kind in ("remedy", "date") and (promise.kind == "date" or promise.remedy_id):
            said[promise.remedy_id] = Said(
                on=written_on, remedy_id=promise.remedy_id, amount=promise.amount, due=promise.due
            )
    return list(said.values())


def _earlier(said: Said) -> Earlier:
    due = datetime.fromisoformat(said.due)
    day = (due - timedelta(microseconds=1)).date() if len(said.due) > 10 else due.date()
    return Earlier(said.remedy_id, Decimal(said.amount) if said.amount else None, day)


def _given(row: LetterRow) -> list[str]:
    """Contacts of others that this letter is meant to name."""
    return [
        str(row.inputs[name])
        for name in ("route_contact", "survey_url", "confirm_url", "outside")
        if row.inputs.get(name)
    ]


def _decimal(number: str) -> Decimal | None:
    try:
        return Decimal(number.replace(",", ""))
    except InvalidOperation:
        return None


def _amounts(decision: Decision) -> frozenset[Decimal]:
    """Amounts that a remedy's sentence may state: the remedies' own, and those in the words about them."""
    texts = [i.what for i in decision.issues] + [decision.improvement or ""]
    for remedy in decision.remedies:
        texts += [remedy.amount or "", remedy.item or ""]
    return frozenset(d for text in texts for n in _NUMBER.findall(text) if (d := _decimal(n)) is not None)
