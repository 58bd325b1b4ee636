"""The spine with one of its guarantees taken out. A checker that passes such a run would prove nothing.

Each is applied to a child process (child.py) before its service starts; the product has no switch for any of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.base.db import Database
from shared.events.envelope import Event
from shared.events.intake import CustomerReplied
from shared.spine import unit as units
from shared.spine.consume import Consumer
from shared.spine.relay import Relay
from shared.spine.unit import Stream, Unit, Work

_UNLOCKED = text(
    "WITH made AS (INSERT INTO stream (complaint_id, sequence, stalled) SELECT id, 0, false "
    "FROM unnest(CAST(:ids AS uuid[])) AS u(id) ON CONFLICT DO NOTHING RETURNING complaint_id, sequence, stalled) "
    "SELECT * FROM made UNION SELECT complaint_id, sequence, stalled FROM stream "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[]))"
)
RACE_SECONDS = 0.1


def inbox_off() -> None:
    """Every event counts as fresh, also one that was applied before."""

    async def claim(self: Consumer[Any], unit: Unit, decoded: Sequence[Any]) -> list[Any]:
        return [item for item in decoded if item.event]

    Consumer._claim = claim  # type: ignore[method-assign]


def delete_before_ack() -> None:
    """Outbox rows are deleted, and the deletion committed, before the broker has the events."""
    produce = Relay._produce

    async def produce_late(self: Relay, producer: Any, rows: Sequence[Any]) -> Any:
        async with self.db.work.begin() as tx:
            await self._delete_acked(tx, [row.seq for row in rows])
        return await produce(self, producer, rows)

    Relay._produce = produce_late  # type: ignore[method-assign]


def position_first() -> None:
    """The position is committed in a transaction of its own before the effects of what lies before it."""
    apply: Callable[..., Awaitable[None]] = Consumer._transaction

    async def transaction(self: Consumer[Any], client: Any, decoded: Sequence[Any], *, positions: bool = True) -> None:
        await self.positions.write(client)
        await apply(self, client, decoded, positions=positions)

    Consumer._transaction = transaction  # type: ignore[method-assign]


def lock_left_out() -> None:
    """A complaint's row is read and not locked; the pause stands for the luck that a race needs."""

    async def read_only(self: Unit, ids: Sequence[UUID]) -> None:
        for row in await self.tx.execute(_UNLOCKED, {"ids": list(ids)}):
            self.streams[row.complaint_id] = Stream(row.sequence, row.stalled)

    made = Work.__init__

    def with_slow_store(self: Work[Any], db: Database, store: Any, *more: Any, **named: Any) -> None:
        made(self, db, _Slow(store), *more, **named)

    Unit._lock = read_only  # type: ignore[method-assign]
    Work.__init__ = with_slow_store  # type: ignore[method-assign]


class _Slow:
    """A store that is slow between reading and deciding."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def load(self, tx: Any, ids: Sequence[UUID]) -> Any:
        found = await self._store.load(tx, ids)
        await asyncio.sleep(RACE_SECONDS)
        return found

    async def save(self, tx: Any, cases: Sequence[Any]) -> None:
        await self._store.save(tx, cases)


def order_reversed() -> None:
    """Complaints are locked from the last to the first."""
    in_order = units.lock_order

    def reverse(ids: Iterable[UUID]) -> list[UUID]:
        return in_order(ids)[::-1]

    units.lock_order = reverse


def poisonous() -> None:
    """The handler of customers' replies has a bug: it fails on one that begins with `poison`."""
    made = Consumer.__init__

    def with_a_bug(self: Consumer[Any], work: Any, handlers: Mapping[Any, Any], **named: Any) -> None:
        handle = handlers[CustomerReplied]

        def fail(case: Any, event: Event[CustomerReplied], now: datetime) -> Any:
            if any((person.text or "").startswith("poison") for person in event.data.personal.values()):
                raise ZeroDivisionError
            return handle(case, event, now)

        made(self, work, {**handlers, CustomerReplied: fail}, **named)

    Consumer.__init__ = with_a_bug  # type: ignore[method-assign]


def relay_held() -> None:
    """Nothing leaves the outbox."""

    async def held(self: Relay, tx: Any) -> tuple[int, bool]:
        return 0, False

    Relay._round = held  # type: ignore[method-assign]


NAMED: dict[str, Callable[[], None]] = {
    "inbox-off": inbox_off,
    "delete-before-ack": delete_before_ack,
    "position-first": position_first,
    "lock-left-out": lock_left_out,
    "order-reversed": order_reversed,
    "poisonous": poisonous,
    "relay-held": relay_held,
}
