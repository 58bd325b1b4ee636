"""Webhooks: what a target was to be told stands in the ledger before it is tried, and until it was taken or is dead.

    ready → sending → sent | retry → … → dead      dead → ready by a person

A row is written in the transaction of the fact that it tells. Attempts follow at growing pauses for 24 hours; 410 (the
target is gone for good) ends them at once. Delivery is at least once: a lapsed attempt is repeated with the same
`Amends-Delivery`, by which the receiver drops the second one. One target's deliveries go out in their order as long as
it takes them, and a target that cannot be reached delays nobody else.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import UUID as UUIDColumn
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.base.columns import kept
from shared.base.db import Database, is_transient
from shared.base.loops import LoopControl
from shared.base.measures import counter

from . import signing
from .backoff import next_try
from .http import Answer, Forbidden, NotReached, Poster

DELIVERED = counter(
    "amends_webhooks_total", "Attempts to deliver a webhook by what they ended in", labels={"outcome": ()},
    answers="Do the others whom we tell things answer?",
)  # fmt: skip
LIFE = timedelta(hours=24)
BASE, CAP = 10.0, 3600.0
LEASE, AT_ONCE, TARGETS_AT_ONCE = 120.0, 100, 8
_time = DateTime(timezone=True)

# Made by the spine's migrations in every service's schema. `seq` is the order in which a target is told.
webhook = Table(
    "webhook",
    MetaData(),
    Column("id", UUIDColumn, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("target", Text, nullable=False),
    Column("about", UUIDColumn),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),  # ready | sending | retry | sent | dead
    Column("attempts", Integer, nullable=False),
    Column("created_at", _time, nullable=False),
    Column("next_try_at", _time),
    Column("deadline_at", _time, nullable=False),
    Column("settled_at", _time),
    Column("status", Integer),
    Column("reason", Text),
    *kept(),
)
# An attempt whose process died is due again when its lease ends: `next_try_at` is that moment while it is sending.
_CLAIM = text(
    "UPDATE webhook SET state = 'sending', attempts = attempts + 1, "
    "next_try_at = now() + make_interval(secs => :lease) "
    "WHERE id = ANY(ARRAY(SELECT id FROM webhook WHERE state IN ('ready', 'retry', 'sending') AND next_try_at <= now() "
    "ORDER BY next_try_at, seq LIMIT :n FOR UPDATE SKIP LOCKED)) "
    "RETURNING id, seq, target, event, body, attempts, deadline_at, now() AS now"
)
_SETTLE = text(
    "UPDATE webhook SET state = u.state, next_try_at = u.next, status = u.status, reason = u.reason, "
    "attempts = webhook.attempts - u.untried, settled_at = CASE WHEN u.state IN ('sent', 'dead') THEN now() END "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:next AS timestamptz[]), "
    "CAST(:statuses AS int[]), CAST(:reasons AS text[]), CAST(:untried AS int[])) "
    "AS u(id, state, next, status, reason, untried) WHERE webhook.id = u.id AND webhook.state = 'sending'"
)
_NEXT = text(
    "SELECT EXTRACT(EPOCH FROM min(next_try_at) - now())::float8 FROM webhook "
    "WHERE state IN ('ready', 'retry', 'sending')"
)
_AGAIN = text(
    "UPDATE webhook SET state = 'ready', attempts = 0, next_try_at = now(), settled_at = NULL, reason = NULL, "
    "status = NULL, deadline_at = now() + CAST(:life AS interval) WHERE state = 'dead' "
    "AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[]))) "
    "AND (CAST(:target AS text) IS NULL OR target = :target)"
)
_LIST = text(
    "SELECT id, target, about, event, state, attempts, created_at, next_try_at, status, reason FROM webhook "
    "WHERE (CAST(:state AS text) IS NULL OR state = :state) AND (CAST(:target AS text) IS NULL OR target = :target) "
    "ORDER BY seq DESC LIMIT :n"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a target wants to be told, and the secret that it knows us by."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Owed:
    """One thing to tell. The same id is told once; `event` names its kind; `body` is JSON without personal data."""

    id: UUID
    target: str
    event: str
    body: dict[str, Any] | list[Any]
    about: UUID | None = None


class Delivery(NamedTuple):
    """A claimed row."""

    id: UUID
    seq: int
    target: str
    event: str
    body: str
    attempts: int
    deadline_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt ended in. `tried` is False when its target had just refused another one."""

    delivery: Delivery
    state: str
    next_try_at: datetime | None = None
    status: int | None = None
    reason: str = ""
    tried: bool = True


async def owe(tx: AsyncConnection, owed: Sequence[Owed], now: datetime) -> None:
    """Write into the ledger, in the transaction of the fact that is told: one statement."""
    rows = [
        {
            "id": o.id, "target": o.target, "about": o.about, "event": o.event, "body": sql.to_json(o.body),
            "state": "ready", "attempts": 0, "created_at": now, "next_try_at": now, "deadline_at": now + LIFE,
            "class": "webhook", "legal_hold": False,
        }
        for o in owed
    ]  # fmt: skip
    await sql.insert(tx, webhook, rows, ignore="id")


async def listed(tx: AsyncConnection, *, state: str | None, target: str | None, n: int = 100) -> list[dict[str, Any]]:
    """The newest rows, of one state and one target when they are given."""
    rows = await tx.execute(_LIST, {"state": state, "target": target, "n": n})
    return [dict(row._mapping) for row in rows]


async def send_again(tx: AsyncConnection, ids: Sequence[UUID] | None, *, target: str | None = None) -> int:
    """Give dead deliveries (all, or these) another 24 hours. How many there were."""
    arguments = {"ids": None if ids is None else list(ids), "target": target, "life": LIFE}
    return (await tx.execute(_AGAIN, arguments)).rowcount


class Webhooks:
    """The loop that delivers. `targets` knows where a target is, or None when it does not want to be told any more."""

    def __init__(
        self,
        db: Database,
        poster: Poster,
        targets: Callable[[str], Awaitable[Target | None]],
        *,
        base: float = BASE,
        cap: float = CAP,
    ) -> None:
        self._db, self._poster, self._targets = db, poster, targets
        self._base, self._cap, self._chance = base, cap, Random()

    async def run(self, control: LoopControl) -> None:
        """Deliver what is due; wake it after `owe` was committed, or it looks every few seconds."""
        while not control.stopping:
            control.beat()
            try:
                wait = 0.0 if await self.round() else await self._until_next()
            except Exception as error:
                if not is_transient(error):
                    raise
                wait = 5.0
            await control.sleep(wait)

    async def round(self) -> int:
        """One round: claim, deliver, settle. How many were claimed."""
        async with self._db.transaction() as tx:
            claimed = [Delivery(*row) for row in await tx.execute(_CLAIM, {"lease": LEASE, "n": AT_ONCE})]
        if not claimed:
            return 0
        by_target: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in sorted(claimed, key=lambda d: d.seq):
            by_target[delivery.target].append(delivery)
        slots = asyncio.Semaphore(TARGETS_AT_ONCE)
        await asyncio.gather(*(self._tell(name, owed, slots) for name, owed in by_target.items()))
        return len(claimed)

    async def _tell(self, name: str, owed: Sequence[Delivery], slots: asyncio.Semaphore) -> None:
        async with slots:
            target, settled = await self._targets(name), list[Settled]()
            until = asyncio.get_running_loop().time() + LEASE / 2
            for n, delivery in enumerate(owed):
                result = await self._attempt(delivery, target)
                settled.append(result)
                if result.state == "retry" or asyncio.get_running_loop().time() > until:
                    # What follows waits its turn: one failure is no reason to knock a hundred times.
                    at = result.next_try_at or delivery.now
                    settled += [Settled(d, "retry", at, tried=False) for d in owed[n + 1 :]]
                    break
            async with self._db.transaction() as tx:
                await self._settle(tx, settled)

    async def _attempt(self, delivery: Delivery, target: Target | None) -> Settled:
        if target is None:
            return self._settled(delivery, "dead", reason="the target does not want to be told any more")
        body = delivery.body.encode()
        # The receiver judges the signature by the time of this attempt, not of the first.
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Amends",
            "Amends-Event": delivery.event,
            "Amends-Delivery": str(delivery.id),
            signing.HEADER: signing.sign(target.secret.encode(), body, datetime.now(delivery.now.tzinfo)),
        }
        try:
            answer = await self._poster.post(target.url, body, headers)
        except Forbidden as error:
            return self._settled(delivery, "dead", reason=str(error))
        except NotReached as error:
            return self._later(delivery, None, str(error))
        if answer.taken:
            return self._settled(delivery, "sent", answer)
        if answer.status == 410:
            return self._settled(delivery, "dead", answer, "the target says that it is gone")
        return self._later(delivery, answer, f"answered {answer.status}")

    def _later(self, delivery: Delivery, answer: Answer | None, reason: str) -> Settled:
        at = next_try(
            delivery.now, delivery.attempts, delivery.deadline_at, base=self._base, cap=self._cap, chance=self._chance
        )
        if at is None:
            return self._settled(delivery, "dead", answer, reason)
        if answer and answer.retry_after:
            at = max(at, min(delivery.now + timedelta(seconds=answer.retry_after), delivery.deadline_at))
        DELIVERED.labels("retry").inc()
        return Settled(delivery, "retry", at, answer.status if answer else None, reason)

    @staticmethod
    def _settled(delivery: Delivery, state: str, answer: Answer | None = None, reason: str = "") -> Settled:
        DELIVERED.labels(state).inc()
        return Settled(delivery, state, None, answer.status if answer else None, reason)

    @staticmethod
    async def _settle(tx: AsyncConnection, settled: Sequence[Settled]) -> None:
        await tx.execute(
            _SETTLE,
            {
                "ids": [s.delivery.id for s in settled],
                "states": [s.state for s in settled],
                "next": [s.next_try_at for s in settled],
                "statuses": [s.status for s in settled],
                "reasons": [s.reason for s in settled],
                "untried": [0 if s.tried else 1 for s in settled],
            },
        )

    async def _until_next(self) -> float:
        async with self._db.transaction() as tx:
            seconds = (await tx.execute(_NEXT)).scalar_one()
        return 5.0 if seconds is None else min(5.0, max(0.05, seconds))
