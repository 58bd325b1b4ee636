"""A language as data: its dates, money, names and sentences, read from one YAML file and checked when read."""

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, get_args

import yaml

from .letter import KINDS, Part

PARTS = frozenset(get_args(Part))
FORMS = frozenset({"", "day", "weekday", "full", "moment", "quoted", "cap", "low"})


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with its ISO 4217 currency."""

    amount: Decimal
    currency: str


Value = str | date | datetime | Money


class LanguageError(ValueError):
    """The language file is wrong; the message says where."""


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
    """A kind of letter: its subject, who signs it, and its paragraphs."""

    subject: tuple[Variant, ...]
    sign: str
    body: tuple[ParagraphSpec, ...]


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
            "d": value.day,
            "y": value.year,
            "month": names["months"][value.month - 1],
            "weekday": names["weekdays"][value.weekday()],
        }
        if isinstance(value, datetime):
            words |= {"H": f"{value.hour:02}", "M": f"{value.minute:02}"}
        return str(names[form]).format(**words)

    def moment(self, value: datetime, form: str, today: date) -> str:
        """A time of day is said only for the letter's own day; for a later day the day is what we promise."""
        if form == "moment" and value.date() == today:
            exact = value + timedelta(microseconds=1)  # the deadline itself, of which `value` is the last moment before
            return self._date(exact if exact.date() == today else value, "moment")
        return self.day(value.date(), "weekday" if form == "moment" else form or "day", today)

    def money(self, value: Money) -> str:
        """An amount: no decimals when they are zero, thousands apart."""
        amount = value.amount
        number = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
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


def _condition(text: str) -> tuple[frozenset[str], frozenset[str]]:
    flags = text.split()
    return frozenset(f for f in flags if f[0] != "!"), frozenset(f[1:] for f in flags if f[0] == "!")


def _variant(entry: Any, where: str) -> Variant:
    if isinstance(entry, str):
        entry = {"say": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("say"), str) or set(entry) - {"say", "when"}:
        raise LanguageError(f"{where}: a variant is a text, or when and say")
    pieces: list[tuple[str, str, str]] = []
    try:
        parsed = list(string.Formatter().parse(entry["say"]))
    except ValueError as problem:
        raise LanguageError(f"{where}: {problem}") from None
    for literal, name, spec, conversion in parsed:
        datum, _, form = (name or "").partition(".")
        if spec or conversion or form not in FORMS or (name is not None and not datum.isidentifier()):
            raise LanguageError(f"{where}: {{{name}}} is no datum")
        pieces.append((literal, datum, form))
    yes, no = _condition(entry.get("when", ""))
    return Variant(yes, no, tuple(pieces), tuple(dict.fromkeys(name for _, name, _ in pieces if name)))


def _variants(entry: Any, where: str) -> tuple[Variant, ...]:
    found = tuple(_variant(e, where) for e in (entry if isinstance(entry, list) else [entry]))
    if not found:
        raise LanguageError(f"{where}: says nothing")
    return found


def _sentence(name: str, entry: Mapping[str, Any], where: str) -> SentenceSpec:
    known = {"part", "say", "optional", "when", "each", "then", "decides", "verbatim", "promise"}
    if unknown := set(entry) - known:
        raise LanguageError(f"{where}: unknown {', '.join(sorted(unknown))}")
    if entry.get("part") not in PARTS:
        raise LanguageError(f"{where}: part must be one of {', '.join(sorted(PARTS))}")
    yes, no = _condition(entry.get("when", ""))
    kind, _, due = entry.get("promise", "").partition(":")
    return SentenceSpec(
        name=name,
        part=entry["part"],
        say=_variants(entry["say"], where),
        optional=bool(entry.get("optional")),
        yes=yes,
        no=no,
        each=entry.get("each", ""),
        then=_variants(entry["then"], where) if "then" in entry else (),
        decides=bool(entry.get("decides")),
        verbatim=bool(entry.get("verbatim")),
        promise=(kind, due) if kind else None,
    )


def _paragraph(entry: Any, sentences: Mapping[str, SentenceSpec], where: str) -> ParagraphSpec:
    if isinstance(entry, list):
        entry = {"choose": [{"say": entry}]}
    choices = []
    for option in entry["choose"]:
        yes, no = _condition(option.get("when", ""))
        try:
            choices.append(Choice(yes, no, tuple(sentences[name] for name in option["say"])))
        except KeyError as missing:
            raise LanguageError(f"{where}: there is no sentence {missing.args[0]!r}") from None
    return ParagraphSpec(entry.get("each", ""), tuple(choices))


def parse(raw: Mapping[str, Any], where: str = "language") -> Language:
    """The language in a parsed YAML document. Raises LanguageError saying what is wrong and where."""
    try:
        sentences = {n: _sentence(n, e, f"{where}: sentences.{n}") for n, e in raw["sentences"].items()}
        letters = {
            kind: LetterSpec(
                _variants(entry["subject"], f"{where}: letters.{kind}.subject"),
                entry["sign"],
                tuple(_paragraph(p, sentences, f"{where}: letters.{kind}") for p in entry["body"]),
            )
            for kind, entry in raw["letters"].items()
        }
        if missing := set(KINDS) - set(letters):
            raise LanguageError(f"{where}: no letter for {', '.join(sorted(missing))}")
        return Language(
            code=raw["language"],
            name=raw["name"],
            html_lang=raw["html_lang"],
            version=raw["version"],
            raw=raw,
            greetings=_variants(raw["greetings"], f"{where}: greetings"),
            signatures={k: _variants(v, f"{where}: signatures.{k}") for k, v in raw["signatures"].items()},
            letters=letters,
            sentences=sentences,
        )
    except KeyError as missing:
        raise LanguageError(f"{where}: {missing.args[0]!r} is missing") from None


def load_all() -> dict[str, Language]:
    """The languages that come with the package, by code."""
    found = {}
    for path in _files():
        language = parse(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
        found[language.code] = language
    return found


def _files() -> Iterator[Any]:
    folder = files("services.notifier") / "data" / "languages"
    return iter(sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name))


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
