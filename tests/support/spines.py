"""Spines that run inside a test: real database, real topic of their own, supervised loops."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from deploy.local.kafka import Kafka
from shared.base import kafka
from shared.base.config import ServiceSettings
from shared.base.db import Database as Pools
from shared.base.runtime import Service, Supervisor
from shared.events.common import Channel
from shared.events.envelope import Payload, source_of
from shared.events.intake import ComplaintReceived, Customer, CustomerReplied, Person
from shared.spine.effects import Emit
from shared.spine.spine import Spine
from tests.support import ledger
from tests.support.servers import DEPLOYMENT, Database

WEB: Channel = "web"


class Nothing:
    """The store of a service that remembers nothing: a source of events."""

    async def load(self, tx: Any, ids: Sequence[UUID]) -> dict[UUID, Any]:
        return {}

    async def save(self, tx: Any, cases: Sequence[Any]) -> None:
        return None


async def topic_of_its_own(bootstrap: str) -> str:
    """A fresh topic with twelve partitions."""
    topic = f"complaints.{secrets.token_hex(4)}"
    await kafka.create_topics(bootstrap, topic, partitions=12, replication=1)
    return topic


def settings(database: Database, service: str, bootstrap: str, topic: str, **more: Any) -> ServiceSettings:
    """The configuration of one service of the test."""
    usual: dict[str, Any] = {
        "database_url": database.url(service),
        "deployment_id": DEPLOYMENT,
        "kafka_bootstrap": bootstrap,
        "topic": topic,
        "token_key": "k" * 32,
        "session_timeout": 2,
    }
    return ServiceSettings(**{**usual, **more})


@asynccontextmanager
async def running(spine: Spine[Any], *, loops: Iterable[str] = ()) -> AsyncIterator[Spine[Any]]:
    """The spine with its loops (all of them, or the named ones) until the block ends."""
    wanted = [loop for loop in spine.loops() if not loops or loop.name in loops]
    service = Service(spine.service, spine.settings, FastAPI(), wanted, spine.opened, spine.closed)
    supervisor = Supervisor(service)
    task = asyncio.create_task(supervisor.run())
    try:
        yield spine
    finally:
        supervisor.request_stop()
        await task
        await spine.closed()


class World:
    """One test's intake (a source) and its ledger service (a sink), over their own database and topic."""

    def __init__(self, database: Database, bootstrap: str, topic: str) -> None:
        self.database, self.bootstrap, self.topic = database, bootstrap, topic
        self.admin = Pools(database.admin_url, "escalation", work_pool=2, api_pool=1)

    async def prepare(self) -> None:
        """Make the ledger's table."""
        async with self.admin.transaction() as tx:
            await ledger.create(tx)
            await tx.execute(text("GRANT ALL ON told TO amends_escalation"))

    def source(self) -> Spine[Any]:
        """Intake's spine without handlers."""
        return Spine(
            settings(self.database, "intake", self.bootstrap, self.topic),
            service="intake",
            store=Nothing(),
            handlers={},
        )

    def sink(self, handlers: ledger.Handlers, **more: Any) -> Spine[ledger.Told]:
        """The ledger service."""
        return Spine(
            settings(self.database, "escalation", self.bootstrap, self.topic, **more),
            service="escalation",
            store=ledger.Store(),
            handlers=handlers.table(),
            on_timer=handlers.on_timer,
        )

    async def query(self, statement: str, **arguments: Any) -> Any:
        """Rows of the sink's schema."""
        async with self.admin.transaction() as tx:
            result = await tx.execute(text(statement), arguments)
            return result.all()

    async def execute(self, statement: str) -> None:
        """Change something behind the sink's back."""
        async with self.admin.transaction() as tx:
            await tx.execute(text(statement))

    async def told(self) -> dict[UUID, list[str]]:
        """Complaint → what its customer told, in the order of handling."""
        return {row.complaint_id: row.entries for row in await self.query("SELECT complaint_id, entries FROM told")}


def received(complaint: UUID, *, at: datetime | None = None, text: str = "The parcel never came.") -> Emit:
    """A complaint as intake says it."""
    return Emit(
        ComplaintReceived(
            reference=f"AM-{complaint.hex[:10].upper()}",
            channel=WEB,
            source="shop",
            received_at=at or datetime.now(UTC),
            customer=Customer(customer_id=uuid4(), tier="low", language="en"),
            personal={complaint: Person(name="Ada Example", text=text)},
        )
    )


def replied(complaint: UUID, text: str) -> Emit:
    """A later word of the customer."""
    return Emit(
        CustomerReplied(
            customer_id=complaint,
            channel=WEB,
            received_at=datetime.now(UTC),
            message_id=uuid4(),
            personal={complaint: Person(text=text)},
        )
    )


async def emit(spine: Spine[Any], complaint: UUID, *effects: Emit) -> None:
    """Let the source say something, in a transaction of its own."""
    async with spine.work.unit([complaint]) as unit:
        unit.add(complaint, uuid4(), effects)


async def tell(spine: Spine[Any], complaint: UUID, *data: Payload) -> None:
    """Let the services that say such things say them, in one transaction."""
    async with spine.work.unit([complaint]) as unit:
        for payload in data:
            unit.service, unit.source = payload.emitter, source_of(DEPLOYMENT, payload.emitter)
            unit.add(complaint, uuid4(), [Emit(payload)])


async def eventually(check: Callable[[], Any], *, seconds: float = 20.0, what: str = "") -> Any:
    """The first true answer of an async check; fails after so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        if found := await check():
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {what or check}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def world(database: Callable[..., Database], kafka: Kafka) -> AsyncIterator[World]:
    """A world over a database and a topic of the test's own."""
    made = World(database(), kafka.bootstrap, await topic_of_its_own(kafka.bootstrap))
    await made.prepare()
    yield made
    await made.admin.close()
