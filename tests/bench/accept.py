"""How fast intake accepts complaints over HTTP, kept, announced and idempotent; the reference only keeps them."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from tests.bench import measure, servers
from tests.bench.end_to_end import ms
from tests.bench.measure import say

CONNECTIONS, SECONDS, WARM_SECONDS, HALF_SECONDS = 64, 5.0, 2.0, 15.0
VARIANTS = {"no-relay": "without relay", "no-coalescing": "without coalescing"}
WHAT = (
    "Complaints/s over HTTP, 64 callers, bodies of 1.3 kB with an Idempotency-Key, each of a new customer, answered "
    "201 after the commit: intake as it is run, with channel keys, validation, customer directory, idempotency, "
    "tracking link, outbox, metrics, and its relay and consumer at work. Reference: bare uvicorn (httptools, "
    "uvloop), the same pydantic model, one multi-row INSERT of id and body with asyncpg per batch. The load generator "
    "is on the same machine. What was answered 201 is read back, for intake also from the topic."
)
BARE = "CREATE TABLE intake.bare (id uuid PRIMARY KEY, body text)"
KEPT = "SELECT count(*) AS n FROM intake.{table}"


async def run(rounds: int) -> measure.Result:
    """Both servers run; the load goes to one and then to the other."""
    with servers.stack({"intake": 1}) as stack, tempfile.TemporaryDirectory() as folder:
        await servers.execute(stack, BARE, "GRANT ALL ON intake.bare TO amends_intake")
        async with bare_server(stack) as (port, pid):
            sides = Sides(stack, Path(folder) / "accepted.json", port, pid)
            await sides.ours(WARM_SECONDS)
            await sides.bare(WARM_SECONDS)
            pairs = await measure.in_turn(sides.ours, sides.bare, rounds)
            await sides.half(median(ours.rate for ours, _ in pairs) / 2)
            for variant, words in VARIANTS.items():
                await sides.variant(variant, words)
            await servers.drained(stack, ["intake"])
            await sides.read_back()
    return measure.compare("accept", pairs, WHAT)


@asynccontextmanager
async def bare_server(stack: Stack) -> AsyncIterator[tuple[int, int]]:
    """The reference's port and process id."""
    port = stack.ports.get("bare")
    arguments = json.dumps({"database": stack.database_url("intake"), "port": port})
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.bare_http", arguments, cwd=ROOT)
    try:
        await servers.listening(port)
        yield port, process.pid
    finally:
        process.terminate()
        await process.wait()


class Sides:
    """The two servers under load; counts what each accepted."""

    def __init__(self, stack: Stack, out: Path, port: int, pid: int) -> None:
        self.stack, self.out, self.port, self.pid = stack, out, port, pid
        self.accepted = {"complaint": 0, "bare": 0}

    async def ours(self, seconds: float = SECONDS, *, drained: bool = True) -> measure.Run:
        """Intake."""
        pids = servers.pids(self.stack)
        return await self._side("complaint", self.stack.ports.get("intake"), pids, seconds, drained=drained)

    async def bare(self, seconds: float = SECONDS) -> measure.Run:
        """The reference."""
        pids = {**servers.pids(self.stack), "bare": self.pid}
        return await self._side("bare", self.port, pids, seconds)

    async def half(self, rate: float) -> None:
        """How long a post takes when posts come at half the highest rate, whatever becomes of earlier ones."""
        run = await self._side(
            "complaint", self.stack.ports.get("intake"), servers.pids(self.stack), HALF_SECONDS, rate
        )
        took = [answered - due for _, due, answered in servers.read_json(self.out)]
        say(
            f"at half of that, {rate:,.0f}/s for {HALF_SECONDS:.0f} s: {ms(took, 0.5):.1f}/{ms(took, 0.99):.1f} ms "
            f"(p50/p99), {run.items} kept"
        )

    async def variant(self, name: str, words: str) -> None:
        """Intake with something left out; afterwards it is whole again, and sends what was left."""
        child = self.stack.parts["intake"].child
        whole = child.argv
        child.argv = [sys.executable, "-m", "tests.bench.intake_variant", name]
        try:
            self.stack.restart("intake")
            await self.ours(WARM_SECONDS, drained=False)
            run = await self.ours(drained=False)
        finally:
            child.argv = whole
        self.stack.restart("intake")
        say(f"{words}: {run.rate:,.0f}/s ({measure.cpu_line(run.cpu_ms())})")

    async def _side(
        self, table: str, port: int, pids: dict[str, int], seconds: float, rate: float = 0, drained: bool = True
    ) -> measure.Run:
        if drained:
            await servers.drained(self.stack, ["intake"])
        await servers.execute(self.stack, "CHECKPOINT")
        arguments: dict[str, Any] = {
            "host": "127.0.0.1", "port": port, "token": self.stack.tokens["web"]["token"], "run": uuid4().hex[:8],
            "seconds": seconds, "connections": CONNECTIONS, "out": str(self.out),
            "pids": {name: pid for name, pid in pids.items() if name != "mail"}, **({"rate": rate} if rate else {}),
        }  # fmt: skip
        said = await servers.worker("load", arguments)
        accepted = said["statuses"].get("201", 0)
        if said["statuses"] != {"201": accepted}:
            raise AssertionError(f"{table}: answers {said['statuses']}")
        self.accepted[table] += accepted
        return measure.Run(accepted, said["ended"] - said["begun"], said["cpu"])

    async def read_back(self) -> None:
        """Everything that was answered 201 is kept, and for ours announced."""
        for table, n in self.accepted.items():
            (row,) = await servers.execute(self.stack, KEPT.format(table=table))
            if row["n"] != n:
                raise AssertionError(f"{table}: {n} were accepted, {row['n']} are kept")
        announced = await servers.announced(self.stack)
        if announced != self.accepted["complaint"]:
            raise AssertionError(f"{self.accepted['complaint']} were accepted, {announced} announced")
