"""The rules as data: read once, checked, with their patterns compiled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from .. import packs
from ..letter import KINDS
from ..packs import LanguageError

Level = Literal["error", "warn", "info", "off"]
_MACRO = re.compile(r"<([A-Z]+)>")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, without words. Fields as described in rules.yaml."""

    id: str
    how: str
    why: str
    scope: str = "sentence"
    when: str = ""
    quotes: bool = False
    case: bool = False
    around: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One rule in one language: its patterns, further patterns by name, what is wrong and what to write instead."""

    match: tuple[re.Pattern[str], ...]
    need: tuple[re.Pattern[str], ...]
    named: Mapping[str, re.Pattern[str]]
    asks: Mapping[str, re.Pattern[str]]
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Cue:
    """How the part of a hand-written sentence is told; `first` of the body's sentences, or only the `last` ones."""

    part: str
    match: re.Pattern[str]
    first: int
    last: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A language as the linter sees it. `characters`: it counts characters, not words; `decimal`: its decimal mark."""

    sentence: re.Pattern[str]
    greeting: re.Pattern[str]
    signature: re.Pattern[str]
    refuse: re.Pattern[str]
    date: re.Pattern[str]
    cues: tuple[Cue, ...]
    months: tuple[str, ...]
    length: Mapping[str, int]
    words: Mapping[str, Words]
    characters: bool = False
    decimal: str = "."

    def amount(self, text: str) -> Decimal:
        """A number as this language writes it. Raises decimal.InvalidOperation."""
        if self.decimal == ",":
            text = "".join(text.split()).replace(".", "").replace(",", ".")
        return Decimal(text.replace(",", "").rstrip("."))


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rule and kind → level, how many warnings pass, rule → level for short forms, and axis of the score → rules."""

    warnings: int
    levels: Mapping[str, Mapping[str, Level]]
    free_text: Mapping[str, Level]
    short: Mapping[str, Level]
    axes: Mapping[str, list[str]]

    def level(self, rule: str, kind: str, *, free: bool) -> Level:
        """How serious a finding of this rule is in this kind of letter; in free text some only warn."""
        level = self.levels[rule][kind]
        return self.free_text.get(rule, level) if free and level == "error" else level


def _yaml(name: str, loader: type[yaml.SafeLoader] | type[yaml.BaseLoader] = yaml.SafeLoader) -> Any:
    path = files("services.notifier") / "data" / "rules" / f"{name}.yaml"
    return yaml.load(path.read_text(encoding="utf-8"), loader)


@cache
def rules() -> dict[str, Rule]:
    """All rules by id."""
    return {id_: Rule(id=id_, **entry) for id_, entry in _yaml("rules").items()}


@cache
def matrix() -> Matrix:
    """The committed matrix kind × rule."""
    raw = _yaml("matrix", yaml.BaseLoader)  # which leaves `off` a word
    levels = {rule: _row(entry, raw["groups"]) for rule, entry in raw["levels"].items()}
    short = {rule: level for level, named in raw["short"].items() for rule in named}
    return Matrix(int(raw["warnings"]), levels, raw["free_text"], short, raw["axes"])


def _row(entry: Mapping[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Level]:
    """One rule's level for every kind. Raises ValueError for a kind or group that there is not."""
    known: dict[str, Level] = {"error": "error", "warn": "warn", "info": "info", "off": "off"}
    rest = next((known[level] for level, named in entry.items() if named == "all"), known["off"])
    row: dict[str, Level] = dict.fromkeys(KINDS, rest)
    for level, named in entry.items():
        for name in named if named != "all" else ():
            for kind in groups.get(name, [name]):
                if kind not in row:
                    raise ValueError(f"matrix.yaml: there is no kind or group {kind!r}")
                row[kind] = known[level]
    return row


@packs.kept
def vocabulary(language: str) -> Vocabulary:
    """The patterns of a language. Raises LanguageError when they are wrong, or when there are none."""
    try:
        return _read(yaml.safe_load(packs.rules(language).read_text(encoding="utf-8")))
    except KeyError as missing:
        raise LanguageError(f"{language}: rules: {missing.args[0]!r} is missing") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, re.error, TypeError, ValueError) as problem:
        raise LanguageError(f"{language}: rules: {' '.join(str(problem).split())}") from None


def _read(raw: Any) -> Vocabulary:
    macros: dict[str, str] = {}
    for name, pattern in raw["macros"].items():
        macros[name] = _MACRO.sub(lambda m: macros[m[1]], pattern)

    def compiled(pattern: str, *, case: bool = False) -> re.Pattern[str]:
        whole = _MACRO.sub(lambda m: macros.get(m[1], m[0]), pattern)
        return re.compile(whole, re.MULTILINE if case else re.MULTILINE | re.IGNORECASE)

    def words(id_: str) -> Words:
        entry = raw["rules"].get(id_, {})
        message, suggestion = raw["say"][id_]
        case = rules()[id_].case
        named = {k: compiled(v) for k, v in entry.items() if isinstance(v, str)}
        return Words(
            match=tuple(compiled(p, case=case) for p in entry.get("match", ())),
            need=tuple(compiled(p) for p in entry.get("need", ())),
            named=named,
            asks={k: compiled(v) for k, v in entry.get("asks", {}).items()},
            message=message,
            suggestion=suggestion,
        )

    return Vocabulary(
        sentence=re.compile(raw["sentence"]),
        greeting=compiled(raw["greeting"]),
        signature=compiled(raw["signature"]),
        refuse=compiled(macros["REFUSE"]),
        date=compiled(macros["DATE"]),
        cues=tuple(Cue(c["part"], compiled(c["match"]), c.get("first", 0), c.get("last", False)) for c in raw["parts"]),
        months=tuple(m.lower() for m in raw["months"]),
        length=raw["length"],
        words={id_: words(id_) for id_ in rules()},
        characters=raw.get("counts") == "characters",
        decimal=raw.get("decimal", "."),
    )
