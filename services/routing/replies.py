"""The reply library: what a handler may begin an answer with, by cause and language; and the house's own replies."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml

from shared.events.common import Language

from .model import Case

ANY = "any"
HOUSE = "house"
MOST_TEXT, MOST_TITLE = 4000, 100
_PLACE = re.compile(r"\{([^{}]*)\}")
# What a place is filled with when the case does not say it.
_UNSAID = {
    "name": ("您", "you"),
    "reference": ("", ""),
    "product": ("商品", "the product"),
    "order": ("您的订单", "your order"),
}
PLACES = tuple(_UNSAID)


@dataclass(frozen=True)
class Reply:
    """One reply in one language. `version` rises with each change; an archived one is no longer offered."""

    reply_id: UUID
    cause: str
    language: Language
    title: str
    text: str
    owner: str
    version: int = 1
    archived: bool = False


def unknown_places(text: str) -> list[str]:
    """The places in a text that nothing fills; a brace without its partner counts."""
    found = [place for place in _PLACE.findall(text) if place not in _UNSAID]
    return found + [brace for brace in "{}" if brace in _PLACE.sub("", text)]


def filled(text: str, language: Language, case: Case) -> str:
    """The text with what the case says."""
    said = {"name": case.name, "reference": case.reference, "product": case.product, "order": case.order_ref}
    n = 0 if language == "zh" else 1
    return _PLACE.sub(lambda m: said.get(m[1]) or _UNSAID.get(m[1], (m[0], m[0]))[n], text)


def fitting(replies: Iterable[Reply], cause: str, language: Language) -> list[Reply]:
    """What may be offered for a case: its language only, its cause first, then what fits every cause."""
    usable = [r for r in replies if not r.archived and r.language == language and r.cause in (cause, ANY)]
    return sorted(usable, key=lambda r: (r.cause != cause, r.title))


@cache
def house_replies() -> tuple[Reply, ...]:
    """The replies that ship, each with an id that stays the same."""
    text = (files("services.routing") / "data" / "replies.yaml").read_text("utf-8")
    made = []
    for entry in yaml.safe_load(text):
        languages: Mapping[Language, Mapping[str, str]] = {"zh": entry["zh"], "en": entry["en"]}
        for language, words in languages.items():
            reply_id = uuid5(NAMESPACE_URL, f"amends:reply:{entry['key']}:{language}")
            # In the file a line ends where the page ends; in a letter only a paragraph does.
            body = re.sub(r"(?<!\n)\n(?!\n)", " ", words["text"].strip())
            made.append(Reply(reply_id, entry["cause"], language, words["title"], body, HOUSE))
    return tuple(made)
