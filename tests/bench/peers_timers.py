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
PATIENCE = {1_000: 45.0, 20_000: 100.0}
KILL_AFTER = 0.2
WHAT = (
    "Deadlines due at one instant among 20,000 others, one worker process. Killed: SIGKILL 0.2 s after the deadline, a "
    "new process at once. last: seconds from the deadline until the last one was marked (looked at every 50 ms, with "
    "1,000 for at most 45 s, with 20,000 for 100 s); lost: not marked by then; doubled: marked twice. Ours also tells "
    "each one to the outbox, in the same transaction. procrastinate with 20 jobs at a time and a poll every 0.1 s, "
    "pgqueuer with batches of 100, otherwise as they come; a job of theirs is one UPDATE. ours and reference: seconds "
    "of last for 20,000, ours and the best peer."
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
        """One case. The first worker is ready before anything is due."""
        await self._make(name)
        async with self._worker(name) as worker:
            at = time.time() + 6 + due / 1_000
            query = await (self._set_ours if name == "ours" else self._set_peer)(name, due, at)
            assert time.time() < at - 0.5, f"{name}: setting {due} jobs took too long"
            await asyncio.sleep(at - time.time() - 0.5)
            before = measure.cpu_seconds({**self.postgres, "worker": worker.pid})
            await asyncio.sleep(at - time.time() + KILL_AFTER)
            if not killed:
                last, row = await self._watch(query, at, PATIENCE[due])
            used = measure.cpu_between(before, measure.cpu_seconds({**self.postgres, "worker": worker.pid}))
        if killed:
            async with self._worker(name) as worker:
                last, row = await self._watch(query, at, PATIENCE[due])
                after = measure.cpu_seconds({**self.postgres, "worker": worker.pid})
                used = {"postgres": after["postgres"] - before["postgres"], "worker": used["worker"] + after["worker"]}
        spent = 1000 * sum(used.values()) / max(1, due - row["lost"])
        return Outcome(name, due, killed, last, row["lost"], row["doubled"], spent)

    async def _watch(self, query: str, at: float, patience: float) -> tuple[float, Any]:
        while True:
            (row,) = await servers.execute(self.stack, query)
            late = time.time() - at
            if not row["lost"] or late > patience:
                return late, row
            await asyncio.sleep(0.05)

    async def _make(self, name: str) -> None:
        if name == "ours":
            await servers.execute(self.stack, timers.EMPTY)
        else:
            await servers.execute(self.stack, *MARKS)
            await self._done(name, "make", {"n": LATER})

    async def _set_ours(self, _: str, due: int, at: float) -> str:
        opened = (s.format(n=due + LATER, due=due) for s in timers.OPEN_CLOCKS)
        arm = timers.ARM.format(n=due, at=f"to_timestamp({at})")
        await servers.execute(self.stack, *opened, arm, "ANALYZE escalation.timer")
        return OURS.format(n=due)

    async def _set_peer(self, name: str, due: int, at: float) -> str:
        rows = f"INSERT INTO public.mark SELECT n, 0, NULL FROM generate_series(1, {due}) AS g(n)"
        await servers.execute(self.stack, rows)
        await self._done(name, "set", {"n": due, "at": at})
        return UNMARKED

    async def _done(self, name: str, what: str, more: dict[str, Any]) -> None:
        process = await self._peer(name, what, more)
        if await process.wait():
            raise RuntimeError(f"{name}: {what} failed")

    async def _peer(self, name: str, what: str, more: dict[str, Any]) -> asyncio.subprocess.Process:
        given = json.dumps({"database": self.stack.admin_url, **more})
        return await asyncio.create_subprocess_exec(
            self.python, str(FOLDER / "worker.py"), name, what, given, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

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
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
        else:
            process = await self._peer(name, "work", {})
        try:
            assert process.stdout is not None
            await process.stdout.readline()
            yield process
        finally:
            process.kill()
            await process.wait()
