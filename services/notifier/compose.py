"""From case data to a letter: nothing is said that is not in the data, and what is missing is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from .letter import Commitment, CommitmentKind, Kind, Letter, MissingField, Paragraph, Part, Sentence
from .sms import LONGEST, segments
from .wording import Language, Money, ParagraphSpec, SentenceSpec, Variant, first_fit

# Where a datum of a sentence stands in the case or the decision, for the person who has to fill it in.
FIELDS = {
    "sorry_for": "apology.for", "fact": "facts", "because": "facts", "by": "by", "handler_name": "handler.name",
    "handler_role": "handler.role_title", "handler_contact": "handler.contact", "answer_by": "clocks.decision",
    "ask_by": "answer_by", "words": "text", "our_mistake": "apology", "our_mistake_tells": "apology",
    "improvement": "remedies or improvement", "today": "date",
}  # fmt: skip


@dataclass(slots=True)
class Scope:
    """Data and conditions for sentences. `items` are lists to repeat over; `path` is where this stands in the case."""

    data: dict[str, Any] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    items: dict[str, list["Scope"]] = field(default_factory=dict)
    path: str = ""
    issue: str | None = None

    def inner(self, item: "Scope") -> "Scope":
        """An item of a list, seen together with what is around it."""
        return Scope(
            {**self.data, **item.data}, self.flags | item.flags, {**self.items, **item.items}, item.path, item.issue
        )


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence that is said, in the variant that was chosen. `scope` is an item's; None: the letter's own."""

    spec: SentenceSpec
    variant: Variant
    scope: Scope | None
    promise: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What a letter says under some conditions with some data on record: all its variants, chosen."""

    greeting: Variant
    body: tuple[tuple[Told, ...], ...]
    subject: Variant


PLANS = 2000  # kept per language


def plan(kind: Kind, language: Language, scope: Scope) -> Plan:
    """Choose the variants. Conditions and the names of data decide, so what was chosen once is kept.

    Raises MissingField naming the first datum that is needed and absent.
    """
    lists = frozenset(name for name, items in scope.items.items() if items)
    key = (kind, frozenset(scope.flags), frozenset(scope.data), lists)
    found: Plan | None = language.plans.get(key)
    if found:
        return found
    spec = language.letters[kind]
    # The last greeting needs no name: it is for those of whom we do not know who they are.
    greeting = line(language.greetings[-1:] if spec.unnamed else language.greetings, scope)
    body = tuple(sentences for part in spec.body for sentences in _paragraphs(part, scope))
    made = Plan(greeting, body, line(spec.subject, scope))
    if all(told.scope is None for sentences in body for told in sentences):
        if len(language.plans) >= PLANS:
            language.plans.clear()
        language.plans[key] = made
    return made


def _paragraphs(spec: ParagraphSpec, scope: Scope) -> list[tuple[Told, ...]]:
    items = [scope.inner(item) for item in scope.items.get(spec.each, [])] if spec.each else None
    out = []
    for one in [scope] if items is None else items:
        for choice in spec.choices:
            if choice.yes <= one.flags and not choice.no & one.flags:
                told = tuple(t for s in choice.say for t in _sentences(s, one, one if items is not None else None))
                if told:
                    out.append(told)
                break
    return out


def _sentences(spec: SentenceSpec, scope: Scope, item: Scope | None) -> list[Told]:
    if not spec.each:
        return _said(spec, scope, item)
    items = scope.items.get(spec.each, [])
    if not items and not spec.optional:
        raise MissingField(f"{scope.path}{spec.each}s")
    out = []
    for n, one in enumerate(items):
        inner = scope.inner(one)
        inner.flags = inner.flags - {"first"} | ({"first"} if n == 0 else set())
        out += _said(spec, inner, inner)
    return out


def _said(spec: SentenceSpec, scope: Scope, item: Scope | None) -> list[Told]:
    if not (spec.yes <= scope.flags) or spec.no & scope.flags:
        return []
    variant, lacking = first_fit(spec.say, scope.flags, scope.data)
    if variant is None:
        if spec.optional:
            return []
        name = lacking[0] if lacking else spec.name
        raise MissingField(scope.path + FIELDS.get(name, name))
    extra, _ = first_fit(spec.then, scope.flags, scope.data) if spec.then else (None, [])
    told = [Told(spec, variant, item)]
    return [*told, Told(spec, extra, item, promise=False)] if extra else told


def line(variants: tuple[Variant, ...], scope: Scope) -> Variant:
    """The first of these lines that can be said. Raises MissingField naming what the likeliest one lacks."""
    variant, lacking = first_fit(variants, scope.flags, scope.data)
    if variant is None:
        raise MissingField(FIELDS.get(lacking[0], lacking[0]) if lacking else "signatory")
    return variant


def _paragraph(told: tuple[Told, ...], scope: Scope, language: Language, today: date) -> Paragraph:
    sentences = []
    for one in told:
        data = (one.scope or scope).data
        spec, variant = one.spec, one.variant
        text = language.render(variant, data, today)
        promises = (_commitment(spec.promise, data, text),) if spec.promise and one.promise else ()
        slots = {name: data[name] for name in variant.names}
        issue = (one.scope or scope).issue
        sentences.append(Sentence(spec.part, text, slots, issue, spec.decides, spec.verbatim, promises))
    return Paragraph(tuple(sentences), _joined(sentences, language))


def _joined(sentences: list[Sentence], language: Language) -> str:
    ends = language.raw["ends"]
    texts = [s.text for s in sentences]
    if ends["pause"]:
        for n, (one, after) in enumerate(pairwise(sentences)):
            listed = one.part == after.part and one.part in ("remedy", "call_to_action")
            if listed and _exactly_two(sentences, one.part, 80):
                texts[n] = texts[n].removesuffix(ends["stop"]) + ends["pause"]
    return str(language.raw["join"]["sentences"]).join(texts)


def _exactly_two(sentences: list[Sentence], part: Part, longest: int) -> bool:
    texts = [s.text for s in sentences if s.part == part]
    return len(texts) == 2 and sum(map(len, texts)) <= longest


_COMMITMENTS: dict[str, CommitmentKind] = {"remedy": "remedy", "update": "update", "callback": "callback"}


def _commitment(promise: tuple[str, str], data: Mapping[str, Any], text: str) -> Commitment:
    kind, due = promise
    value = data[due]
    money: Money | None = data.get("amount") if kind == "remedy" else None
    exact = data.get(f"{due}_exact", value)
    return Commitment(
        kind=_COMMITMENTS.get(kind, "date"),
        due=exact.isoformat() if isinstance(exact, datetime | date) else str(exact),
        what=text,
        remedy_id=data.get("remedy_id"),
        amount=str(money.amount) if money else None,
        currency=money.currency if money else None,
    )


def compose(kind: Kind, language: Language, scope: Scope, today: date) -> Letter:
    """The letter of this kind from these data. Raises MissingField naming the first datum that is needed and absent."""
    spec = language.letters[kind]
    scope.data["today"] = today
    chosen = plan(kind, language, scope)
    paragraphs = tuple([_paragraph(told, scope, language, today) for told in chosen.body])
    contact = scope.data.get("handler_contact" if spec.sign == "handler" else "house_contact")
    if contact and any(contact in p.text for p in paragraphs):
        scope.flags.add("contact_shown")
    return Letter(
        kind=kind,
        language=language.code,
        date=today,
        subject=language.render(chosen.subject, scope.data, today),
        greeting=language.render(chosen.greeting, scope.data, today),
        paragraphs=paragraphs,
        signatory=language.render(line(language.signatures[spec.sign], scope), scope.data, today),
        template_version=language.version,
    )


def short_form(kind: Kind, language: Language, scope: Scope, today: date) -> str:
    """The letter's short form: the first that can be said and fits into two segments.

    Raises MissingField naming what the shortest one lacks, or that none is short enough.
    """
    lacking = "short form"
    for variant in language.short[kind]:
        if not variant.fits(scope.flags):
            continue
        if not variant.complete(scope.data):
            lacking = next(name for name in variant.names if name not in scope.data)
            continue
        text = language.render(variant, scope.data, today)
        if segments(text) <= LONGEST:
            return text
    raise MissingField(FIELDS.get(lacking, lacking))


def raw(slots: Mapping[str, Any]) -> dict[str, str]:
    """Slot values as plain text, for showing and for comparing."""
    return {k: f"{v.amount} {v.currency}" if isinstance(v, Money) else str(v) for k, v in slots.items()}
