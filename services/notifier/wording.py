"""How a language says things: dates, money, names, and sentences in their variants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from .letter import Part


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with its ISO 4217 currency."""

    amount: Decimal
    currency: str


Value = str | date | datetime | Money


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to say something: literal pieces and data, allowed when its flags hold and its data are there."""

    yes: frozenset[str]
    no: frozenset[str]
    pieces: tuple[tuple[str, str, str], ...]  # literal before, name ("" at the end), form
    names: tuple[str, ...]

    def fits(self, flags: "set[str] | frozenset[str]") -> bool:
        """Whether its conditions hold."""
        return self.yes <= flags and not (self.no & flags)

    def complete(self, data: Mapping[str, Any]) -> bool:
        """Whether all data that it states are on record."""
        return all(name in data for name in self.names)


@dataclass(frozen=True, slots=True)
class SentenceSpec:
    """A sentence of a letter, in its variants."""

    name: str
    part: Part
    say: tuple[Variant, ...]
    optional: bool
    yes: frozenset[str]
    no: frozenset[str]
    each: str
    then: tuple[Variant, ...]
    decides: bool
    verbatim: bool
    promise: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several bodies of a paragraph: the first whose condition holds."""

    yes: frozenset[str]
    no: frozenset[str]
    say: tuple[SentenceSpec, ...]


@dataclass(frozen=True, slots=True)
class ParagraphSpec:
    """A paragraph: for each item of `each` (or once) the first choice that fits."""

    each: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class LetterSpec:
    """A kind of letter: its subject, who signs it, and its paragraphs; `unnamed` greets nobody by name."""

    subject: tuple[Variant, ...]
    sign: Literal["handler", "house"]
    body: tuple[ParagraphSpec, ...]
    unnamed: bool = False

    @property
    def lists(self) -> frozenset[str]:
        """The lists of the case that its sentences repeat over."""
        return frozenset(s.each for p in self.body for c in p.choices for s in c.say if s.each)


@dataclass(frozen=True)
class Language:
    """Everything that is needed to write letters in one language."""

    code: str
    name: str
    html_lang: str
    version: str
    raw: Mapping[str, Any]
    greetings: tuple[Variant, ...]
    signatures: Mapping[str, tuple[Variant, ...]]
    letters: Mapping[str, LetterSpec]
    sentences: Mapping[str, SentenceSpec]
    short: Mapping[str, tuple[Variant, ...]] = field(default_factory=dict)
    plans: dict[Any, Any] = field(default_factory=dict)  # what letters say under which conditions, once chosen
    otherwise: str | None = None  # the language of the letters that this one has no template for
    _days: dict[tuple[date, str, bool], str] = field(default_factory=dict)

    def render(self, variant: Variant, data: Mapping[str, Any], today: date) -> str:
        """The words of a variant with its data."""
        out = []
        for literal, name, form in variant.pieces:
            out.append(literal)
            if name:
                value = data[name]
                out.append(value if not form and isinstance(value, str) else self.word(value, form, today))
        return "".join(out)

    def word(self, value: Any, form: str, today: date) -> str:
        """One datum in words: `form` chooses how a date, a text or an amount is written."""
        if isinstance(value, datetime):
            return self.moment(value, form, today)
        if isinstance(value, date):
            return self.day(value, form or "day", today)
        if isinstance(value, Money):
            return self.money(value)
        text = str(value)
        if form == "quoted":
            return str(self.raw["quote"]).format(text=text)
        if form == "cap":
            return text[:1].upper() + text[1:]
        return self.lower_first(text) if form == "low" else text

    def day(self, value: date, form: str, today: date) -> str:
        """A day: the year is said only where the letter's own year would be wrong."""
        other = value.year != today.year and form in ("day", "weekday")
        key = (value, form, other)
        text = self._days.get(key)
        if text is None:
            if len(self._days) > 2000:
                self._days.clear()
            text = self._days[key] = self._date(value, f"{form}_of_another_year" if other else form)
        return text

    def _date(self, value: date, form: str) -> str:
        names = self.raw["dates"]
        words = {
            "d": names.get("ordinals", {}).get(value.day, value.day),
            "y": value.year,
            "month": names["months"][value.month - 1],
            "weekday": names["weekdays"][value.weekday()],
        }
        if isinstance(value, datetime):
            words |= {"H": f"{value.hour:02}", "M": f"{value.minute:02}"}
        return str(names[form]).format(**words)

    def moment(self, value: datetime, form: str, today: date) -> str:
        """A time of day is said only for the letter's own day; for a later day the day is what we promise."""
        if form == "time":
            return self._date(value, "time")
        if form == "moment" and value.date() == today:
            exact = value + timedelta(microseconds=1)  # the deadline itself, of which `value` is the last moment before
            return self._date(exact if exact.date() == today else value, "moment")
        return self.day(value.date(), "weekday" if form == "moment" else form or "day", today)

    def money(self, value: Money) -> str:
        """An amount: no decimals when they are zero, thousands apart."""
        amount = value.amount
        number = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
        if marks := self.raw.get("numbers"):
            number = number.translate({ord(","): marks["thousands"], ord("."): marks["decimal"]})
        forms = self.raw["money"]
        return str(forms.get(value.currency, forms["other"])).format(n=number, currency=value.currency)

    def listed(self, items: Sequence[str], *, acts: bool = False) -> str:
        """Items in a row: nouns, or things that somebody did."""
        join = self.raw["join"]
        if len(items) < 2:
            return "".join(items)
        two = join["acts_two"] if acts else join["two"]
        if len(items) == 2:
            return f"{items[0]}{two}{items[1]}"
        comma = join.get("acts_comma", join["comma"]) if acts else join["comma"]
        return str(comma).join(items[:-1]) + str(join["acts_last" if acts else "last"]) + items[-1]

    def lower_first(self, text: str) -> str:
        """Text that goes on inside a sentence: a common first word loses its capital, a name keeps it."""
        first, _, _ = text.partition(" ")
        return text[:1].lower() + text[1:] if first in self.raw["lower_first"] else text

    def count(self, n: int) -> str:
        """A small number in words."""
        words = self.raw["counts"]
        return str(words[n]) if n < len(words) else str(n)


def first_fit(
    variants: Iterable[Variant], flags: "set[str]", data: Mapping[str, Any]
) -> tuple[Variant | None, list[str]]:
    """The first variant that can be said, and otherwise which data the likeliest one lacks."""
    lacking: list[str] = []
    for variant in variants:
        if variant.fits(flags):
            if variant.complete(data):
                return variant, []
            lacking = [name for name in variant.names if name not in data]
    return None, lacking
