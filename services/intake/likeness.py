"""How alike two complaints are, and what speaks for their being one matter. Pure; a person decides.

Texts are compared by the cosine of their pieces: words of languages that have blanks, pairs of characters of Chinese.
Identity alone proposes nothing (who complains twice may have two reasons), nor do words alone (a widespread fault is
told by many in the same words): it takes identity with alike words, or identity with the same order, or the same order
with alike words.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from uuid import UUID

ALIKE, VERY_ALIKE = 30, 60
WINDOW = timedelta(days=30)
_PIECES = re.compile(r"[a-z0-9']+|[\u3400-\u9fff]+")
# Words that every text has.
_EMPTY = frozenset((
    "the", "a", "an", "and", "or", "but", "of", "to", "in", "on", "at", "for", "with", "is", "are", "was", "were", "be",
    "been", "have", "has", "had", "i", "you", "we", "it", "they", "he", "she", "my", "your", "our", "this", "that",
    "these", "those", "not", "no", "so", "as", "by", "from", "me", "us", "do", "did", "does",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Matter:
    """What of a complaint is compared: its order by `plain_order`, the customers whose contacts it carries."""

    complaint_id: UUID
    reference: str
    channel: str
    received_at: datetime
    text: str
    order_ref: str | None
    people: frozenset[UUID]


def pieces(text: str) -> Counter[str]:
    """What a text is made of."""
    found: Counter[str] = Counter()
    for piece in _PIECES.findall(text[:20_000].lower()):
        if piece[0] > "\u33ff":
            found.update(piece[n : n + 2] for n in range(max(1, len(piece) - 1)))
        elif piece not in _EMPTY:
            found[piece] += 1
    return found


def likeness(one: str, other: str) -> int:
    """0 to 100: how alike two texts are."""
    a, b = pieces(one), pieces(other)
    size = sqrt(sum(n * n for n in a.values()) * sum(n * n for n in b.values()))
    return round(100 * sum(n * b[piece] for piece, n in a.items()) / size) if size else 0


def evidence(one: Matter, other: Matter) -> tuple[int, list[str]]:
    """Likeness and the reasons to propose that two complaints are one matter; no reasons: nothing is proposed.

    Reasons are words with what they rest on: `customer`, `order`, `text 72`, `channels web hotline`, `hours 5`.
    """
    apart = abs(one.received_at - other.received_at)
    same_person = bool(one.people & other.people)
    same_order = bool(one.order_ref) and one.order_ref == other.order_ref
    alike = likeness(one.text, other.text)
    enough = (same_person and (same_order or alike >= ALIKE)) or (same_order and alike >= ALIKE)
    if apart > WINDOW or not enough:
        return alike, []
    reasons = [name for name, true in (("customer", same_person), ("order", same_order)) if true]
    reasons += [f"text {alike}"] if alike >= ALIKE else []
    reasons += [f"channels {one.channel} {other.channel}"] if one.channel != other.channel else []
    return alike, [*reasons, f"hours {int(apart.total_seconds() // 3600)}"]


def plain_order(order: str | None) -> str:
    """The number of an order in its one written form: letters and digits only."""
    return re.sub(r"[\W_]", "", order or "").lower()
