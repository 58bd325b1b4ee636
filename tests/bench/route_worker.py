"""The process that `route` measures: routing as it is composed, without a broker. Prints JSON.

`python -m tests.bench.route_worker JSON`. `mode` fill: receive `n` complaints while nobody is there. `mode` receive:
apply ComplaintReceived in polls, as the consumer does, while the rounds run, until every one is offered. `mode` rounds:
only rounds, until `n` more are offered.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop
from pydantic import SecretStr

from services.routing.app import build
from services.routing.rounds import Rounds
from services.routing.settings import Settings
from shared.base import sql
from shared.base.runtime import Service, Supervisor, collect_rarely
from shared.events.envelope import Event
from shared.events.intake import ComplaintReceived
from tests.bench.load import WORDS
from tests.bench.measure import cpu_between, cpu_seconds
from tests.support.routing import received

POLL = 500
# One for each cause that triage tells apart, so that all twelve skills are asked for.
SAYINGS = (
    "The phone is defective, the screen is broken.", "The repair was bad, after the repair it fails again.",
    "There is no signal, the network is down.", "Your agent gave me wrong information.",
    "The clerk in the shop was rude to me.", "I do not agree with the fee, I was charged twice.",
)  # fmt: skip
_CLAIM = sql.Statement(
    "INSERT INTO inbox (event_id, seen_at) SELECT id, now() FROM unnest(CAST(:ids AS uuid[])) AS u(id) "
    "ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
)
_OFFERED = sql.Statement("SELECT count(*) AS n FROM offer WHERE state = 'open'")


def events(n: int, tiers: Sequence[str], deployment: str) -> list[Event[ComplaintReceived]]:
    """So many complaints of 1.1 kB, of every cause and tier in turn."""
    return [
        Event(
            uuid4(), uuid4(), received(f"{SAYINGS[i % 6]} {WORDS * 4}", tier=tiers[i % len(tiers)]),
            datetime.now(UTC), 1, deployment,
        )
        for i in range(n)
    ]  # fmt: skip


def there(room: str, pid: int | None = None) -> int:
    """How many replicas are ready, this one included when its `pid` is given."""
    if pid is not None:
        (Path(room) / str(pid)).touch()
    return sum(1 for _ in Path(room).iterdir())


class Worker:
    """Routing on the benchmark's database."""

    def __init__(self, given: dict[str, Any]) -> None:
        settings = Settings(
            database_url=SecretStr(given["database"]), deployment_id=given["deployment"], topic="bench.route",
            kafka_bootstrap="127.0.0.1:1", token_key=SecretStr("k" * 32), routing_policy=Path(given["policy"]),
        )  # fmt: skip
        self.given = given
        service: Service = build(settings)
        Supervisor(service)  # gives the loops their controls; none of them runs
        loop = next(loop for loop in service.loops if loop.name == "rounds")
        self.rounds: Rounds = loop.run.__self__  # type: ignore[attr-defined]
        self.spine = self.rounds.spine

    async def receive(self, polled: Sequence[Event[ComplaintReceived]]) -> None:
        """One poll in one transaction, the inbox included."""
        async with self.spine.work.unit(e.complaint_id for e in polled) as unit:
            await _CLAIM.rows(unit.tx, {"ids": sorted((e.id for e in polled), key=lambda i: i.int)})
            await self.spine.consumer.apply(unit, polled)

    async def offered(self) -> int:
        """How many offers are open."""
        async with self.spine.db.transaction() as tx:
            return int((await _OFFERED.rows(tx))[0].n)

    async def until(self, n: int) -> int:
        """Rounds until so many offers are open, whoever made them; how many rounds there were."""
        turns = 0
        while True:
            if await self.rounds.round():
                turns += 1
            elif await self.offered() >= n:
                return turns
            else:
                await asyncio.sleep(0.005)

    async def measured(self, mode: str) -> dict[str, Any]:
        """One stretch, from the moment when all replicas are ready: when it `begun` and `ended`, the `cpu` seconds of
        this process, and how many `rounds` it took."""
        made = events(self.given["share"] if mode == "receive" else 0, self.given["tiers"], self.given["deployment"])
        await self.offered()  # opens a connection
        await self._together()
        pids = {"routing": os.getpid()}
        before, begun = cpu_seconds(pids), time.time()
        rounds = asyncio.create_task(self.until(self.given["n"]))
        for start in range(0, len(made), POLL):
            await self.receive(made[start : start + POLL])
        turns = await rounds
        return {"begun": begun, "ended": time.time(), "cpu": cpu_between(before, cpu_seconds(pids)), "rounds": turns}

    async def _together(self) -> None:
        """Say that this replica is ready, and wait for the others."""
        there(self.given["room"], os.getpid())
        while there(self.given["room"]) < self.given["replicas"]:
            await asyncio.sleep(0.01)

    async def fill(self) -> dict[str, Any]:
        """Complaints that wait; how many of each cause."""
        made = events(self.given["n"], self.given["tiers"], self.given["deployment"])
        causes: Counter[str] = Counter()
        for start in range(0, len(made), POLL):
            await self.receive(made[start : start + POLL])
        async with self.spine.db.transaction() as tx:
            ids = [e.complaint_id for e in made]
            causes.update(c.cause for c in (await self.rounds.store.load(tx, ids)).values())
        return {"causes": causes}


async def main(given: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for."""
    worker = Worker(given)
    try:
        return await (worker.fill() if given["mode"] == "fill" else worker.measured(given["mode"]))
    finally:
        await worker.spine.closed()


if __name__ == "__main__":
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(main(json.loads(sys.argv[1])))))
