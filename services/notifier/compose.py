"""From case data to a letter: nothing is said that is not in the data, and what is missing is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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


@dataclass(slots=True)
class _Writer:
    language: Language
    today: date

    def paragraph(self, spec: ParagraphSpec, scope: Scope) -> list[Paragraph]:
        scopes = [scope.inner(item) for item in scope.items.get(spec.each, [])] if spec.each else [scope]
        out = []
        for one in scopes:
            for choice in spec.choices:
                if choice.yes <= one.flags and not choice.no & one.flags:
                    sentences = [s for sentence in choice.say for s in self.sentence(sentence, one)]
                    if sentences:
                        out.append(Paragraph(tuple(sentences), self.joined(sentences)))
                    break
        return out

    def sentence(self, spec: SentenceSpec, scope: Scope) -> list[Sentence]:
        if not spec.each:
            return self.said(spec, scope)
        items = scope.items.get(spec.each, [])
        if not items and not spec.optional:
            raise MissingField(f"{scope.path}{spec.each}s")
        out = []
        for n, item in enumerate(items):
            inner = scope.inner(item)
            inner.flags = inner.flags - {"first"} | ({"first"} if n == 0 else set())
            out += self.said(spec, inner)
        return out

    def said(self, spec: SentenceSpec, scope: Scope) -> list[Sentence]:
        if not (spec.yes <= scope.flags) or spec.no & scope.flags:
            return []
        variant, lacking = first_fit(spec.say, scope.flags, scope.data)
        if variant is None:
            if spec.optional:
                return []
            name = lacking[0] if lacking else spec.name
            raise MissingField(scope.path + FIELDS.get(name, name))
        out = [self.made(spec, variant, scope)]
        extra, _ = first_fit(spec.then, scope.flags, scope.data) if spec.then else (None, [])
        if extra:
            out.append(self.made(spec, extra, scope, promise=False))
        return out

    def made(self, spec: SentenceSpec, variant: Variant, scope: Scope, *, promise: bool = True) -> Sentence:
        text = self.language.render(variant, scope.data, self.today)
        promises = (_commitment(spec.promise, scope, text),) if spec.promise and promise else ()
        slots = {name: scope.data[name] for name in variant.names}
        return Sentence(spec.part, text, slots, scope.issue, spec.decides, spec.verbatim, promises)

    def joined(self, sentences: list[Sentence]) -> str:
        ends = self.language.raw["ends"]
        texts = [s.text for s in sentences]
        if ends["pause"]:
            for n in range(len(sentences) - 1):
                pair = {sentences[n].part, sentences[n + 1].part}
                if pair in ({"remedy"}, {"call_to_action"}) and _exactly_two(sentences, sentences[n].part, 80):
                    texts[n] = texts[n].removesuffix(ends["stop"]) + ends["pause"]
        return str(self.language.raw["join"]["sentences"]).join(texts)

    def line(self, variants: tuple[Variant, ...], scope: Scope) -> str:
        variant, lacking = first_fit(variants, scope.flags, scope.data)
        if variant is None:
            raise MissingField(FIELDS.get(lacking[0], lacking[0]) if lacking else "signatory")
        return self.language.render(variant, scope.data, self.today)


def _exactly_two(sentences: list[Sentence], part: Part, longest: int) -> bool:
    texts = [s.text for s in sentences if s.part == part]
    return len(texts) == 2 and sum(map(len, texts)) <= longest


_COMMITMENTS: dict[str, CommitmentKind] = {"remedy": "remedy", "update": "update", "callback": "callback"}


def _commitment(promise: tuple[str, str], scope: Scope, text: str) -> Commitment:
    kind, due = promise
    value = scope.data[due]
    money: Money | None = scope.data.get("amount") if kind == "remedy" else None
    exact = scope.data.get(f"{due}_exact", value)
    return Commitment(
        kind=_COMMITMENTS.get(kind, "date"),
        due=exact.isoformat() if isinstance(exact, datetime | date) else str(exact),
        what=text,
        remedy_id=scope.data.get("remedy_id"),
        amount=str(money.amount) if money else None,
        currency=money.currency if money else None,
    )


def compose(kind: Kind, language: Language, scope: Scope, today: date) -> Letter:
    """The letter of this kind from these data. Raises MissingField naming the first datum that is needed and absent."""
    spec = language.letters[kind]
    scope.data["today"] = today
    writer = _Writer(language, today)
    # The last greeting needs no name: it is for those of whom we do not know who they are.
    greeting = writer.line(language.greetings[-1:] if spec.unnamed else language.greetings, scope)
    paragraphs = [p for part in spec.body for p in writer.paragraph(part, scope)]
    contact = scope.data.get("handler_contact" if spec.sign == "handler" else "house_contact")
    if contact and any(contact in p.text for p in paragraphs):
        scope.flags.add("contact_shown")
    return Letter(
        kind=kind,
        language=language.code,
        date=today,
        subject=writer.line(spec.subject, scope),
        greeting=greeting,
        paragraphs=tuple(paragraphs),
        signatory=writer.line(language.signatures[spec.sign], scope),
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
