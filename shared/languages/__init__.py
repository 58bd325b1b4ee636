"""The languages in which an installation has customers: Chinese and English, and those of a folder of its own.

A further language is a folder named by its tag (BCP 47: `fr`, `pt-BR`) with a `language.yaml`:

    name: Français        # as its readers call it
    zone: Europe/Paris    # in which they are told times
    words: [je, vous, …]  # frequent words by which a text in it is told from other texts

What else a service needs for it stands beside (docs/adding-a-language.md).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml

from shared.events.common import LANGUAGE_TAG

DEFAULT = "en"  # what is written to whom nothing fits better
_TAG = re.compile(LANGUAGE_TAG)
_HAN = re.compile(r"[㐀-鿿]")
_WORD = re.compile(r"[^\W\d_]+")
_START = 400  # characters by which a text's language is told


class LanguagesError(ValueError):
    """A folder of languages is wrong; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language: its tag, its own name, its readers' zone, and frequent words that tell it; `folder` when added."""

    code: str
    name: str
    zone: str
    words: frozenset[str] = frozenset()
    folder: Path | None = None


_ENGLISH = "the and i you my is was it to of have for not that with this be are but your me they had from on at has"
PACKAGE = {
    "zh": Tongue("zh", "中文", "Asia/Shanghai"),
    "en": Tongue("en", "English", "Europe/London", frozenset(_ENGLISH.split())),
}


class Languages:
    """Which languages there are, and which of them a customer's tag or text means."""

    def __init__(self, further: Iterable[Tongue] = ()) -> None:
        self.further = {tongue.code: tongue for tongue in further}
        self.all: Mapping[str, Tongue] = {**PACKAGE, **self.further}
        self._worded = [t for t in self.all.values() if t.words]

    @classmethod
    def of(cls, folder: Path | None) -> "Languages":
        """The package's languages and those of the folder. Raises LanguagesError."""
        return cls(() if folder is None else [_tongue(one) for one in _folders(folder)])

    def known(self, tag: str | None) -> str | None:
        """The language that there is for a tag: itself, or without region and script (`fr-CA` is read as `fr`)."""
        while tag:
            if tag in self.all:
                return tag
            tag = tag.rpartition("-")[0]
        return None

    def told(self, text: str) -> str:
        """The language of a text: Chinese by a fair share of its characters, the others by their frequent words."""
        start = text[:_START]
        if len(_HAN.findall(start)) * 8 >= len(start.strip()) > 0:
            return "zh"
        if not self.further:
            return DEFAULT
        words = _WORD.findall(start.lower())
        hits = {t.code: sum(word in t.words for word in words) for t in self._worded}
        # English stays what is meant until another language has more of its words.
        return max(hits, key=lambda code: (hits[code], code == DEFAULT))


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise LanguagesError(f"{folder} is no folder")
    return sorted(one for one in folder.iterdir() if (one / "language.yaml").is_file())


def _tongue(folder: Path) -> Tongue:
    where = f"{folder.name}/language.yaml"
    if not _TAG.fullmatch(folder.name):
        raise LanguagesError(f"{where}: {folder.name!r} is no language tag, as fr or pt-BR")
    if folder.name in PACKAGE:
        raise LanguagesError(f"{where}: {folder.name} comes with the program; its letters are changed by an upload")
    try:
        given: Any = yaml.safe_load((folder / "language.yaml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise LanguagesError(f"{where}: {' '.join(str(problem).split())}") from None
    if not isinstance(given, dict) or set(given) != {"name", "zone", "words"}:
        raise LanguagesError(f"{where}: needs name, zone and words, and nothing else")
    if given["zone"] not in available_timezones():
        raise LanguagesError(f"{where}: there is no time zone {given['zone']!r}")
    if not isinstance(given["words"], list) or not given["words"]:
        raise LanguagesError(f"{where}: words is a list of frequent words")
    words = frozenset(str(word).lower() for word in given["words"])
    return Tongue(folder.name, str(given["name"]), given["zone"], words, folder)
