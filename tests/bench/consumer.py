"""The process that `consume` measures: our consumer, or the bare one. Prints one run as JSON."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr
from sqlalchemy import Column, Integer, MetaData, Table, select
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.base.config import ServiceSettings
from shared.base.runtime import collect_rarely
from shared.base.telemetry import configure_logging
from shared.events.catalog import BY_TYPE
from shared.events.intake import ComplaintReceived, CustomerReplied
from shared.spine.effects import Effect, Handlers
from shared.spine.spine import Spine
from tests.bench.measure import Run, cpu_between, cpu_seconds
from tests.support.spines import running

POLL_RECORDS = 500
counted = Table(
    "counted",
    MetaData(),
    Column("complaint_id", PgUuid, primary_key=True),
    Column("version", Integer, nullable=False),
)
INSERT_BARE = (
    "INSERT INTO escalation.bare (event_id, complaint_id, type, body) "
    "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[])"
)


@dataclass
class Case:
    """The least that a service can remember: how many changes there were."""

    complaint_id: UUID
    version: int = 0


class Store:
    """Cases in one table."""

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        rows = await tx.execute(select(counted).where(sql.any_of(counted.c.complaint_id, ids)))
        known = {row.complaint_id: Case(row.complaint_id, row.version) for row in rows}
        return {i: known.get(i) or Case(i) for i in ids}

    async def save(self, tx: AsyncConnection, cases: Sequence[Case]) -> None:
        await sql.upsert(tx, counted, [vars(case) for case in cases])


class Stretch:
    """From the first commit to the one that completes `events`: what came with the first is not counted."""

    def __init__(self, pids: dict[str, int], events: int) -> None:
        self.pids, self.events = {**pids, "consumer": os.getpid()}, events
        self.handled = self.first = 0
        self.begun = self.ended = 0.0
        self.before: dict[str, float] = {}
        self.over = asyncio.Event()

    def commit(self) -> None:
        """A transaction is committed; `handled` says how much is done by now."""
        if not self.first and self.handled:
            self.first, self.before, self.begun = self.handled, cpu_seconds(self.pids), time.perf_counter()
        elif self.handled >= self.events and not self.ended:
            self.ended = time.perf_counter()
            self.over.set()

    def run(self) -> Run:
        """The measurement."""
        cpu = cpu_between(self.before, cpu_seconds(self.pids))
        return Run(self.handled - self.first, self.ended - self.begun, cpu)


async def ours(given: dict[str, Any], stretch: Stretch) -> Run:
    """The spine's consumer, in a process that is set up as a service's is."""
    collect_rarely()

    def handle(case: Case, event: Any, now: Any) -> Sequence[Effect]:
        stretch.handled += 1
        return ()

    settings = ServiceSettings(
        database_url=SecretStr(given["database"]), deployment_id=given["deployment"],
        kafka_bootstrap=given["bootstrap"], topic=given["topic"], token_key=SecretStr("k" * 32),
        poll_records=POLL_RECORDS,
    )  # fmt: skip
    handlers: Handlers[Case] = {ComplaintReceived: handle, CustomerReplied: handle}
    spine = Spine(settings, service="escalation", store=Store(), handlers=handlers)
    spine.work.wakes.committed.append(stretch.commit)
    async with running(spine, loops=["consumer"]):
        await stretch.over.wait()
        return stretch.run()


async def bare(given: dict[str, Any], stretch: Stretch) -> Run:
    """What one would write without the spine: check and keep what was read. A crash loses events or repeats them."""
    database = await asyncpg.connect(given["database"])
    client = AIOKafkaConsumer(
        given["topic"], bootstrap_servers=given["bootstrap"], auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 << 20,
    )  # fmt: skip
    await client.start()
    try:
        while not stretch.over.is_set():
            polled = await client.getmany(timeout_ms=500, max_records=POLL_RECORDS)
            rows = []
            for record in (r for batch in polled.values() for r in batch):
                named = dict(record.headers)
                type_ = named["ce_type"].decode()
                BY_TYPE[type_].model_validate_json(record.value)
                rows.append((UUID(named["ce_id"].decode()), UUID(record.key.decode()), type_, record.value.decode()))
            if rows:
                await database.execute(INSERT_BARE, *zip(*rows, strict=True))
                stretch.handled += len(rows)
                stretch.commit()
        return stretch.run()
    finally:
        await client.stop()
        await database.close()


async def main(given: dict[str, Any]) -> None:
    """Measure one side."""
    stretch = Stretch(given["servers"], given["events"])
    side = ours if given["side"] == "ours" else bare
    print(json.dumps(asdict(await asyncio.wait_for(side(given, stretch), 120))))


if __name__ == "__main__":
    configure_logging("consumer", style="json", level="info")  # as a service runs: nothing is said of single events
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
