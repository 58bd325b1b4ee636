"""How fast mail becomes outcomes: from the post of its bytes to the answer after the second transaction's commit."""

from collections import Counter
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

from deploy.local.stack import Stack
from tests.bench import measure, servers
from tests.bench.mail_load import corpus

CONNECTIONS, SECONDS, WARM_SECONDS, ALONE = 32, 6.0, 3.0, 150
WHAT = (
    "Mails/s through POST /v1/emails, {n} callers, to the answer with the outcome, which comes after "
    "the commit: intake as it is run, bytes kept in a first transaction, parsed in a worker process under limits, "
    "classified, threaded, compared with earlier content, settled in a second one with events and files; the relay and "
    "metrics at work. Mails: {mails}, each under a Message-ID of its own. `one`: a single caller, one mail after the "
    "other. No reference: the fastest peer measured took 107 mails/s, and 0.35 s for one. Every outcome is read back."
)
KEPT = "SELECT outcome, count(*) AS n FROM intake.mail GROUP BY outcome"
COMPLAINTS = "SELECT count(*) AS n FROM intake.complaint WHERE kind = 'complaint'"


async def run(rounds: int) -> measure.Result:
    """Rounds of load, then one mail after the other."""
    with servers.stack({"intake": 1}) as stack:
        bench = Bench(stack)
        await bench.load("warm", seconds=WARM_SECONDS)
        said = [await bench.load(f"round {n}") for n in range(1, rounds + 1)]
        alone = await bench.load("one", connections=1, mails=ALONE, seconds=60.0)
        await bench.read_back()
    rates = [each.rate for each in said]
    cuts = quantiles(alone.times, n=100)
    ours = {
        "rate": round(median(rates), 1),
        "one_p50_ms": round(1000 * cuts[49], 1),
        "one_p99_ms": round(1000 * cuts[98], 1),
    }
    names = said[0].run.cpu
    return measure.Result(
        name="mail",
        rounds=rounds,
        ours=ours,
        reference=None,
        ratio=None,
        spread=round((max(rates) - min(rates)) / median(rates), 3),
        cpu_ms_per_item={name: round(median(each.run.cpu_ms()[name] for each in said), 3) for name in names},
        what=f"{WHAT.format(n=CONNECTIONS, mails=corpus()[0])} {measure.machine()}",
    )


class Round:
    """One stretch of load: its run, and the sorted seconds that each mail took."""

    def __init__(self, run: measure.Run, times: list[float]) -> None:
        self.run, self.times = run, times

    @property
    def rate(self) -> float:
        """Mails per second."""
        return self.run.rate


class Bench:
    """Load against one intake; counts what each mail became."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.outcomes: Counter[str] = Counter()

    async def load(
        self, name: str, *, connections: int = CONNECTIONS, mails: int = 1_000_000, seconds: float = SECONDS
    ) -> Round:
        """One stretch, beginning when nothing waits."""
        await servers.drained(self.stack, ["intake"])
        await servers.execute(self.stack, "CHECKPOINT")
        pids = {process: pid for process, pid in servers.pids(self.stack).items() if process != "mail"}
        arguments: dict[str, Any] = {
            "port": self.stack.ports.get("intake"), "token": self.stack.tokens["email"]["token"],
            "run": uuid4().hex[:8], "seconds": seconds, "connections": connections, "mails": mails, "pids": pids,
        }  # fmt: skip
        said = await servers.worker("mail_load", arguments)
        self.outcomes.update(said["outcomes"])
        found = Round(measure.Run(len(said["times"]), said["seconds"], said["cpu"]), said["times"])
        middle = 1000 * found.times[len(found.times) // 2]
        measure.say(f"{name}: {found.rate:,.0f}/s, median {middle:.1f} ms; {measure.cpu_line(found.run.cpu_ms())}")
        return found

    async def read_back(self) -> None:
        """Every mail has the outcome that was answered, and every complaint is kept once."""
        kept = {row["outcome"]: row["n"] for row in await servers.execute(self.stack, KEPT)}
        (complaints,) = await servers.execute(self.stack, COMPLAINTS)
        measure.say(f"outcomes: {dict(self.outcomes)}")
        if kept != dict(self.outcomes) or complaints["n"] != self.outcomes["complaint"]:
            raise AssertionError(f"answered {dict(self.outcomes)}, kept {kept}, complaints {complaints['n']}")
