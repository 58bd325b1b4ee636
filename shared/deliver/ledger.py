"""The life of one thing owed to the outside world, and what an attempt to deliver it can end in.

    owed → ready → sending → sent
                     ├→ retry → sending …
                     ├→ unknown   (the server may have taken it: only a person sends it again)
                     └→ failed
    owed | ready | retry → blocked | cancelled | no_address

`sending` is committed before the first byte of content leaves, so a crash can leave `unknown`, never a second copy.
"""

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

State = Literal["owed", "ready", "sending", "sent", "retry", "unknown", "failed", "blocked", "cancelled", "no_address"]
STATES: tuple[State, ...] = get_args(State)

MOVES: dict[State, frozenset[State]] = {
    "owed": frozenset({"ready", "blocked", "cancelled", "no_address"}),
    "ready": frozenset({"sending", "blocked", "cancelled"}),
    "sending": frozenset({"sent", "retry", "unknown", "failed"}),
    "retry": frozenset({"sending", "blocked", "cancelled", "failed"}),
    # The process that sent it may still learn the truth after its lease was declared lapsed; a person may send again.
    "unknown": frozenset({"sent", "failed", "ready"}),
    "failed": frozenset({"ready"}),
    "blocked": frozenset({"ready", "cancelled", "no_address"}),
    "no_address": frozenset({"ready", "cancelled", "blocked"}),
    "sent": frozenset(),
    "cancelled": frozenset(),
}
# Not yet claimed by a sender: a later event may still hold or cancel it.
UNCLAIMED: tuple[State, ...] = ("owed", "ready", "retry", "blocked", "no_address")


class IllegalMove(ValueError):
    """The ledger does not allow this step."""


def move(before: State, after: State) -> State:
    """The new state. Raises IllegalMove when the ledger does not allow it."""
    if after not in MOVES[before]:
        raise IllegalMove(f"{before} → {after}")
    return after


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt ended in. `code` is the server's reply code, `detail` short and without personal data."""

    state: Literal["sent", "retry", "unknown", "failed"]
    code: int | None = None
    detail: str = ""


def message_id(letter: UUID, domain: str) -> str:
    """The Message-ID of a letter, the same at every attempt, so that a receiver can drop a second copy."""
    return f"<{letter}@{domain}>"
