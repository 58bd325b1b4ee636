"""The servers of a benchmark: as `make run` starts them, durable, on free ports, with data of their own."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local import services
from deploy.local.keys import SERVICES
from deploy.local.processes import ROOT
from deploy.local.stack import Stack

WORKER_SECONDS = 300.0


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


async def execute(running: Stack, *statements: str) -> list[Any]:
    """Run statements as the database's administrator; gives the last one's rows."""
    connection = await asyncpg.connect(running.admin_url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()
