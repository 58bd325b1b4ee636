"""The scribe (the ledger as a process) in one test: start it with patches, let customers speak, ask the checker."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from deploy.local.processes import Child
from shared.spine.spine import Spine
from tests.support import checker, topic
from tests.support.child import PATCHES
from tests.support.servers import DEPLOYMENT
from tests.support.spines import World, emit, eventually, received, replied

SERVICES = ("intake", "escalation")


class Scribes:
    """Scribe processes over one world, and what its customers have said so far."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.said: dict[UUID, list[str]] = {}

    def child(self, *patches: str, name: str = "scribe") -> Child:
        """A scribe under these patches, not started."""
        env = {
            **os.environ,
            "AMENDS_DATABASE_URL": self.world.database.url("escalation"),
            "AMENDS_DEPLOYMENT_ID": DEPLOYMENT,
            "AMENDS_KAFKA_BOOTSTRAP": self.world.bootstrap,
            "AMENDS_TOPIC": self.world.topic,
            "AMENDS_TOKEN_KEY": "k" * 32,
            "AMENDS_HTTP_PORT": "0",
            "AMENDS_SESSION_TIMEOUT": "2",
            "AMENDS_INSTANCE": name,
            "TEST_ROOM": str(self.folder),
        }
        (self.folder / PATCHES).write_text("\n".join(patches))
        return Child(name, [sys.executable, "-m", "tests.support.child", "scribe"], self.folder / f"{name}.log", env)

    @asynccontextmanager
    async def process(self, *patches: str, name: str = "scribe") -> AsyncIterator[Child]:
        """A running scribe that comes back whenever it has killed itself."""
        child = self.child(*patches, name=name)
        child.start()
        try:
            yield child
        finally:
            await asyncio.to_thread(child.stop)

    def died(self, *boundaries: str) -> bool:
        """Whether a process has died at each of these boundaries."""
        return all((self.folder / b.replace("/", ".")).exists() for b in boundaries)

    async def speak(self, source: Spine[Any], complaints: Sequence[UUID], words: Sequence[str]) -> None:
        """Each customer says each word, one after the other; the first time they complain."""
        for word in words:
            for complaint in complaints:
                first = [] if complaint in self.said else [received(complaint)]
                self.said.setdefault(complaint, []).append(word)
                await emit(source, complaint, *first, replied(complaint, word))

    async def quiet(self, *, seconds: float = 20.0) -> None:
        """Wait until everything was read, sent and fired."""
        await eventually(self._is_quiet, seconds=seconds, what="quiet")

    async def _is_quiet(self) -> bool:
        left = await self.world.query(
            "SELECT 1 FROM intake.outbox UNION ALL SELECT 1 FROM escalation.outbox UNION ALL SELECT 1 FROM timer"
        )
        if left:
            return False
        ends = await topic.log_ends(self.world.bootstrap, self.world.topic)
        rows = await self.world.query("SELECT partition, next_offset FROM consumer_position")
        at = {row.partition: row.next_offset for row in rows}
        return all(at.get(p, 0) >= end for p, (_, end) in ends.items())

    async def findings(self) -> list[str]:
        """What the checker says about the spine and about what the scribe wrote down."""
        at = checker.Installation(self.world.database.admin_url, self.world.bootstrap, self.world.topic, SERVICES)
        told_there = await topic.read_topic(at.bootstrap, at.topic)
        db = await asyncpg.connect(at.admin_url)
        try:
            found = await checker.spine_findings(at, db, told_there)
        finally:
            await db.close()
        # Intake's spine here is a source that consumes nothing.
        found = [f for f in found if not f.startswith("intake: partition")]
        told = await self.world.told()
        for complaint, words in self.said.items():
            found += checker.once(f"{complaint} was told", words, told.get(complaint, ["-"])[1:])
        fired = await self.world.query("SELECT complaint_id FROM told WHERE fired_at IS NOT NULL")
        return found + checker.once("the timer has fired for", self.said, [row.complaint_id for row in fired])


def complaints(n: int) -> list[UUID]:
    """Ids of n complaints."""
    return [uuid4() for _ in range(n)]
