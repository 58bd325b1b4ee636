"""How fast clocks that come due are noticed and fired among a million that are not; the reference is bare pgbench."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from deploy.local.postgres import find_binaries, server_account
from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from tests.bench import measure, servers, timer_worker

OPEN, FEW = 1_000_000, 10_000
BATCH, DRAINED = 500, 30_000
RATE, STEADY_SECONDS = 500, 12
AT_ONCE, REPLICAS = 100_000, 2
IDLE_SECONDS = 10.0
WATCHED = 10_000
ESCALATED = (
    "SELECT count(*) FILTER (WHERE headers->>'ce_type' = 'sla.breached.v1') AS breached, "
    "count(*) FILTER (WHERE headers->>'ce_type' = 'sla.rung-reached.v1') AS rungs FROM escalation.outbox"
)
WHAT = (
    "Among 1,000,000 open clocks: clocks/s claimed, decided, remembered and told (timer, stream, clock, outbox) in one "
    "transaction per 500 by one process with the spine's timer loop and a decision that does nothing else. Reference: "
    "pgbench, one connection, the same statements in prepared form, ids from the claim, event bodies made by the "
    "server; it decides nothing and derives no event id. PostgreSQL with fsync. Each firing is counted in the outbox."
)
TABLES = (
    "CREATE TABLE escalation.bench_clock (complaint_id uuid PRIMARY KEY, version int NOT NULL, state text NOT NULL, "
    "noticed_at timestamptz) WITH (fillfactor = 80)",
    "GRANT ALL ON escalation.bench_clock TO amends_escalation",
    "INSERT INTO escalation.consumer_position (partition, next_offset, caught_up_at, assigned_at) "
    "SELECT n, 0, now() + interval '1 day', now() FROM generate_series(0, 11) AS g(n)",
)
EMPTY = "TRUNCATE escalation.timer, escalation.stream, escalation.bench_clock, escalation.outbox"
# Open clocks come due in 30 to 60 days; those that a measurement makes due have numbers below AT_ONCE and no timer yet.
OPEN_CLOCKS = (
    "INSERT INTO escalation.stream SELECT md5('clock' || n)::uuid, 1, false FROM generate_series(1, {n}) AS g(n)",
    "INSERT INTO escalation.bench_clock SELECT md5('clock' || n)::uuid, 1, 'running' "
    "FROM generate_series(1, {n}) AS g(n)",
    "INSERT INTO escalation.timer SELECT md5('clock' || n)::uuid, 'decision/due', "
    "now() + interval '30 days' + n * interval '2.6 seconds', 1, n % 12 FROM generate_series({due} + 1, {n}) AS g(n)",
    "VACUUM ANALYZE escalation.stream", "VACUUM ANALYZE escalation.bench_clock", "VACUUM ANALYZE escalation.timer",
)  # fmt: skip
ARM = (
    "INSERT INTO escalation.timer SELECT md5('clock' || n)::uuid, 'decision/due', {at}, 1, n % 12 "
    "FROM generate_series(1, {n}) AS g(n)"
)
TOLD = "SELECT count(*) AS events, count(DISTINCT complaint_id) AS clocks FROM escalation.outbox"
SAMPLE = "SELECT headers::text, convert_from(body, 'UTF8') AS body FROM escalation.outbox LIMIT 1"
# What pgbench does per transaction: the statements of shared/spine/timers.py and unit.py over the same tables.
SCRIPT = """\
BEGIN;
SELECT now() AS now \\gset
WITH due AS (SELECT t.ctid AS place, t.complaint_id, t.name, t.fire_at, t.version, s.sequence, s.stalled
 FROM timer t JOIN stream s USING (complaint_id) LEFT JOIN consumer_position p ON p.partition = t.partition
 WHERE t.fire_at <= now() AND (p.caught_up_at >= t.fire_at - make_interval(secs => 2)
 OR GREATEST(t.fire_at, p.assigned_at) <= now() - make_interval(secs => 60))
 ORDER BY t.fire_at LIMIT {batch} FOR UPDATE OF s SKIP LOCKED),
 claimed AS (DELETE FROM timer t USING due WHERE t.ctid = due.place
 RETURNING due.complaint_id, due.name, due.fire_at, due.version, due.sequence, due.stalled)
 SELECT array_agg(complaint_id) AS ids, array_agg(sequence + 1) AS sequences FROM claimed \\gset
SELECT complaint_id, version, state, noticed_at FROM bench_clock WHERE complaint_id = ANY (CAST(:ids AS uuid[]));
UPDATE bench_clock AS c SET version = c.version + 1, state = 'breached', noticed_at = now()
 FROM unnest(CAST(:ids AS uuid[])) AS u(id) WHERE c.complaint_id = u.id;
WITH said AS (INSERT INTO stream (complaint_id, sequence, stalled)
 SELECT u.id, u.sequence, false FROM unnest(CAST(:ids AS uuid[]), CAST(:sequences AS bigint[])) AS u(id, sequence)
 ON CONFLICT (complaint_id) DO UPDATE SET sequence = EXCLUDED.sequence)
 INSERT INTO outbox (topic, complaint_id, headers, body, created_at)
 SELECT 'bench.timers', u.id, CAST(:headers AS jsonb), convert_to(:body, 'UTF8'), now()
 FROM unnest(CAST(:ids AS uuid[])) AS u(id);
COMMIT;
"""


async def run(rounds: int) -> measure.Result:
    """All five figures, then the same with few clocks open, then escalation's own machine."""
    with servers.stack() as stack:
        await servers.execute(stack, *TABLES)
        bench = Bench(stack)
        await bench.open_clocks(OPEN)
        pairs = await measure.in_turn(bench.ours, bench.bare, rounds)
        measure.say(f"(b) {await bench.steady()}")
        measure.say(f"(c) {await bench.at_once()}")
        measure.say(f"(d) {await bench.idle()}, {OPEN:,} clocks open")
        await bench.open_clocks(FEW)
        few = [await bench.ours() for _ in range(3)]
        measure.say(f"(e) with {FEW:,} open: {median(r.rate for r in few):,.0f} clocks/s, {await bench.idle()}")
        measure.say(f"escalation's own machine and store: {await bench.escalation()}")
    return measure.compare("timers", pairs, WHAT)


@dataclass
class Workers:
    """Running timer loops and, when they have ended, what they told."""

    processes: list[asyncio.subprocess.Process]
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def late(self) -> list[float]:
        """Seconds from due time to commit of every firing, in order."""
        return sorted(seconds for told in self.told for seconds in told["late"])


class Bench:
    """One database, measured in different ways."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.postgres = {name: pid for name, pid in servers.pids(stack).items() if name == "postgres"}
        self.sample: Any = None
        """An event as ours writes it, for the reference."""
        self.pgbench = find_binaries(os.environ, server_account())[0] / "pgbench"

    async def open_clocks(self, n: int) -> None:
        """So many clocks are open from now on, besides those that a measurement makes due."""
        await servers.execute(self.stack, EMPTY, *(s.format(n=AT_ONCE + n, due=AT_ONCE) for s in OPEN_CLOCKS))

    async def arm(self, n: int, at: str) -> None:
        """Make n clocks due; `at` is SQL over the number n."""
        await servers.execute(
            self.stack, "TRUNCATE escalation.outbox", ARM.format(n=n, at=at), "ANALYZE escalation.timer", "CHECKPOINT"
        )

    async def told(self, n: int) -> None:
        """All n clocks were told, each once, and none is left due."""
        (row,) = await servers.execute(self.stack, TOLD)
        (left,) = await servers.execute(
            self.stack, "SELECT count(*) AS n FROM escalation.timer WHERE fire_at < now() + interval '1 hour'"
        )
        if (row["events"], row["clocks"], left["n"]) != (n, n, 0):
            raise AssertionError(f"{n} due: {row['events']} events of {row['clocks']} clocks, {left['n']} left")

    def given(self, **more: Any) -> dict[str, Any]:
        """Arguments of a worker."""
        return {
            "database": self.stack.database_url("escalation"), "deployment": self.stack.keys.deployment_id,
            "servers": self.postgres, "side": "spine", **more,
        }  # fmt: skip

    # (a) throughput ----------------------------------------------------------------------------------------------

    async def ours(self) -> measure.Run:
        """One process drains what is due."""
        await self.arm(DRAINED, "now() - interval '1 hour' + n * interval '50 milliseconds'")
        done = measure.Run(**await servers.worker("timer_worker", self.given(mode="drain")))
        await self.told(DRAINED)
        (self.sample,) = await servers.execute(self.stack, SAMPLE)
        return done

    async def bare(self) -> measure.Run:
        """pgbench does the same."""
        await self.arm(DRAINED, "now() - interval '1 hour' + n * interval '50 milliseconds'")
        before = measure.cpu_seconds(self.postgres)
        seconds = await self._pgbench(DRAINED // BATCH)
        await self.told(DRAINED)
        return measure.Run(DRAINED, seconds, measure.cpu_between(before, measure.cpu_seconds(self.postgres)))

    async def _pgbench(self, transactions: int) -> float:
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(SCRIPT.format(batch=BATCH))
            script.flush()
            url = self.stack.database_url("escalation")
            process = await asyncio.create_subprocess_exec(
                self.pgbench, "-n", "-M", "prepared", "-c", "1", "-t", str(transactions), "-f", script.name,
                "-D", f"headers={self.sample['headers']}", "-D", f"body={self.sample['body']}", url,
                env={**os.environ, "PGOPTIONS": "-c search_path=escalation -c jit=off"},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, complaints = await process.communicate()
        said = re.search(rb"tps = ([0-9.]+) \(without", out)
        if process.returncode or not said:
            raise RuntimeError(f"pgbench: {complaints.decode()[-400:]}")
        return transactions / float(said[1])

    # (b), (c), (d): the loop as it runs in the service -------------------------------------------------------------

    @asynccontextmanager
    async def firing(self, replicas: int, **more: Any) -> AsyncIterator[Workers]:
        """Timer loops in processes of their own, ready at the beginning, ended after the block."""
        workers = Workers([])
        async with AsyncExitStack() as running:
            for _ in range(replicas):
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.bench.timer_worker", json.dumps(self.given(mode="wait", **more)),
                    stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=1 << 26,
                )  # fmt: skip
                running.push_async_callback(_end, process)
                workers.processes.append(process)
            for process in workers.processes:
                assert process.stdout is not None
                await process.stdout.readline()
            yield workers
            for process in workers.processes:
                process.send_signal(signal.SIGTERM)
            for process in workers.processes:
                out, _ = await process.communicate()
                workers.told.append(json.loads(out.splitlines()[-1]))

    async def steady(self) -> str:
        """How late clocks fire that come due one after the other."""
        n = RATE * STEADY_SECONDS
        async with self.firing(1) as workers:
            await self.arm(n, f"now() + interval '2 seconds' + n * interval '1 second' / {RATE}")
            await self._fired(n, STEADY_SECONDS + 10)
        await self.told(n)
        late = workers.late
        return (
            f"{RATE} due/s for {STEADY_SECONDS} s, seconds from due to commit: p50 {quantile(late, 0.5):.3f}, "
            f"p99 {quantile(late, 0.99):.3f}, last {late[-1]:.3f}"
        )

    async def at_once(self, **more: Any) -> str:
        """How long it takes until all that is due at one instant has fired."""
        async with self.firing(REPLICAS, **more) as workers:
            await self.arm(AT_ONCE, "to_timestamp(ceil(extract(epoch FROM now())) + 10)")
            await self._fired(AT_ONCE, 180)
        await self.told(AT_ONCE)
        shares = "/".join(f"{len(told['late']):,}" for told in workers.told)
        late = f"first {workers.late[0]:.2f} s, last {workers.late[-1]:.2f} s"
        return f"{AT_ONCE:,} due at one instant, {REPLICAS} replicas ({shares}): {late}"

    async def idle(self) -> str:
        """CPU of a loop that has nothing to do, and of the database under it."""
        tidy = [f"VACUUM ANALYZE escalation.{name}" for name in ("timer", "stream", "bench_clock", "outbox")]
        await servers.execute(self.stack, *tidy, "CHECKPOINT")  # the database's work after what was measured before
        async with self.firing(1) as workers:
            await asyncio.sleep(2)
            pids = {**self.postgres, "timers": workers.processes[0].pid}
            before = measure.cpu_seconds(pids)
            await asyncio.sleep(IDLE_SECONDS)
            used = measure.cpu_between(before, measure.cpu_seconds(pids))
        shares = ", ".join(f"{name} {100 * seconds / IDLE_SECONDS:.2f}" for name, seconds in used.items())
        return f"idle, % of one core: {100 * sum(used.values()) / IDLE_SECONDS:.2f} ({shares})"

    async def escalation(self) -> str:
        """The service's own decision: a breach, a rung, all clocks told, the next timer armed."""
        await servers.execute(self.stack, EMPTY)
        await timer_worker.fill(self.given(), WATCHED, datetime.now(UTC) - timedelta(seconds=1))
        await servers.execute(self.stack, "CHECKPOINT")
        done = measure.Run(**await servers.worker("timer_worker", self.given(mode="drain", side="escalation")))
        (row,) = await servers.execute(self.stack, ESCALATED)
        if set(row.values()) != {WATCHED}:
            raise AssertionError(f"{WATCHED} due, {dict(row)}")
        return f"{done.rate:,.0f} clocks/s, one process ({measure.cpu_line(done.cpu_ms())})"

    async def _fired(self, n: int, seconds: float) -> None:
        """Wait until none is due within the hour any more."""
        query = "SELECT 1 FROM escalation.timer WHERE fire_at < now() + interval '1 hour' LIMIT 1"
        end = time.monotonic() + seconds
        while await servers.execute(self.stack, query):
            if time.monotonic() > end:
                raise TimeoutError(f"{n} clocks were not fired within {seconds} s")
            await asyncio.sleep(0.5)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


def quantile(ordered: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
