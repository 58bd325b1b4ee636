"""Writing one letter of the ledger: its data, its words, and the gate."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from shared.events.common import Decision, Staff

from .compose import Scope, compose
from .context import Context
from .language import Language
from .letter import Kind, Letter, LetterBlocked, MissingField
from .lint import CaseData, Linter
from .lint.pii import allow
from .lint.rules import vocabulary
from .model import Facts, LetterRow
from .policy import Policy

# In these kinds somebody's own words stand, so every letter is checked as a whole. The words of the others are fixed:
# they passed all rules when they were loaded, and only the data in them are looked at.
FREE: frozenset[Kind] = frozenset({"information_request", "reply", "resolution"})
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


class Writer:
    """Writes letters in every language there is, under one policy."""

    def __init__(self, languages: dict[str, Language], policy: Policy, linter: Linter) -> None:
        self.languages, self.policy, self.linter = languages, policy, linter
        self._contexts = {code: Context(language, policy) for code, language in languages.items()}
        self._inputs: dict[Kind, Callable[[Context, Scope, LetterRow, Facts], None]] = {
            "delay_apology": _delay, "progress": _progress, "information_request": _request, "reply": _reply,
            "resolution": _resolution, "reopening": _reopening, "withdrawal_confirmation": _withdrawal,
        }  # fmt: skip

    def write(self, row: LetterRow, facts: Facts, now: datetime, *, gate: bool = True) -> Letter:
        """The letter of this row. Raises LetterBlocked: a datum is missing, or the gate found something.

        A letter that the gate stopped is kept in the row all the same, so that a person can read and judge it.
        Without `gate` (for looking at it) only missing data are a reason.
        """
        context = self._contexts[facts.language]
        scope = context.case(facts, now)
        if add := self._inputs.get(row.kind):
            add(context, scope, row, facts)
        letter = compose(row.kind, context.language, scope, context.today(now))
        row.language, row.subject, row.text = facts.language, letter.subject, letter.text
        row.template_version, row.promises = letter.template_version, list(letter.promises)
        row.findings = self.check(letter, row, facts) if gate else []
        if row.findings:
            raise LetterBlocked(f"the gate stopped it: {', '.join(row.findings)}", row.findings)
        return letter

    def check(self, letter: Letter, row: LetterRow, facts: Facts) -> list[str]:
        """Ids of the rules that stop this letter; empty when it may go out."""
        case = self.case(row, facts)
        if letter.kind not in FREE:
            return self.linter.slots(letter, case)
        report = self.linter.letter(letter, case)
        stopping = {f.rule for f in report.findings if f.level in ("error", "warn")}
        return sorted(stopping) if report.gate == "block" else []

    def case(self, row: LetterRow, facts: Facts) -> CaseData:
        """What the rules compare this letter with."""
        held = {"order_ref": facts.order_ref, "name": facts.person.name, "email": facts.person.email}
        house = self.policy.house.get(facts.language)
        ours = [facts.reference, facts.tracking_url, house.contact if house else None]
        contacts = frozenset([facts.person.email or ""]) if row.address else None
        return case_data(
            _decision(row), _staff(row) or facts.handler,
            known=[facts.order_ref, facts.product, facts.person.email, *ours],
            holds=[name for name, value in held.items() if value], recipient=row.address, contacts=contacts,
        )  # fmt: skip


def case_data(
    decision: Decision | None, handler: Staff | None, *, known: Sequence[str | None] = (), holds: Sequence[str] = (),
    recipient: str | None = None, contacts: frozenset[str] | None = None,
) -> CaseData:  # fmt: skip
    """What the rules compare a letter with."""
    words = list(known) + ([handler.contact, handler.name] if handler else [])
    if decision is None:
        return CaseData(holds=frozenset(holds), allowed=allow(words), recipient=recipient, contacts=contacts)
    return CaseData(
        amounts=_amounts(decision),
        findings={i.id: i.finding for i in decision.issues},
        holds=frozenset(holds),
        allowed=allow([*words, *(c.contact for c in decision.calls_to_action)]),
        recipient=recipient,
        contacts=contacts,
    )


def _amounts(decision: Decision) -> frozenset[Decimal]:
    """Amounts that a remedy's sentence may state: the remedies' own, and those in the words about them."""
    found = set()
    texts = [t for i in decision.issues for t in (i.what,)] + [decision.improvement or ""]
    for remedy in decision.remedies:
        texts += [remedy.amount or "", remedy.item or ""]
    for text in texts:
        for number in _NUMBER.findall(text):
            try:
                found.add(Decimal(number.replace(",", "")))
            except InvalidOperation:
                continue
    return frozenset(found)


def _decision(row: LetterRow) -> Decision | None:
    record = row.inputs.get("decision")
    return Decision.model_validate(record) if record else None


def _staff(row: LetterRow) -> Staff | None:
    handler = row.inputs.get("handler")
    return Staff.model_validate(handler) if handler else None


def _need(row: LetterRow, name: str) -> str:
    value = row.inputs.get(name)
    if not value:
        raise MissingField(name)
    return str(value)


def _delay(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    context.moment(scope, "missed", datetime.fromisoformat(_need(row, "missed")))
    scope.flags |= {"next_update": {"update_missed"}, "first_response": {"response_missed"}}.get(
        _need(row, "clock"), set()
    )


def _progress(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    if chased := row.inputs.get("chased_on"):
        context.day(scope, "chased_on", datetime.fromisoformat(chased))


def _request(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _reply(context, scope, row, facts)
    context.moment(scope, "ask_by", datetime.fromisoformat(_need(row, "ask_by")))


def _reply(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    handler = _staff(row)
    if handler is None:
        raise MissingField("handler")
    context.signed_by(scope, handler)
    scope.data["words"] = own_words(_need(row, "words"), facts.language)


def own_words(text: str, language: str) -> str:
    """A person's text without the greeting that they may have written: the letter has one already."""
    lines = text.strip().splitlines()
    if len(lines) > 1 and vocabulary(language).greeting.search(lines[0].strip()) and len(lines[0]) < 60:
        lines = lines[1:]
    return "\n".join(line.rstrip() for line in lines).strip()


def _resolution(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    decision, handler = _decision(row), _staff(row)
    if decision is None:
        raise MissingField("decision")
    if handler is None:
        raise MissingField("handler")
    context.decision(scope, decision, handler)
    if facts.level in ("T0", "T1") and any(i.apology and i.apology.kind == "responsibility" for i in decision.issues):
        raise LetterBlocked("liability: with a safety or legal trigger the apology is regret without admission")


def _reopening(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    context.day(scope, "reopened_on", datetime.fromisoformat(_need(row, "reopened_on")))
    if facts.asked_again:
        scope.flags.add("asked")


def _withdrawal(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    context.day(scope, "withdrawn_on", datetime.fromisoformat(_need(row, "withdrawn_on")))
    if row.inputs.get("by") == "staff_confirmed":
        scope.flags.add("noted_by_staff")
