"""The servers of a benchmark: as `make run` starts them, durable, on free ports, with data of their own."""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local import services
from deploy.local.keys import SERVICES
from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from shared.events.envelope import TOPIC
from shared.spine import verify

WORKER_SECONDS = 300.0
PARTITIONS = 12


@contextmanager
def stack(replicas: Mapping[str, int] | None = None, **more: Any) -> Iterator[Stack]:
    """PostgreSQL (fsync on) and Kafka with all tables and topics, and the services named in `replicas`."""
    wanted = {service: (replicas or {}).get(service, 0) for service in SERVICES}
    with tempfile.TemporaryDirectory(prefix="amends-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # root runs PostgreSQL as another account
        with Stack(Path(folder), replicas=wanted, durable=True, fresh=True, **more) as running:
            if not any(wanted.values()):
                migrate(running)
            yield running


def migrate(running: Stack) -> None:
    """Make the tables, which a stack without services does not do by itself."""
    around = services.Surroundings(
        os.environ, running.keys, running.ports, running.admin_url, running.kafka_bootstrap, running.smtp_url
    )
    services.amends(["migrate"], around.for_migrate())


def pids(running: Stack) -> dict[str, int]:
    """Name → process id of everything in the stack."""
    return {name: part.child.pid for name, part in running.parts.items() if part.child.pid}


async def worker(module: str, arguments: Mapping[str, Any]) -> Any:
    """Run `python -m tests.bench.<module> JSON` in a process of its own; gives the JSON that it printed last."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.{module}", json.dumps(arguments), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), WORKER_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return json.loads(out.splitlines()[-1])


def read_json(file: Path) -> Any:
    """What a worker left in a file."""
    return json.loads(file.read_text())


async def execute(running: Stack, *statements: str) -> list[Any]:
    """Run statements as the database's administrator; gives the last one's rows."""
    connection = await asyncpg.connect(running.admin_url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


async def listening(port: int, *, seconds: float = 20.0) -> None:
    """Wait until something takes connections on the port. Raises OSError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def drained(running: Stack, names: Sequence[str], *, seconds: float = 120.0) -> float:
    """Wait until these services' outboxes are empty and everything on the topic is consumed; gives the seconds.

    Raises TimeoutError.
    """
    begun = time.monotonic()
    client = AIOKafkaConsumer(bootstrap_servers=running.kafka_bootstrap, group_id=None)
    await client.start()
    try:
        partitions = [TopicPartition(TOPIC, p) for p in range(PARTITIONS)]
        async with asyncio.timeout(seconds):
            while not await _is_drained(running, names, client, partitions):
                await asyncio.sleep(0.1)
    finally:
        await client.stop()
    return time.monotonic() - begun


async def _is_drained(
    running: Stack, names: Sequence[str], client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> bool:
    outboxes = " UNION ALL ".join(f"SELECT 1 FROM {name}.outbox" for name in names)
    if await execute(running, f"SELECT 1 WHERE EXISTS ({outboxes})"):
        return False
    ends = sum((await client.end_offsets(partitions)).values())
    positions = ", ".join(f"(SELECT sum(next_offset) FROM {name}.consumer_position) AS {name}" for name in names)
    (row,) = await execute(running, f"SELECT {positions}")
    return all(int(row[name] or 0) == ends for name in names)


async def announced(running: Stack) -> int:
    """How many complaints the topic tells of, each counted once."""
    verdict = await verify.verify(running.kafka_bootstrap, TOPIC)
    if verdict.gaps or verdict.out_of_order:
        raise AssertionError(f"gaps {dict(verdict.gaps)}, out of order {dict(verdict.out_of_order)}")
    return verdict.events["complaint.received.v1"]
