"""Drills: the alerts with shortened times, and the commands of their pages typed as they stand there."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import yaml

from deploy.local.kafka import Kafka
from deploy.prometheus.alerts import ALERTS
from shared.base import security
from tests.support.customers import Customers
from tests.support.house import House
from tests.support.mailserver import MailServer
from tests.support.prometheus import Prometheus
from tests.support.spines import eventually

PAGES = Path(__file__).parents[2] / "docs/runbooks/alerts"
# What is shortened beside `for`: windows, and how long something may last. A reading is up to six seconds old.
SHORTER: Mapping[str, tuple[tuple[str, str], ...]] = {
    "SlaBurnFast": (("[1h]", "[40s]"), ("[5m]", "[20s]")),
    "SlaBurnSlow": (("[6h]", "[60s]"), ("[30m]", "[40s]")),
    "SlaBudgetSpent": (("[3d]", "[60s]"), ("[6h]", "[40s]")),
    "TimerLate": (("[5m]", "[20s]"), ("> 30", "> 4")),
    "OldestUnfiredTimer": (("> 60", "> 12"),),
    "OutboxStuck": (("> 60", "> 12"),),
    "LagGrowing": (("> 500", "> 15"), ("[10m]", "[20s]")),
    "ParkedMessages": (),
    "ConsumerTripped": (),
    "LettersFailing": (("[1h]", "[25s]"),),
    "LettersWaiting": (("> 900", "> 12"),),
    "ReconciliationGap": (("> 300", "> 12"),),
    "OldestUnassigned": (("> 900", "> 12"),),
    "SchedulerDead": (("> 120", "> 20"),),
    "ConsumerGone": (("> 300", "> 20"),),
}


def shortened() -> str:
    """The rules file with `for: 1s` and these shorter times; everything else as it is deployed."""
    rules = []
    for alert in ALERTS:
        expr = alert.expr
        for long, short in SHORTER.get(alert.name, ()):
            assert long in expr, f"{alert.name}: no {long}"
            expr = expr.replace(long, short)
        rules.append({**alert.rule(), "expr": expr, "for": "1s"})
    return yaml.safe_dump({"groups": [{"name": "amends", "interval": "1s", "rules": rules}]})


def looks(alert: str) -> list[str]:
    """The commands under "How to look": lines set as code, and `curl` or `amends` within a line."""
    section = (PAGES / f"{alert}.md").read_text().partition("## How to look")[2].partition("\n## ")[0]
    found = []
    for line in section.splitlines():
        if re.match(r" {7}\S|    \S", line):
            found.append(line.strip())
        else:
            found += [c for c in re.findall(r"`([^`]+)`", line) if c.split()[0] in ("curl", "amends") and " " in c]
    return found


async def typed(command: str, env: Mapping[str, str]) -> str:
    """Run one in a shell: what it printed, errors too."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, executable="/bin/bash",
        env={**os.environ, **env, "PATH": path},
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode(errors="replace").strip()


async def firing(prometheus: Prometheus, alert: str, **labels: str) -> bool:
    """Whether an alert fires, with these labels."""
    found: list[dict[str, Any]] = await prometheus.alerts()
    return any(
        one["state"] == "firing" and one["labels"]["alertname"] == alert and labels.items() <= one["labels"].items()
        for one in found
    )


async def fires(prometheus: Prometheus, alert: str, *, seconds: float = 90, **labels: str) -> None:
    """Wait until it does."""
    await eventually(lambda: firing(prometheus, alert, **labels), seconds=seconds, what=f"{alert} fires")


async def ends(prometheus: Prometheus, alert: str, *, seconds: float = 120, **labels: str) -> None:
    """Wait until it does not any more."""

    async def quiet() -> bool:
        return not await firing(prometheus, alert, **labels)

    await eventually(quiet, seconds=seconds, what=f"{alert} ends")


@dataclass
class Drill:
    """What a trial works with, and the rows of its table."""

    house: House
    prometheus: Prometheus
    customers: Customers
    mail: MailServer
    broker: Kafka
    rows: list[str] = field(default_factory=list)
    began: float = 0.0

    def cause(self) -> None:
        """The fault begins now."""
        self.began = asyncio.get_running_loop().time()

    def environment(self, service: str, **more: str) -> dict[str, str]:
        """The variables that the pages use, for one service."""
        own = self.house.around.for_command(service)
        urls = {
            f"{name.upper()}": self.house.around.url(name) for name in ("intake", "routing", "escalation", "notifier")
        }
        token = security.issue(self.house.database.keys.token_key, name="lea", role="lead")
        return {
            **{k: v for k, v in own.items() if k.startswith("AMENDS_")},
            **urls, "DATABASE_URL": self.house.database.admin_url, "SERVICE": service,
            "SERVICE_URL": self.house.around.url(service), "TOKEN": token, **more,
        }  # fmt: skip

    async def look(self, alert: str, service: str, expected: str, **more: str) -> str:
        """Type the page's commands: everything that they printed, which must match; for the table the match.

        Who sees nothing looks again: a lock that comes and goes is not there at each moment.
        """
        for _ in range(8):
            printed: list[str] = []
            for command in looks(alert):
                if "$ID" in command and "ID" not in more:
                    more["ID"] = re.findall(r"\b\d+\b", printed[-1])[0]
                printed.append(await typed(command, self.environment(service, **more)))
            text = "\n".join(printed)
            if found := re.search(expected, text, re.DOTALL):
                return " ".join(found[0].split())[:90].replace("|", "/")
            await asyncio.sleep(0.7)
        raise AssertionError(f"{alert}: its page shows no {expected!r}:\n{text}")

    async def tried(
        self, alert: str, cause: str, seen: Callable[[], Awaitable[str]], mend: str,
        mended: Callable[[], Awaitable[Any]], **labels: str,
    ) -> None:  # fmt: skip
        """The fault is there: wait for the alert, look, mend, wait for its end."""
        clock = asyncio.get_running_loop().time
        await fires(self.prometheus, alert, **labels)
        fired, saw = clock() - self.began, await seen()
        await mended()
        started = clock()
        await ends(self.prometheus, alert, **labels)
        row = f"| {alert} | {cause} | {fired:.0f} s | `{saw}` | {mend} | {clock() - started:.0f} s |"
        self.rows.append(row)
        print(row)

    async def pid(self) -> str:
        """The session without a name of ours that has held something for longest, as the pages' query finds it."""
        rows = await self.house.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
            "AND state = 'idle in transaction' AND application_name NOT LIKE 'amends%' ORDER BY xact_start LIMIT 1"
        )
        return str(rows[0][0])

    async def end_session(self) -> None:
        """What the pages say: pg_terminate_backend."""
        command = 'psql "$DATABASE_URL" -c "SELECT pg_terminate_backend($PID)"'
        said = await typed(command, self.environment("routing", PID=await self.pid()))
        assert "t" in said.split(), said

    @asynccontextmanager
    async def holding(self, statement: str) -> AsyncIterator[None]:
        """Somebody's open transaction, until it is ended from outside; old enough to be noticed as such."""
        self.cause()
        connection = await asyncpg.connect(self.house.database.admin_url)
        await connection.execute("BEGIN")
        await connection.execute(statement)
        try:
            await asyncio.sleep(11)
            yield
        finally:
            connection.terminate()

    @asynccontextmanager
    async def slowing(self, statement: str) -> AsyncIterator[None]:
        """A session that does this again and again and holds it most of the time, until it is ended from outside."""
        self.cause()
        connection = await asyncpg.connect(self.house.database.admin_url)

        async def again() -> None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                while True:
                    await connection.execute("BEGIN")
                    await connection.execute(statement)
                    await asyncio.sleep(2)
                    await connection.execute("ROLLBACK")
                    await asyncio.sleep(0.05)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            connection.terminate()

    async def complain(self, number: int, **more: Any) -> list[UUID]:
        """So many complaints."""
        return [await self.customers.complain(language="en", **more) for _ in range(number)]
