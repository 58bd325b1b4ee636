"""What a decision leads to. Handlers change the state they are given and return these."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.envelope import Event, Payload


@dataclass(frozen=True, slots=True)
class Emit:
    """An event about this complaint. `time` is when it became true; None means the transaction's now()."""

    data: Payload
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """A timer of this complaint. The same name replaces the earlier one; `version` tells a firing which it was."""

    name: str
    at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Disarm:
    """The named timer is not to fire any more; it need not exist."""

    name: str


@dataclass(frozen=True, slots=True)
class Count:
    """Adds to a total, in the same transaction. Made by what declares the total (shared/spine/figures.py)."""

    metric: str
    labels: tuple[str, ...]
    by: float = 1.0


Effect = Emit | Arm | Disarm | Count


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that has come due."""

    complaint_id: UUID
    name: str
    fire_at: datetime
    version: int


class State(Protocol):
    """What a service knows of one complaint. The spine raises `version` with every change it applies."""

    complaint_id: UUID
    version: int


S = TypeVar("S", bound=State)
Handler = Callable[[S, Event[Any], datetime], Iterable[Effect] | None]  # None: the event changed nothing
Handlers = Mapping[type[Payload], Handler[S]]
TimerHandler = Callable[[S, Timer, datetime], Iterable[Effect]]
Decide = Callable[[S, datetime], Iterable[Effect]]


class Store(Protocol[S]):
    """How a service remembers: both methods make a constant number of statements."""

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, S]:
        """The states of these complaints; a new one for an id that is not known."""

    async def save(self, tx: AsyncConnection, cases: Sequence[S]) -> None:
        """Write these states."""
