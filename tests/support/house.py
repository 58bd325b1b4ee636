"""The four services as processes over a database and a topic of their own, each ready to be patched and killed."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from deploy.local.keys import SERVICES
from deploy.local.mail.catcher import Catcher
from deploy.local.ports import Ports
from deploy.local.services import Service, Surroundings, amends
from shared.base import security
from tests.support import checker, topic
from tests.support.child import PATCHES
from tests.support.servers import Database
from tests.support.spines import eventually

PACK = """\
pack: house-tiered
title: Promises so short that their timers fire while a test looks
notice: Example configuration, not legal advice.
source: Test data.
as_of: 2026-11-01
confidence: design
calendar: always
clocks:
  - {clock: acknowledgement, limit: 1h}
  - {clock: decision, limit: 1h, pausable: true, warn: [0.0004, 0.0008]}
  - {clock: decision, when: {tier: high}, limit: 14s, pausable: true}
  - {clock: first_response, when: {tier: high}, limit: 10s}
  - {clock: first_response, when: {tier: middle}, limit: 6s}
"""
LETTERS = """\
house:
  zh: {name: 客户关怀部, contact: 010-5550100, timezone: Asia/Shanghai}
  en: {name: Customer Care, contact: 010 555 0100, timezone: Europe/London}
hold: {delay_apology: 4}
retry_base: 0.5
retry_cap: 2
"""
HANDLER = {
    "name": "Robin Handler", "role_title": "complaint handler", "contact": "010 555 0100",
    "tiers": ["top", "high", "middle", "low"],
    "skills": dict.fromkeys(
        ("product", "after_sales", "network", "service_desk", "team_lead", "billing", "policy", "quality"), 5
    ),
    "languages": ["zh", "en"], "capacity": 1000, "permissions": ["lead"],
}  # fmt: skip
_BUSY = (
    "SELECT (SELECT count(*) FROM {0}.outbox) + (SELECT count(*) FROM {0}.timer WHERE fire_at < now() + interval '1 s')"
)
_UNSETTLED = "SELECT count(*) FROM notifier.letter WHERE state IN ('owed', 'ready', 'sending', 'retry')"


class House:
    """Processes are named like their service; a second replica `routing-2`. All have `AMENDS_` settings for haste."""

    def __init__(self, database: Database, bootstrap: str, topic: str, catcher: Catcher, folder: Path) -> None:
        self.database, self.topic, self.catcher, self.folder = database, topic, catcher, folder
        self.ports = Ports(folder / "ports.json", None)
        (folder / "pack.yaml").write_text(PACK)
        (folder / "letters.yaml").write_text(LETTERS)
        self.around = Surroundings(
            {
                **os.environ,
                "AMENDS_TOPIC": topic,
                "AMENDS_SESSION_TIMEOUT": "3",
                "AMENDS_LETTER_LEASE": "4",
                "AMENDS_SMTP_CONNECTIONS": "2",
                "AMENDS_ESCALATION_PACKS": str(folder / "pack.yaml"),
                "AMENDS_NOTIFIER_POLICY": str(folder / "letters.yaml"),
            },
            database.keys,
            self.ports,
            database.admin_url,
            bootstrap,
            f"smtp://127.0.0.1:{catcher.smtp_port}",
        )
        self.processes: dict[str, Service] = {}
        for service in SERVICES:
            self.room(service).mkdir()

    # Processes

    def room(self, service: str) -> Path:
        """Where a service's patches and the marks of its deaths are."""
        return self.folder / service

    def start(self, *names: str) -> None:
        """Start processes (all four services when none is named) and wait until they are ready."""
        for name in names or SERVICES:
            service = name.partition("-")[0]
            if name not in self.processes:
                command = [sys.executable, "-m", "tests.support.child", service]
                env = {"TEST_ROOM": str(self.room(service))}
                log = self.folder / f"{name}.log"
                self.processes[name] = Service(name, service, self.around, log, env, command)
            self.processes[name].launch()
        for name in names or SERVICES:
            self.processes[name].wait_ready()

    def stop(self, *names: str) -> None:
        """Stop processes (all when none is named) cleanly."""
        children = [self.processes[name].child for name in names or self.processes]
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()

    def remove(self, *names: str) -> None:
        """Stop replicas that are not needed any more."""
        self.stop(*names)
        for name in names:
            del self.processes[name]

    def life(self, name: str) -> psutil.Process | None:
        """The present life of a process; None between two lives."""
        try:
            return next(iter(psutil.Process(self.processes[name].child.pid).children()), None)
        except psutil.NoSuchProcess:
            return None

    def strike(self, name: str) -> None:
        """SIGKILL a process's present life and what it started; another begins at once."""
        if life := self.life(name):
            for process in (*life.children(recursive=True), life):
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue

    async def patch(self, service: str, *patches: str) -> None:
        """From now on this service lives under these patches alone: its replicas have begun new lives."""
        for file in self.room(service).iterdir():
            file.unlink()
        (self.room(service) / PATCHES).write_text("\n".join(patches))
        names = [n for n, p in self.processes.items() if n.partition("-")[0] == service and p.child.running]
        before = {name: self.life(name) for name in names}
        for name in names:
            os.kill(self.processes[name].child.pid or 0, signal.SIGHUP)
        for name in names:
            await eventually(partial(self._new_life, name, before[name]), what=f"a new life of {name}")

    async def _new_life(self, name: str, before: psutil.Process | None) -> bool:
        return self.life(name) not in (None, before)

    async def mend(self) -> None:
        """All four services run, as they are, and nothing else."""
        if extra := [name for name in self.processes if name not in SERVICES]:
            await asyncio.to_thread(self.remove, *extra)
        await asyncio.to_thread(self.start)
        for service in SERVICES:
            file = self.room(service) / PATCHES
            if file.exists() and file.read_text():
                await self.patch(service)

    async def crash_at(self, service: str, *boundaries: str) -> None:
        """The service's next lives end at these boundaries."""
        await self.patch(service, *(f"crash:{boundary}" for boundary in boundaries))

    def undied(self, deaths: Mapping[str, tuple[str, ...]]) -> list[str]:
        """The boundaries at which nobody has died yet."""
        return [
            f"{service}: {boundary}"
            for service, boundaries in deaths.items()
            for boundary in boundaries
            if not (self.room(service) / boundary.partition("@")[0].replace("/", ".")).exists()
        ]

    # Its outside

    def url(self, service: str) -> str:
        """The address of one of a service's replicas."""
        return self.around.url(random.choice([n for n in self.processes if n.partition("-")[0] == service]))

    def bearer(self, name: str, role: Any) -> dict[str, str]:
        """The header of a person or service."""
        return {"Authorization": f"Bearer {security.issue(self.database.keys.token_key, name=name, role=role)}"}

    async def call(self, service: str, method: str, path: str, body: Any, *, name: str, role: str) -> httpx.Response:
        """One request to a service by a person, who waits while it is not there."""
        for _ in range(100):
            try:
                async with httpx.AsyncClient(base_url=self.url(service), timeout=20) as client:
                    return await client.request(method, path, json=body, headers=self.bearer(name, role))
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        raise AssertionError(f"{service} is not there")

    async def hire(self, handler: str = "robin", *, presence: str = "available", **entry: Any) -> None:
        """Somebody who can do everything. `entry`: what is different in their entry."""
        for path, body in (("", {**HANDLER, **entry}), ("/presence", {"presence": presence})):
            answer = await self.call("routing", "PUT", f"/v1/handlers/{handler}{path}", body, name="lead", role="lead")
            assert answer.status_code == 200, answer.text

    def amends(self, *arguments: str, service: str) -> str:
        """Run `amends …` for a service; gives what it printed."""
        return amends(arguments, self.around.for_command(service))

    async def query(self, statement: str, *arguments: Any) -> list[Any]:
        """Rows as the administrator sees them."""
        connection = await asyncpg.connect(self.database.admin_url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def query_as(self, role: str, statement: str) -> list[Any]:
        """Rows as another role sees them."""
        connection = await asyncpg.connect(self.database.admin_url)
        try:
            await connection.execute(f"SET ROLE {role}")
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    # At the end

    async def quiet(self, *, seconds: float = 40.0) -> None:
        """Wait until nothing is on its way: twice the same, with everything read, sent, fired and settled."""
        seen: list[Any] = []

        async def unchanged() -> bool:
            ends = await topic.log_ends(self.around.kafka_bootstrap, self.topic)
            still = (await self._busy(ends)) == []
            same = still and seen == [ends]
            seen[:] = [ends] if still else []
            await asyncio.sleep(0.3)
            return same

        try:
            await eventually(unchanged, seconds=seconds, what="quiet")
        except AssertionError:
            ends = await topic.log_ends(self.around.kafka_bootstrap, self.topic)
            raise AssertionError(f"not quiet after {seconds} s: {await self._busy(ends)}") from None

    async def _busy(self, ends: Mapping[int, tuple[int, int]]) -> list[str]:
        busy = [s for s in SERVICES if (await self.query(_BUSY.format(s)))[0][0]]
        for service in SERVICES:
            rows = await self.query(f"SELECT partition, next_offset FROM {service}.consumer_position")
            at = {row[0]: row[1] for row in rows}
            busy += [f"{service}/{p}" for p, (_, end) in ends.items() if at.get(p, 0) != end]
        return busy + (["letters"] if (await self.query(_UNSETTLED))[0][0] else [])

    async def findings(self, accepted: Mapping[Any, checker.Accepted]) -> list[str]:
        """What the checker says."""
        at = checker.Installation(self.database.admin_url, self.around.kafka_bootstrap, self.topic)
        return await checker.findings(at, accepted, await asyncio.to_thread(self.catcher.messages, brief=True))
