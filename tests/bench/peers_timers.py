"""The same deadlines given to us and to two job queues of the field, on one PostgreSQL, a worker killed."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from deploy.local.jars import cache_folder
from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from tests.bench import measure, servers, timers

PEERS = ("procrastinate", "pgqueuer")
FOLDER = Path(__file__).parent / "peers"
LATER = 20_000
CASES = ((1_000, False), (1_000, True), (20_000, True))
PATIENCE = 100.0
WHAT = (
    "Deadlines due at one instant among 20,000 others, one worker process. Killed: SIGKILL 0.2 s after the deadline, a "
    "new process at once. last: seconds from the deadline until the last one was marked (looked at every 50 ms, for at "
    "most 100 s); lost: not marked by then; doubled: marked twice. Ours also tells each one to the outbox in the same "
    "transaction. procrastinate with 20 jobs at a time and a poll every 0.1 s, pgqueuer with batches of 100, "
    "otherwise as they come; a job of theirs is one UPDATE. ours and reference: seconds of last for 20,000, ours and "
    "the best peer."
)
MARKS = (
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
    "CREATE TABLE public.mark (id int PRIMARY KEY, marked int, at timestamptz)",
)
UNMARKED = (
    "SELECT count(*) FILTER (WHERE marked = 0) AS lost, count(*) FILTER (WHERE marked > 1) AS doubled FROM public.mark"
)
# Ours marks its clock: version 1 is set, 2 is fired once.
OURS = (
    "SELECT count(*) FILTER (WHERE version = 1) AS lost, count(*) FILTER (WHERE version > 2) AS doubled "
    "FROM escalation.bench_clock "
    "WHERE complaint_id IN (SELECT md5('clock' || n)::uuid FROM generate_series(1, {n}) g(n))"
)


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    name: str
    due: int
    killed: bool
    last: float
    lost: int
    doubled: int
    cpu_ms: float

    HEAD = f"{'':14} {'due':>7} {'killed':>7} {'last':>9} {'jobs/s':>9} {'CPU ms/job':>11} {'lost':>6} {'doubled':>8}"

    def __str__(self) -> str:
        done = self.due - self.lost
        last = f"> {self.last:.0f} s" if self.lost else f"{self.last:.2f} s"
        return (
            f"{self.name:14} {self.due:7,} {'yes' if self.killed else 'no':>7} {last:>9} {done / self.last:9,.0f} "
            f"{self.cpu_ms:11.2f} {self.lost:6,} {self.doubled:8,}"
        )


async def run(rounds: int) -> measure.Result:
    """Each case once for each of us. `rounds` is not used: a case takes minutes of the peers."""
    python = await asyncio.to_thread(environment)
    with servers.stack() as stack:
        await servers.execute(stack, *timers.TABLES)
        race = Race(stack, python)
        outcomes = []
        measure.say(Outcome.HEAD)
        for due, killed in CASES:
            for name in ("ours", *PEERS):
                outcomes.append(await race.run(name, due, killed))
                measure.say(str(outcomes[-1]))
    return result(outcomes)


def result(outcomes: Sequence[Outcome]) -> measure.Result:
    """What is written."""
    most = [o for o in outcomes if o.due == CASES[-1][0]]
    ours = next(o for o in most if o.name == "ours")
    best = min(o.last for o in most if o.name != "ours")
    return measure.Result(
        name="peers_timers", rounds=1, ours=round(ours.last, 2), reference=round(best, 2),
        ratio=round(best / ours.last, 1), spread=None,
        cpu_ms_per_item={n: round(median(o.cpu_ms for o in outcomes if o.name == n), 3) for n in ("ours", *PEERS)},
        what=f"{WHAT} {measure.machine()}",
    )  # fmt: skip


def environment() -> Path:
    """The peers' Python: made once from their own locked list, kept in the user's cache, no part of the project's."""
    lock = FOLDER / "requirements.lock"
    name = f"peers-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder = cache_folder(os.environ) / name
    python = folder / "bin/python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        _run(uv, "venv", "-q", "--python", sys.executable, folder)
        _run(uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock)
        (folder / "ready").touch()
    return python


def _run(*command: Any) -> None:
    subprocess.run([str(part) for part in command], check=True)


class Race:
    """One database, one contestant at a time."""

    def __init__(self, stack: Stack, python: Path) -> None:
        self.stack, self.python = stack, python
        self.postgres = {name: pid for name, pid in servers.pids(stack).items() if name == "postgres"}

    async def run(self, name: str, due: int, killed: bool) -> Outcome:
        """One case."""
        at = time.time() + 4 + due / 2_000
        query = await (self._set_ours if name == "ours" else self._set_peer)(name, due, at)
        await servers.execute(self.stack, "CHECKPOINT")
        used = 0.0
        async with self._worker(name) as worker:
            await asyncio.sleep(max(0.0, at - time.time() - 0.5))
            assert time.time() < at, "too slow a machine: the deadline came before the worker"
            before = measure.cpu_seconds({**self.postgres, "worker": worker.pid})
            await asyncio.sleep(at - time.time() + 0.2)
            if not killed:
                last, row = await self._watch(query, at)
                used = _spent(before, measure.cpu_seconds({**self.postgres, "worker": worker.pid}))
            else:
                used += measure.cpu_seconds({"worker": worker.pid})["worker"] - before["worker"]
        if killed:
            async with self._worker(name) as worker:
                last, row = await self._watch(query, at)
                after = measure.cpu_seconds({**self.postgres, "worker": worker.pid})
                used += after["postgres"] - before["postgres"] + after["worker"]
        return Outcome(name, due, killed, last, row["lost"], row["doubled"], 1000 * used / max(1, due - row["lost"]))

    async def _watch(self, query: str, at: float) -> tuple[float, Any]:
        while True:
            (row,) = await servers.execute(self.stack, query)
            late = time.time() - at
            if not row["lost"] or late > PATIENCE:
                return late, row
            await asyncio.sleep(0.05)

    async def _set_ours(self, _: str, due: int, at: float) -> str:
        opened = (s.format(n=due + LATER, due=due) for s in timers.OPEN_CLOCKS)
        await servers.execute(
            self.stack, timers.EMPTY, *opened, timers.ARM.format(n=due, at=f"to_timestamp({at})"),
            "ANALYZE escalation.timer",
        )  # fmt: skip
        return OURS.format(n=due)

    async def _set_peer(self, name: str, due: int, at: float) -> str:
        rows = f"INSERT INTO public.mark SELECT n, 0, NULL FROM generate_series(1, {due}) AS g(n)"
        await servers.execute(self.stack, *MARKS, rows)
        process = await self._peer(name, "set", {"due": due, "later": LATER, "at": at})
        if await process.wait():
            raise RuntimeError(f"{name} could not be set up")
        return UNMARKED

    async def _peer(self, name: str, what: str, more: dict[str, Any]) -> asyncio.subprocess.Process:
        given = json.dumps({"database": self.stack.admin_url, **more})
        return await asyncio.create_subprocess_exec(self.python, str(FOLDER / "worker.py"), name, what, given)

    @asynccontextmanager
    async def _worker(self, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A worker that is killed at the end of the block."""
        if name == "ours":
            given = {
                "database": self.stack.database_url("escalation"), "deployment": self.stack.keys.deployment_id,
                "servers": self.postgres, "side": "spine", "mode": "wait",
            }  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.timer_worker", json.dumps(given), cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        else:
            process = await self._peer(name, "work", {})
        try:
            yield process
        finally:
            process.kill()
            await process.wait()


def _spent(before: dict[str, float], after: dict[str, float]) -> float:
    return sum(measure.cpu_between(before, after).values())
