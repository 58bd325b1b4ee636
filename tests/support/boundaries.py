"""The places between two steps of the spine at which a process may die, and a process that dies there.

Named `<loop>/<place>`. The loop is the supervised loop that runs (`consumer`, `timers`, `relay`, ...); what serves an
HTTP request is `command`. Places:

    any loop    before-commit   the transaction has written everything and is not committed
                after-commit    it is committed, and nothing else has happened yet
    consumer    effects         handlers' effects are written, the position is not
                position        the position is written too (a few times a second)
    relay       before-produce  rows are read, the broker has none of them
                after-produce   the broker has them, their rows are not deleted
                delete          rows are deleted
    sender      before-data     `sending` is committed, the mail server has nothing
                after-data      the mail server took the letter, nobody here knows it yet
"""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from shared.base.db import Database
from shared.base.runtime import Supervisor
from shared.deliver.ledger import Outcome
from shared.deliver.smtp import Connection
from shared.spine.consume import Consumer
from shared.spine.positions import Positions
from shared.spine.relay import Relay
from shared.spine.unit import Unit

Passed = Callable[[str], None]
_loop: ContextVar[str] = ContextVar("_loop", default="command")
_decided: ContextVar[bool] = ContextVar("_decided", default=False)
_WROTE = text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")


@dataclass(frozen=True)
class Death:
    """Die at the n-th passing of a boundary."""

    boundary: str
    n: int = 1

    @classmethod
    def parse(cls, said: str) -> "Death":
        """From `boundary` or `boundary@n`."""
        boundary, _, n = said.partition("@")
        return cls(boundary, int(n or 1))

    def mark(self, folder: Path) -> Path:
        """The file that says that it happened."""
        return folder / self.boundary.replace("/", ".")


class Fate:
    """What a process dies of: the first of its deaths that no life of it (or of a replica) has died yet."""

    def __init__(self, room: Path, deaths: Sequence[Death]) -> None:
        self.room, self.deaths = room, list(deaths)
        self._passed: Counter[str] = Counter()

    def passed(self, boundary: str) -> None:
        """Count the passing; the process ends here when its time has come."""
        while self.deaths and self.deaths[0].mark(self.room).exists():
            del self.deaths[0]
        if not self.deaths or self.deaths[0].boundary != boundary:
            return
        self._passed[boundary] += 1
        if self._passed[boundary] < self.deaths[0].n:
            return
        try:
            self.deaths[0].mark(self.room).touch(exist_ok=False)
        except FileExistsError:
            return  # a replica was first
        os.kill(os.getpid(), signal.SIGKILL)


def install(fate: Fate) -> None:
    """Let this process pass its boundaries under `fate`."""
    _name_loops()
    _watch_transactions(fate.passed)
    _watch_consumer(fate.passed)
    _watch_relay(fate.passed)
    _watch_mail(fate.passed)


def _name_loops() -> None:
    """Tasks inherit the name, so that a loop's own tasks count as the loop."""
    run = Supervisor._loop

    async def named(self: Supervisor, loop: Any) -> None:
        _loop.set(loop.name)
        await run(self, loop)

    Supervisor._loop = named  # type: ignore[method-assign]


def _watch_transactions(passed: Passed) -> None:
    """Only those that decided something: loops also look around, and idle consumers write their positions."""
    begin, add = Database.transaction, Unit.add

    @asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[Any]:
        _decided.set(False)
        async with begin(self) as tx:
            yield tx
            loop = _loop.get()
            counts = _decided.get() or (loop != "consumer" and (await tx.execute(_WROTE)).scalar_one())
            if counts:
                passed(f"{loop}/before-commit")
        if counts:
            passed(f"{loop}/after-commit")

    def added(self: Unit, *arguments: Any, **named: Any) -> None:
        _decided.set(True)
        add(self, *arguments, **named)

    Database.transaction = transaction  # type: ignore[method-assign]
    Unit.add = added  # type: ignore[method-assign]


def _watch_consumer(passed: Passed) -> None:
    apply, advance = Consumer.apply, Positions.advance

    async def applied(self: Consumer[Any], unit: Unit, events: Sequence[Any]) -> None:
        await apply(self, unit, events)
        if events:
            passed(f"{_loop.get()}/effects")

    async def advanced(self: Positions, tx: Any, client: Any) -> None:
        await advance(self, tx, client)
        if _decided.get():
            passed(f"{_loop.get()}/position")

    Consumer.apply = applied  # type: ignore[method-assign]
    Positions.advance = advanced  # type: ignore[method-assign]


def _watch_relay(passed: Passed) -> None:
    produce, delete = Relay._produce, Relay._delete_acked

    async def produced(self: Relay, producer: Any, rows: Sequence[Any]) -> Any:
        passed("relay/before-produce")
        result = await produce(self, producer, rows)
        passed("relay/after-produce")
        return result

    async def deleted(self: Relay, tx: Any, acked: Sequence[int]) -> None:
        await delete(self, tx, acked)
        passed("relay/delete")

    Relay._produce = produced  # type: ignore[method-assign]
    Relay._delete_acked = deleted  # type: ignore[method-assign]


def _watch_mail(passed: Passed) -> None:
    send = Connection._content

    async def handed_over(self: Connection, dialogue: Any, content: bytes) -> Outcome:
        passed("sender/before-data")
        outcome = await send(self, dialogue, content)
        if outcome.state == "sent":
            passed("sender/after-data")
        return outcome

    Connection._content = handed_over  # type: ignore[method-assign]
