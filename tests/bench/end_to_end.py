"""From a complaint over HTTP to its acknowledgement at the mail server, everything on one machine."""

import asyncio
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.keys import SERVICES
from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from tests.bench import measure, servers, stages

RATE, SECONDS, STEP_SECONDS, WARM_SECONDS = 200.0, 60.0, 20.0, 10.0
ACKNOWLEDGEMENTS = "SELECT reference, id FROM notifier.letter WHERE kind = 'acknowledgement'"
FIRST_TRY, CLOSE_ENOUGH = 300.0, 1.1
DRAIN_SECONDS = 2.0
HANDLERS = 40
HANDLER = {
    "name": "Handler", "role_title": "complaint handler", "contact": "010 555 0100",
    "tiers": ["top", "high", "middle", "low"], "languages": ["zh", "en"], "capacity": 12,
    "skills": dict.fromkeys(("product", "after_sales", "network", "service_desk", "billing", "policy", "team_lead"), 4),
}  # fmt: skip
WHAT = (
    "Complaints at 200/s for 60 s over HTTP (open-loop, 1.3 kB, each of a new customer, times from when a request was "
    "due), the four services, PostgreSQL with fsync, Kafka, load generator and mail server all on this machine. "
    "accept: due → 201. ack: 201 → the acknowledgement's content has arrived at the mail server. max_rate: the "
    "highest rate found by halving at which for 60 s every request is answered 201 and within 2 s after the last one "
    "every acknowledgement has arrived, all outboxes are empty and everything is consumed by all four. Each complaint "
    "is acknowledged once: counted at the mail server."
)


@dataclass(frozen=True)
class Step:
    """One stretch of load and what became of it. Times are seconds."""

    rate: float
    accepted: int
    refused: int
    accept: list[float]
    ack: list[float]
    drained: float | None
    cpu: dict[str, float]

    @property
    def held(self) -> bool:
        """Whether the queues did not grow."""
        return not self.refused and self.drained is not None and self.drained <= DRAIN_SECONDS

    def cpu_ms(self) -> dict[str, float]:
        """CPU milliseconds per complaint by process."""
        return {name: 1000 * seconds / self.accepted for name, seconds in self.cpu.items()}

    def line(self) -> str:
        """One line for people."""
        drained = f"drained in {self.drained:.1f} s" if self.drained is not None else "not drained"
        return (
            f"{self.rate:5.0f}/s: {self.accepted} accepted, {self.refused} refused, "
            f"accept p50/p99 {ms(self.accept, 0.5):.0f}/{ms(self.accept, 0.99):.0f} ms, "
            f"ack {ms(self.ack, 0.5):.0f}/{ms(self.ack, 0.99):.0f} ms, {drained}, "
            f"{measure.cpu_line(self.cpu_ms())}"
        )


def ms(seconds: list[float], quantile: float) -> float:
    """A quantile in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(quantile * len(ordered)))]


async def run(rounds: int) -> measure.Result:
    """Warm up, the stretch that is asked for, then the highest rate. `rounds` 1 leaves the search out."""
    with tempfile.TemporaryDirectory() as folder:
        async with mail_server(Path(folder) / "mails.tsv") as sink:
            environ = {**os.environ, "AMENDS_SMTP_URL": f"smtp://127.0.0.1:{sink.port}"}
            with servers.stack(dict.fromkeys(SERVICES, 1), environ=environ) as stack:
                await staff(stack)
                bench = Bench(stack, sink, Path(folder) / "accepted.json")
                await bench.step(RATE / 4, WARM_SECONDS / 2)
                await bench.step(RATE, WARM_SECONDS)
                main = await bench.step(RATE, SECONDS)
                measure.say(await stages.table(stack, main.accepted))
                highest = await bench.highest() if rounds > 1 else RATE * main.held
                await bench.read_back()
    return result(main, highest)


async def staff(stack: Stack) -> None:
    """Forty handlers on shift, whose hands are full within the first seconds."""
    async with httpx.AsyncClient(base_url=stack.urls["routing"], timeout=20) as client:
        for n in range(HANDLERS):
            at = f"/v1/handlers/handler-{n}"
            for path, role, body in ((at, "manager", HANDLER), (f"{at}/presence", "lead", {"presence": "available"})):
                token = {"Authorization": f"Bearer {stack.tokens[role]['token']}"}
                (await client.put(path, json=body, headers=token)).raise_for_status()


def result(main: Step, highest: float) -> measure.Result:
    """What is written."""
    return measure.Result(
        name="end_to_end",
        rounds=1,
        ours={
            "rate": main.rate,
            "accept_p50_ms": round(ms(main.accept, 0.5), 1),
            "accept_p99_ms": round(ms(main.accept, 0.99), 1),
            "ack_p50_ms": round(ms(main.ack, 0.5), 1),
            "ack_p99_ms": round(ms(main.ack, 0.99), 1),
            "max_rate": highest,
        },
        reference=None,
        ratio=None,
        spread=None,
        cpu_ms_per_item={name: round(each, 3) for name, each in main.cpu_ms().items()},
        what=f"{WHAT} {measure.machine()}",
    )


@dataclass(frozen=True)
class MailServer:
    """The running sink."""

    port: int
    pid: int
    file: Path

    def arrived(self) -> dict[str, list[tuple[float, str]]]:
        """Reference → time and Message-ID of its mails, as they came."""
        found: dict[str, list[tuple[float, str]]] = {}
        for line in self.file.read_text().splitlines():
            at, reference, message_id = line.split("\t")
            found.setdefault(reference, []).append((float(at), message_id))
        return found


@asynccontextmanager
async def mail_server(file: Path) -> AsyncIterator[MailServer]:
    """The sink in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.sink", str(file), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield MailServer(int(await process.stdout.readline()), process.pid, file)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


class Bench:
    """Steps of load against one stack."""

    def __init__(self, stack: Stack, sink: MailServer, out: Path) -> None:
        self.stack, self.sink, self.out = stack, sink, out
        self.pids = {**servers.pids(stack), "mail": sink.pid}
        self._accepted: set[str] = set()

    async def step(self, rate: float, seconds: float) -> Step:
        """Load at one rate, then wait until everything has gone through."""
        await servers.execute(self.stack, "CHECKPOINT")
        arguments: dict[str, Any] = {
            "host": "127.0.0.1", "port": self.stack.ports.get("intake"), "token": self.stack.tokens["web"]["token"],
            "run": uuid4().hex[:8], "seconds": seconds, "rate": rate, "out": str(self.out), "pids": self.pids,
        }  # fmt: skip
        said = await servers.worker("load", arguments)
        accepted = servers.read_json(self.out)
        drained = await self._drained({reference for reference, _, _ in accepted})
        arrived = self.sink.arrived()
        step = Step(
            rate=rate,
            accepted=len(accepted),
            refused=sum(said["statuses"].values()) - len(accepted),
            accept=[answered - due for _, due, answered in accepted],
            ack=[arrived[r][0][0] - answered for r, _, answered in accepted if r in arrived],
            drained=drained,
            cpu=said["cpu"],
        )
        measure.say(step.line())
        return step

    async def _drained(self, references: set[str]) -> float | None:
        """Seconds until all mails had come and nothing was queued; None after a minute."""
        self._accepted |= references
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(60):
                while missing := self._accepted - self.sink.arrived().keys():
                    if missing <= await self._withheld():
                        break
                    await asyncio.sleep(0.1)
                await servers.drained(self.stack, SERVICES)
        except TimeoutError:
            return None
        return asyncio.get_running_loop().time() - begun

    async def highest(self) -> float:
        """The highest rate held: doubled until it fails, halved in short steps, proven for a minute."""
        low, high = RATE, FIRST_TRY
        while (await self.step(high, STEP_SECONDS)).held:
            low, high = high, high * 1.5
        while high / low > CLOSE_ENOUGH:
            middle = round((low + high) / 2)
            low, high = (middle, high) if (await self.step(middle, STEP_SECONDS)).held else (low, middle)
        while low > RATE and not (await self.step(low, SECONDS)).held:
            low = round(low * 0.93)
        return low

    async def _withheld(self) -> set[str]:
        """References of letters that the gate stopped: recorded, with a task for a person, and not sent."""
        rows = await servers.execute(self.stack, "SELECT reference FROM notifier.letter WHERE state = 'blocked'")
        return {row["reference"] for row in rows}

    async def read_back(self) -> None:
        """Nothing was lost, nothing doubled, and the first mail of each complaint was its acknowledgement."""
        arrived, withheld = self.sink.arrived(), await self._withheld()
        came = Counter(message_id for mails in arrived.values() for _, message_id in mails)
        doubled = [message_id for message_id, n in came.items() if n > 1]
        rows = await servers.execute(self.stack, ACKNOWLEDGEMENTS)
        acknowledgements = {row["reference"]: f"<{row['id']}@" for row in rows}
        first = {r: mails[0][1] for r, mails in arrived.items()}
        missing = {
            r for r in self._accepted - withheld if not first.get(r, "").startswith(acknowledgements.get(r, "?"))
        }
        measure.say(f"{len(self._accepted)} accepted in all, {len(withheld)} letters withheld by the gate")
        announced = await servers.announced(self.stack)
        if doubled or missing or announced != len(self._accepted):
            raise AssertionError(
                f"{len(self._accepted)} accepted, {announced} announced; "
                f"{len(missing)} not acknowledged, {len(doubled)} more than once"
            )
