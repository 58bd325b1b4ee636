"""What a letter needs beyond the complaint: read from its row, by name, into what sentences may state.

A kind of letter needs no code here: its template names its data, and what the template needs and the row lacks is told.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from shared.events.common import Decision, Staff

from . import decided
from .compose import Scope
from .context import ANSWER_CLOCKS, SANE_YEARS, Context, commitment_day, day, money
from .letter import ANSWERS, LetterBlocked, MissingField
from .lint.rules import vocabulary
from .model import Facts, LetterRow

_STOPS = ".。;；,， \n"
# How a value is read, by its name: a day, a moment that still counts, words inside a sentence, whole sentences.
DAYS = (
    "chased_on", "reopened_on", "withdrawn_on", "called_on", "forwarded_on", "referred_on", "offer_on", "done_on",
    "promised_on", "letter_on", "asked_on", "reminded_on", "reminded_again_on", "closed_on", "accepted_on",
    "message_on",
    "route_by", "until", "since", "restored_on", "promised", "happened_on",
)  # fmt: skip
PROMISED_DAYS = ("file_by", "new_by", "by")
MOMENTS = ("missed", "ask_by", "call_by", "restored_by")
HOURS = ("call_from", "call_to")  # an appointment, told as it is
WORDS = (
    "from_name", "number_ending", "call_about", "route_to", "route_contact", "route_reference", "on_behalf_of",
    "minutes",
    "survey_url", "confirm_url", "outside", "happened", "incident", "item", "caller",
    "caller_role", "heard",
)  # fmt: skip
SENTENCES = ("settled_how", "evidence", "what_happened")
QUOTED = ("what", "wrong")  # whole sentences of an earlier letter, with their full stop
FLAGS = ("second", "deadlock", "restored", "customer_heard", "may_go", "to_confirm")
_RECKONED = ("call_summary", "remedy_done", "remedy_delayed", "correction")
_MONEY_TYPES = ("credit", "refund", "compensation")


def read(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    """Add what this letter's row holds. Raises MissingField for a value that cannot be read."""
    given = {name: value for name, value in row.inputs.items() if value not in (None, "", [])}
    for name in DAYS:
        if name in given:
            context.day(scope, name, _moment(given[name], name, context))
    for name in PROMISED_DAYS:
        if name in given and row.kind != "withdrawal_confirmation":
            scope.data |= commitment_day(name, day(str(given[name]), name), context.zone)
    for name in MOMENTS:
        if name in given:
            moment = _moment(given[name], name, context)
            context.moment(scope, name, moment)
            scope.data[f"{name}_exact"] = moment
    for name in HOURS:
        if name in given:
            scope.data[name] = _moment(given[name], name, context).astimezone(context.zone)
    for name in WORDS:
        if name in given:
            scope.data[name] = str(given[name]).strip(_STOPS)
    for name in SENTENCES:
        if name in given:
            scope.data[name] = context.sentence(str(given[name]))
    for name in QUOTED:
        if name in given:
            scope.data[name] = str(given[name]).strip()
    if "reason" in given and row.kind not in ANSWERS:
        # After "because" in one kind, a sentence of its own in the others.
        clause = row.kind == "forwarded"
        reason = str(given["reason"]).strip(_STOPS)
        scope.data["reason"] = context.language.lower_first(reason) if clause else context.sentence(reason)
    scope.flags |= {name for name in FLAGS if given.get(name) is True}
    if row.kind in _RECKONED:
        context.reckon(scope)
    _meanings(context, scope, given)
    _lists(context, scope, given)
    if add := _OWN.get(row.kind):
        add(context, scope, row, facts)


def _moment(value: Any, name: str, context: Context) -> datetime:
    try:
        if isinstance(value, str) and len(value) == 10:
            return datetime.combine(date.fromisoformat(value), datetime.min.time(), context.zone)
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise MissingField(name) from None
    if moment.year not in SANE_YEARS:
        raise MissingField(name)
    return moment if moment.tzinfo else moment.replace(tzinfo=context.zone)


def _meanings(context: Context, scope: Scope, given: Mapping[str, Any]) -> None:
    """Flags and forms that follow from what is there."""
    if "heard" in scope.data:
        scope.flags.add("customer_heard")
        scope.data["heard"] = context.language.lower_first(scope.data["heard"])
    if "file_by" in given:
        scope.flags.add("file_dated")
    if "new_by" in given:
        scope.flags.add("new_day_known")
    if "missed" in given:
        scope.flags |= {"missed_date"} | {"next_update": {"update_missed"}, "first_response": {"response_missed"}}.get(
            str(given.get("clock")), set()
        )
    for name in ("caller", "incident", "item"):
        if name in scope.data:
            scope.data[name.capitalize()] = scope.data[name][:1].upper() + scope.data[name][1:]
    if "right" in given:  # what is right, beside what was wrong in an earlier letter
        scope.data["right"] = str(given["right"]).strip(_STOPS)
    if given.get("amount"):
        scope.data["amount"] = money(str(given["amount"]), given.get("currency"), "")
        scope.flags.add("money")
    if given.get("type"):
        scope.flags.add(str(given["type"]))
        if given["type"] not in _MONEY_TYPES:
            scope.flags.discard("money")


def _lists(context: Context, scope: Scope, given: Mapping[str, Any]) -> None:
    """What stands in lists: what was agreed with whom by when, and what is being done."""
    handler = Staff.model_validate(given["handler"]) if given.get("handler") else None
    for name in ("agreed", "asked"):
        scope.items[name] = []
        for n, entry in enumerate(_listed(given, name)):
            path = f"{name}[{n}]."
            if not isinstance(entry, dict) or not str(entry.get("what", "")).strip():
                raise MissingField(f"{path}what")
            item = Scope({"what": str(entry["what"]).strip(_STOPS)}, path=path)
            item.data |= commitment_day("by", day(str(entry.get("by", "")), f"{path}by"), context.zone)
            if handler and name == "agreed":
                item.data |= context.who(str(entry.get("who", "we")), handler)
            scope.items[name].append(item)
    scope.items["still_promised"] = [Scope({"what": str(text).strip()}) for text in _listed(given, "still_promised")]
    scope.items["doing"] = [Scope({"doing": context.sentence(str(text))}) for text in _listed(given, "doing")]


def _listed(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given.get(name, [])
    if not isinstance(value, list):
        raise MissingField(name)
    return value


def _words(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _signed(context, scope, row, facts)
    if not row.inputs.get("words"):
        raise MissingField("words")
    scope.data["words"] = own_words(str(row.inputs["words"]), facts.language)


def _signed(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    handler = staff(row)
    if handler is None:
        raise MissingField("handler")
    context.signed_by(scope, handler)


def own_words(text: str, language: str) -> str:
    """A person's text without the greeting that they may have written: the letter has one already."""
    lines = text.strip().splitlines()
    if len(lines) > 1 and vocabulary(language).greeting.search(lines[0].strip()) and len(lines[0]) < 60:
        lines = lines[1:]
    return "\n".join(line.rstrip() for line in lines).strip()


def _decided(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    record, handler = decision(row), staff(row)
    if record is None:
        raise MissingField("decision")
    if handler is None:
        raise MissingField("handler")
    decided.tell(context, scope, record, handler)
    _own_up(context, scope, row, facts)
    if facts.level in ("T0", "T1") and any(i.apology and i.apology.kind == "responsibility" for i in record.issues):
        raise LetterBlocked("liability: with a safety or legal trigger the apology is regret without admission")


def _own_up(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    """What the letter must say of itself: that it is late, or that it says something else than an earlier one."""
    words = vocabulary(facts.language).words["G8"]
    told = json.dumps(row.inputs["decision"], ensure_ascii=False)
    missed = next((facts.missed[kind] for kind in ANSWER_CLOCKS if kind in facts.missed), None)
    if missed and not words.named["late"].search(told):
        context.moment(scope, "due_was", missed)
        scope.flags.add("late_answer")
    for remedy in scope.items["remedy"]:
        earlier = next((s for s in facts.said if s.remedy_id == remedy.data["remedy_id"]), None)
        if earlier is None:
            continue
        amount = remedy.data.get("amount")
        if remedy.data["by_exact"] > datetime.fromisoformat(earlier.due) or (
            amount is not None and earlier.amount is not None and str(amount.amount) != earlier.amount
        ):
            scope.data["said_on"] = earlier.on
            scope.flags.add("changes_word")


def _examined(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _signed(context, scope, row, facts)
    examined = [str(item) for item in _listed(row.inputs, "examined")]
    if not examined:
        raise MissingField("examined")
    scope.data["examined"] = decided.examined(context, examined)


def _same_day(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _signed(context, scope, row, facts)
    if "called_on" in scope.data and scope.data["called_on"] == scope.data["today"]:
        scope.flags.add("same_day")
    if not scope.items["agreed"]:
        raise MissingField("agreed")


def _doing(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _signed(context, scope, row, facts)
    if not scope.items["doing"]:
        raise MissingField("doing")


def _named(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    if handler := staff(row):  # the new one, who signs; otherwise the case's handler does
        context.signed_by(scope, handler)


def _asked_again(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    if facts.asked_again:
        scope.flags.add("asked")


def _by_staff(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    if row.inputs.get("by") == "staff_confirmed":
        scope.flags.add("noted_by_staff")


def _settled(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    _signed(context, scope, row, facts)
    until, accepted = row.inputs.get("summary_until"), row.inputs.get("accepted_on")
    if until and accepted and _moment(accepted, "accepted_on", context) > _moment(until, "summary_until", context):
        raise LetterBlocked("the days in which a summary is enough are over: this case needs a full answer")


def _new_date(context: Context, scope: Scope, row: LetterRow, facts: Facts) -> None:
    """The day that the ladder names for our answer, when the clocks name none."""
    given = row.inputs.get("answer_by")
    if given and "answer_by" not in scope.data:
        moment = _moment(given, "answer_by", context)
        context.moment(scope, "answer_by", moment)
        scope.data["answer_by_exact"] = moment
        scope.flags.add("answer_known")


def decision(row: LetterRow) -> Decision | None:
    """The decision record of this row."""
    record = row.inputs.get("decision")
    return Decision.model_validate(record) if record else None


def staff(row: LetterRow) -> Staff | None:
    """Who wrote, decided or asked."""
    handler = row.inputs.get("handler")
    return Staff.model_validate(handler) if handler else None


_OWN: Mapping[str, Callable[[Context, Scope, LetterRow, Facts], None]] = {
    "holding": _new_date,
    "information_request": _words,
    "reply": _words,
    "reminder": _words,
    "resolution": _decided,
    "final": _decided,
    "out_of_scope": _examined,
    "call_summary": _same_day,
    "regret_and_action": _doing,
    "hand_over": _named,
    "correction": _signed,
    "summary_resolution": _settled,
    "callback_appointment": _signed,
    "authority_request": _signed,
    "reopening": _asked_again,
    "withdrawal_confirmation": _by_staff,
}
