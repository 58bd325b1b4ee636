"""Where the files of a language are: in the package, or in the installation's folder of languages.

A further language's folder holds `language.yaml` (shared/languages), `letters/*.yaml`, `rules.yaml`, `specimens.yaml`
and `house.yaml`. The process takes the folder up once, before it reads a language.
"""

from collections.abc import Callable, Sequence
from functools import _lru_cache_wrapper, cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from shared.languages import PACKAGE, Languages, Tongue

from .policy import House, Policy, Strict

_DATA = files("services.notifier") / "data"
_FURTHER: dict[str, Tongue] = {}
_READ: list["_lru_cache_wrapper[Any]"] = []
T = TypeVar("T")


class LanguageError(ValueError):
    """A language's files are wrong; the message says where."""


class _Signs(Strict):
    """house.yaml: who signs letters that no person wrote, whose working days count, and the customer's rights."""

    name: str
    contact: str
    calendar: str = "mon-fri"
    rights: list[str] = []


def install(languages: Languages) -> None:
    """Take up the languages of the installation."""
    _FURTHER.clear()
    _FURTHER.update(languages.further)
    for read in _READ:
        read.cache_clear()


def kept(read: Callable[[str], T]) -> "_lru_cache_wrapper[T]":
    """What is read of a language is kept until other languages are taken up."""
    cached = cache(read)
    _READ.append(cached)
    return cached


def codes() -> list[str]:
    """The languages that there are."""
    return sorted({*PACKAGE, *_FURTHER})


def letters(code: str) -> Sequence[Traversable]:
    """The files that together say how this language writes. Raises LanguageError when there are none."""
    folder = _own(code, "letters") or _DATA / "languages" / code
    found = [f for f in folder.iterdir() if f.name.endswith(".yaml")] if folder.is_dir() else []
    if not found:
        raise LanguageError(f"{code}: no letters/*.yaml")
    return sorted(found, key=lambda f: f.name)


def rules(code: str) -> Traversable:
    """The file of the words of the rules."""
    return _own(code, "rules.yaml") or _DATA / "rules" / f"{code}.yaml"


def specimens(code: str) -> Traversable:
    """The file of made-up cases."""
    return _own(code, "specimens.yaml") or _DATA / "specimens" / f"{code}.yaml"


def signed(policy: Policy) -> Policy:
    """The policy with who signs in the further languages, where it does not say so itself. Raises LanguageError."""
    house, rights = dict(policy.house), dict(policy.rights)
    for code, tongue in _FURTHER.items():
        if code not in house:
            signs = _signs(code)
            house[code] = _house(code, signs, tongue.zone)
            rights.setdefault(code, signs.rights)
    return policy.model_copy(update={"house": house, "rights": rights})


def _own(code: str, name: str) -> Traversable | None:
    tongue = _FURTHER.get(code)
    return tongue.folder / name if tongue and tongue.folder else None


def _signs(code: str) -> _Signs:
    path = _own(code, "house.yaml")
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8")) if path else None
        return _Signs.model_validate(found)
    except (OSError, yaml.YAMLError) as problem:
        raise LanguageError(f"{code}/house.yaml: {' '.join(str(problem).split())}") from None
    except ValidationError as problem:
        raise _wrong(code, problem) from None


def _house(code: str, signs: _Signs, zone: str) -> House:
    try:
        return House(name=signs.name, contact=signs.contact, calendar=signs.calendar, timezone=zone)
    except ValidationError as problem:
        raise _wrong(code, problem) from None


def _wrong(code: str, problem: ValidationError) -> LanguageError:
    first = problem.errors(include_url=False)[0]
    return LanguageError(f"{code}/house.yaml: {'.'.join(map(str, first['loc']))}: {first['msg']}")
