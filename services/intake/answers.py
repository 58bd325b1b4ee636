"""Who gets an automatic answer to a mail: people, once for each matter of theirs. Pure.

Two machines that answer each other do so for ever (RFC 3834). So within 24 hours after an automatic answer a sender
gets another one only for what a person seems to have written about something else: a mail that answers no other mail,
in words unlike those that were answered, and not more than a few times. What gets none is kept all the same.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

from .likeness import pieces
from .mail import Mail

PAUSE = timedelta(hours=24)
MOST = 3
ALIKE = 0.5
SKETCH, READ = 48, 4_000
_NUMBER = re.compile(r"\d")
_ANSWERS = re.compile(r"^\s*(re|aw|sv|antw|rif|res|回复|答复|回覆|答覆)\s*(\[\d+\]|\(\d+\))?\s*[:：]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Given:
    """An automatic answer that went out, and a sketch of the words that it answered."""

    at: datetime
    words: frozenset[int]


def sketch(text: str) -> frozenset[int]:
    """A few hashes that stand for the words of a text: of two texts, as many are the same as of their words.

    Numbers are left out: a machine counts its mails. The beginning is enough.
    """
    return frozenset(sorted(_hash(piece) for piece in pieces(text[:READ]) if not _NUMBER.search(piece))[:SKETCH])


def alike(one: frozenset[int], other: frozenset[int]) -> float:
    """0 to 1: the part of the words that two texts share, estimated from their sketches."""
    if not one or not other:
        return 1.0  # who says nothing twice says the same
    few = frozenset(sorted(one | other)[:SKETCH])
    return len(few & one & other) / len(few)


def _hash(piece: str) -> int:
    return crc32(piece.encode())


@dataclass(slots=True)
class Answers:
    """The answers that these senders had, and, as `may` is asked, those that they get now."""

    given: Mapping[str, list[Given]]
    now: datetime
    changed: set[str] = field(default_factory=set)

    def may(self, mail: Mail, *, chase: bool = False) -> bool:
        """Whether this mail is answered by a machine; it is counted as answered then. `chase`: it asks once more."""
        earlier = self.given.get(mail.sender)
        if mail.machine or earlier is None:
            return False
        earlier[:] = recent(earlier, self.now)
        words = sketch(f"{mail.subject}\n{mail.fresh or mail.text}")
        if earlier and (chase or not self._something_else(mail, words, earlier)):
            return False
        earlier.append(Given(self.now, words))
        self.changed.add(mail.sender)
        return True

    @staticmethod
    def _something_else(mail: Mail, words: frozenset[int], earlier: list[Given]) -> bool:
        if len(earlier) >= MOST or mail.replies_to or _ANSWERS.match(mail.subject):
            return False
        return all(alike(words, one.words) < ALIKE for one in earlier)


def recent(given: Iterable[Given], now: datetime) -> list[Given]:
    """Those that still count."""
    return [one for one in given if now - one.at < PAUSE]
