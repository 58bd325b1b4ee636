"""A running notifier for tests: real database, real topic, a mail server that misbehaves on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from services.notifier.app import build
from services.notifier.settings import Settings
from shared.base.db import Database as Pools
from shared.base.kafka import create_topics
from shared.base.runtime import Service, Supervisor
from shared.base.security import Role, issue
from shared.spine.spine import Spine
from tests.support import lossy, naughty_smtp, spines
from tests.support.servers import DEPLOYMENT, Database

KEY = "k" * 32
POLICY = """
house:
  zh: {name: 客户关怀部, contact: 010-5550100, timezone: Asia/Shanghai}
  en: {name: Customer Care, contact: 010 555 0100, timezone: Europe/London}
acknowledge_after: 0.5
hold: {delay_apology: 1, remedy_delayed: 0.5}
authority: {GBP: 500, CNY: 2000}
deadline: 3
retry_base: 0.3
retry_cap: 0.6
"""


@dataclass
class Running:
    """A running notifier, what feeds it, and the mail server it sends to."""

    service: Service
    source: Spine[Any]
    pools: Pools
    smtp: naughty_smtp.Server
    wire: lossy.Wire

    def client(self, role: Role = "lead", name: str = "ada") -> httpx.AsyncClient:
        token = issue(KEY, name=name, role=role)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service.web),
            base_url="http://notifier",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def tell(self, complaint: UUID, *data: Any) -> None:
        """Let the services that say such things say them."""
        await spines.tell(self.source, complaint, *data)

    async def rows(self, statement: str, **arguments: Any) -> Any:
        async with self.pools.transaction() as tx:
            return (await tx.execute(text(statement), arguments)).all()

    async def letters(self, complaint: UUID) -> list[dict[str, Any]]:
        async with self.client() as client:
            answer = await client.get(f"/v1/complaints/{complaint}/letters")
        assert answer.status_code == 200
        return list(answer.json())

    async def settled(self, complaint: UUID, kind: str, state: str) -> dict[str, Any]:
        """The letter of this kind, as soon as it is in this state."""

        async def found() -> Any:
            return next(
                (one for one in await self.letters(complaint) if one["kind"] == kind and one["state"] == state), None
            )

        return await spines.eventually(found, what=f"{kind} {state}", seconds=15)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Servers:
    """What a notifier needs, as the fixtures give it."""

    postgres: Postgres
    keys: Keys
    template: str
    kafka: Kafka


@pytest.fixture(scope="session")
def notifier_servers(postgres: Postgres, server_keys: Keys, migrated_template: str, kafka: Kafka) -> Servers:
    """The servers behind `running`."""
    return Servers(postgres, server_keys, migrated_template, kafka)


@asynccontextmanager
async def running(
    servers: Servers, folder: Path, *, policy: str = POLICY, over: bool = False, **more: Any
) -> AsyncIterator[Running]:
    """A notifier with a database and a topic of its own, until the block ends. `more`: further settings.

    `over` a wire that may lose commits.
    """
    name = f"t_{uuid4().hex[:12]}"
    made = Database(name, servers.postgres.create_database(name, servers.template), servers.keys)
    path = folder / "policy.yaml"
    path.write_text(policy, encoding="utf-8")
    bootstrap = servers.kafka.bootstrap
    await create_topics(bootstrap, name, partitions=12, replication=1)
    source = Spine(
        spines.settings(made, "intake", bootstrap, name), service="intake", store=spines.Nothing(), handlers={}
    )
    pools = Pools(made.admin_url, "notifier", work_pool=2, api_pool=1)
    async with (
        naughty_smtp.serving() as smtp,
        spines.running(source, loops=["prune", "relay"]),
        lossy.wire(made.url("notifier")) as wire,
    ):
        values: dict[str, Any] = {
            "database_url": wire.url if over else made.url("notifier"),
            "deployment_id": DEPLOYMENT, "kafka_bootstrap": bootstrap, "topic": name, "token_key": KEY,
            "session_timeout": 2, "notifier_policy": path,
            "smtp_url": f"smtp://127.0.0.1:{smtp.port}", "smtp_connections": 2, "smtp_timeout": 5,
        }  # fmt: skip
        service = build(Settings(**{**values, **more}))
        supervisor = Supervisor(service)
        task = asyncio.create_task(supervisor.run())
        try:
            yield Running(service, source, pools, smtp, wire)
        finally:
            supervisor.request_stop()
            await task
            await service.closed()
            await pools.close()
    servers.postgres.drop_database(name)


def address(complaint: UUID, local: str = "lina") -> str:
    """An address of this complaint's own; the mail server behaves as the local part says."""
    return f"{local}@c{complaint.hex[:8]}.example"
