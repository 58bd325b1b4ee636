"""The desk as people use it: routing with its live news, a notifier beside it, one database, no broker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.notifier.app import build as notifier_of
from services.notifier.settings import Settings as NotifierSettings
from services.routing.news import NewsRoom
from shared.base.runtime import Supervisor
from shared.base.security import COOKIE, Role, issue
from shared.events.envelope import Event, Payload
from shared.spine.consume import Consumer
from tests.support.browser import served
from tests.support.routing import KEY, Bench, offering, received
from tests.support.servers import DEPLOYMENT, Database


@dataclass
class House:
    """Both services, and where the desk answers."""

    bench: Bench
    letters: Consumer[Any]
    news: NewsRoom
    url: str

    async def feed(self, complaint_id: UUID, *payloads: Payload) -> None:
        """What the other services said about a complaint, to both."""
        for consumer in (self.bench.spine.consumer, self.letters):
            await _apply(consumer, complaint_id, payloads)

    async def complaint(self, words: str, **more: Any) -> UUID:
        """A complaint, known to both."""
        complaint_id = uuid4()
        await self.feed(complaint_id, received(words, **more))
        return complaint_id

    async def told(self, complaint_id: UUID) -> None:
        """Bring what routing emitted about a complaint to the notifier."""
        await _apply(self.letters, complaint_id, await self.bench.emitted(complaint_id))

    def cookies(self, name: str, role: Role = "handler") -> dict[str, str]:
        """Signed in as somebody."""
        return {COOKIE: issue(KEY, name=name, role=role)}


async def _apply(consumer: Consumer[Any], complaint_id: UUID, payloads: Sequence[Payload]) -> None:
    events: list[Event[Any]] = [
        Event(uuid4(), complaint_id, p, datetime.now(UTC), 1, DEPLOYMENT) for p in payloads if p.type in consumer.wanted
    ]
    async with consumer.work.unit([complaint_id]) as unit:
        await consumer.apply(unit, events)


@asynccontextmanager
async def house(database: Database, folder: Path, **more: Any) -> AsyncIterator[House]:
    """Both, until the block ends. `more`: further settings of routing."""
    values: dict[str, Any] = {
        "database_url": database.url("notifier"), "deployment_id": DEPLOYMENT, "kafka_bootstrap": "127.0.0.1:9",
        "token_key": KEY, "smtp_url": "smtp://127.0.0.1:9",
    }  # fmt: skip
    notifier = notifier_of(NotifierSettings(**values))
    Supervisor(notifier)
    letters: Consumer[Any] = _owner(notifier.loops, "consumer")
    async with served(notifier.web) as notifier_url:
        bench = Bench(database, offering(folder), more={"notifier_url": notifier_url, **more})
        supervisor = Supervisor(bench.service)
        loops = [loop for loop in bench.service.loops if loop.name.startswith("desk-")]
        tasks = [asyncio.create_task(loop.run(loop.control)) for loop in loops]
        try:
            async with served(bench.service.web) as url:
                yield House(bench, letters, _owner(loops, "desk-hear"), url)
                bench.service.draining()
        finally:
            supervisor.request_stop()
            await asyncio.gather(*tasks)
            await bench.close()
            await notifier.closed()


def _owner(loops: Any, name: str) -> Any:
    return next(loop.run for loop in loops if loop.name == name).__self__
