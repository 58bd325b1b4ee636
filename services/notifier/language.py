"""The language files: read, checked, and put together into what letters are written from.

A language is a folder of YAML files (`packs.py` says where); together they are one document.
"""

import string
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any, get_args

import yaml

from . import packs
from .letter import KINDS, Part
from .packs import LanguageError
from .wording import (
    Choice,
    Language,
    LetterSpec,
    Money,
    ParagraphSpec,
    SentenceSpec,
    Variant,
    first_fit,
)

__all__ = ["Choice", "Language", "LanguageError", "LetterSpec", "Money", "ParagraphSpec", "SentenceSpec", "Variant"]
__all__ += ["documents", "first_fit", "load_all", "merged", "parse"]

PARTS = frozenset(get_args(Part))
FORMS = frozenset({"", "day", "weekday", "full", "moment", "time", "quoted", "cap", "low"})
SIGNERS = ("handler", "house")
_MERGED = ("sentences", "letters", "short", "signatures")


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


def _letter(entry: Mapping[str, Any], sentences: Mapping[str, SentenceSpec], where: str) -> LetterSpec:
    if entry["sign"] not in SIGNERS:
        raise LanguageError(f"{where}: sign must be one of {', '.join(SIGNERS)}")
    paragraphs = tuple(_paragraph(p, sentences, where) for p in entry["body"])
    return LetterSpec(
        _variants(entry["subject"], f"{where}.subject"), entry["sign"], paragraphs, bool(entry.get("unnamed"))
    )


def parse(raw: Mapping[str, Any], where: str = "language") -> Language:
    """The language in a parsed YAML document. Raises LanguageError saying what is wrong and where."""
    try:
        sentences = {n: _sentence(n, e, f"{where}: sentences.{n}") for n, e in raw["sentences"].items()}
        letters = {
            kind: _letter(entry, sentences, f"{where}: letters.{kind}") for kind, entry in raw["letters"].items()
        }
        for named, what in ((letters, "letter"), (raw["short"], "short form")):
            # A language may leave kinds of letters to another; then it leaves their short forms to it, too.
            wanted = set(letters) if raw.get("otherwise") else set(KINDS)
            if missing := wanted - set(named):
                raise LanguageError(f"{where}: no {what} for {', '.join(sorted(missing))}")
            if unknown := set(named) - set(KINDS):
                raise LanguageError(f"{where}: there is no kind of letter {sorted(unknown)[0]!r}")
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
            otherwise=raw.get("otherwise"),
            short={kind: _variants(entry, f"{where}: short.{kind}") for kind, entry in raw["short"].items()},
        )
    except KeyError as missing:
        raise LanguageError(f"{where}: {missing.args[0]!r} is missing") from None


def merged(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The documents of one language as one. Raises LanguageError when two of them say the same thing."""
    whole: dict[str, Any] = {}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise LanguageError(f"{name}: not a mapping")
        for key, value in part.items():
            if key in _MERGED and isinstance(whole.get(key), dict) and isinstance(value, dict):
                if twice := set(whole[key]) & set(value):
                    raise LanguageError(f"{name}: {key}.{sorted(twice)[0]} stands in another file too")
                whole[key] = {**whole[key], **value}
            elif key in whole:
                raise LanguageError(f"{name}: {key} stands in another file too")
            else:
                whole[key] = value
    return whole


def documents() -> dict[str, dict[str, Any]]:
    """The languages as documents, by code. Raises LanguageError."""
    return {code: merged({f"{code}/{f.name}": _yaml(code, f) for f in packs.letters(code)}) for code in packs.codes()}


def load_all() -> dict[str, Language]:
    """The languages that there are, by code. Raises LanguageError when one is wrong, or leaves letters to none."""
    found = {code: parse(document, code) for code, document in documents().items()}
    for code, language in found.items():
        if language.code != code:
            raise LanguageError(f"{code}: the document is in {language.code!r}")
        other = language.otherwise
        if other is not None and (other not in found or found[other].otherwise):
            raise LanguageError(f"{code}: otherwise: {other!r} is no language that has every letter")
    return found


def _yaml(code: str, file: Traversable) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise LanguageError(f"{code}/{file.name}: {' '.join(str(problem).split())}") from None
