"""Intake, PostgreSQL and the broker are killed in the middle of posts and mails: nothing is lost, nothing is doubled.

What was answered is kept once and told once, and the account closes again. `make test-full` sends 2,000 of each and
writes its table to docs/results.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from deploy.local.kafka import Kafka
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from services.intake.keys import new_key
from services.intake.store import keys as key_store
from shared.base.db import Database as Pools
from shared.base.security import issue, key_hash
from tests.support.servers import DEPLOYMENT, Database
from tests.support.topic import read_topic

SCALED, WHOLE = 120, 2000
RESULTS = Path(__file__).parents[2] / "docs/results/intake-killed.md"
NUMBERS = ("seen", "accepted", "duplicate", "not_complaint", "quarantined", "gap")


class Process:
    """The service as it is run in production, and a client that does not give up."""

    def __init__(self, database: Database, port: int, key: str, bootstrap: str, topic: str) -> None:
        self.url, self.key = f"http://127.0.0.1:{port}", key
        self.environment = {
            **os.environ, "AMENDS_DATABASE_URL": database.url("intake"), "AMENDS_DEPLOYMENT_ID": DEPLOYMENT,
            "AMENDS_KAFKA_BOOTSTRAP": bootstrap, "AMENDS_TOPIC": topic, "AMENDS_TOKEN_KEY": "k" * 32,
            "AMENDS_HTTP_PORT": str(port), "AMENDS_LOG_LEVEL": "error",
        }  # fmt: skip
        self.client = httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=20)

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.intake", env=self.environment, stdout=asyncio.subprocess.DEVNULL
        )
        for _ in range(600):
            try:
                if (await self.client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
        pytest.fail("intake does not become ready")

    async def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        await self.process.wait()

    async def send(self, path: str, content: bytes, **headers: str) -> dict[str, Any]:
        """Send until it is answered, as a channel does."""
        while True:
            try:
                answer = await self.client.post(path, content=content, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code in (201, 202):
                return dict(answer.json())
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)

    async def account(self) -> dict[str, int]:
        """What intake says of everything that it has seen."""
        bearer = f"Bearer {issue('k' * 32, name='o', role='ops')}"
        for _ in range(300):
            try:
                answer = await self.client.get("/v1/reconciliation", headers={"Authorization": bearer})
                if answer.status_code == 200:
                    return dict(answer.json()["total"])
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
        pytest.fail("intake does not give its account")


@dataclass
class Table:
    """The account after each event of the run, as it is printed."""

    rows: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    def text(self) -> str:
        """Markdown."""
        lines = ["| when | " + " | ".join(NUMBERS) + " |", "|---|" + "--:|" * len(NUMBERS)]
        lines += [f"| {when} | " + " | ".join(str(row[name]) for name in NUMBERS) + " |" for when, row in self.rows]
        return "\n".join(lines)


@pytest.mark.parametrize(
    "each", [SCALED, pytest.param(WHOLE, marks=[pytest.mark.full, pytest.mark.timeout(600)])], ids=["scaled", "whole"]
)
async def test_nothing_is_lost_or_doubled_when_intake_postgres_and_the_broker_are_killed(
    database: Callable[..., Database], server_ports: Ports, postgres: Postgres, kafka: Kafka, topic: str, each: int
) -> None:
    own, key = database(), new_key()
    admin = Pools(own.admin_url, "intake", work_pool=2, api_pool=1)
    async with admin.transaction() as tx:
        await key_store.add(tx, key_hash(key), "shop", ("complaints", "emails"))
    intake = Process(own, server_ports.get("intake"), key, kafka.bootstrap, topic)
    await intake.start()
    work = [*(post(intake, n) for n in range(each)), *(mail(intake, n) for n in range(each))]
    random.Random(7).shuffle(work)
    slots, table = asyncio.Semaphore(16), Table()
    answered: list[tuple[str, dict[str, Any]]] = []

    async def one(job: Any) -> None:
        async with slots:
            answered.append(await job)

    async def intake_dies() -> None:
        await intake.kill()
        await intake.start()

    async def dies(server: Postgres | Kafka) -> None:
        await asyncio.to_thread(server.child.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.launch)
        await asyncio.to_thread(server.wait_ready)

    sending = asyncio.gather(*map(one, work))
    deaths = [("intake", intake_dies), ("PostgreSQL", lambda: dies(postgres)), ("the broker", lambda: dies(kafka))]
    for n, (name, kill) in enumerate(deaths, start=1):
        while len(answered) < len(work) * n // (len(deaths) + 1):
            await asyncio.sleep(0.005)
        when = f"{name} was killed after {len(answered)} answers"
        await kill()
        table.rows.append((when, await intake.account()))
    await sending
    table.rows.append(("everything is answered", await intake.account()))
    await admin.close()  # its connections died with the server; the next ones are new
    await closed(admin)
    table.rows.append(("at rest", await intake.account()))
    print(f"\n{table.text()}")
    await kept_once(admin, answered, kafka.bootstrap, topic)
    at_rest = table.rows[-1][1]
    assert (at_rest["accepted"], at_rest["quarantined"], at_rest["gap"]) == (2 * each, 0, 0)
    assert at_rest["seen"] == at_rest["accepted"] + at_rest["duplicate"]
    await intake.kill(signal.SIGTERM)
    assert intake.process.returncode == 0
    await intake.client.aclose()
    await admin.close()
    if each == WHOLE:
        RESULTS.write_text(PAGE.format(each=each, day=datetime.now(UTC).date(), table=table.text()))


PAGE = """# Intake, PostgreSQL and the broker killed in the middle of {each} posts and {each} mails

`kill -9`, 16 callers who send again until they are answered, every complaint read back from the tables and the topic:
each is kept once and told once. A duplicate is a post or mail that had been kept when its answer was lost; a gap is
mail whose bytes are kept and whose outcome is still to come. Measured on {day}, on two cores.

{table}
"""


async def kept_once(admin: Pools, answered: list[tuple[str, dict[str, Any]]], bootstrap: str, topic: str) -> None:
    """What was answered is in the tables, under the id that was answered, and on the topic; nothing else is."""
    async with admin.transaction() as tx:
        rows = (await tx.execute(text("SELECT complaint_id, body FROM complaint"))).all()
    texts = [json.loads(row.body)["text"] for row in rows]
    assert sorted(texts) == sorted({text for text, _ in answered})
    kept = {json.loads(row.body)["text"]: str(row.complaint_id) for row in rows}
    assert all(kept[text] == answer["complaint_id"] for text, answer in answered if "complaint_id" in answer)
    for _ in range(300):
        async with admin.transaction() as tx:
            left = (await tx.execute(text("SELECT count(*) FROM outbox"))).scalar_one()
        if not left:
            break
        await asyncio.sleep(0.1)
    told = (await read_topic(bootstrap, topic)).of("complaint.received.v1")
    assert {str(id) for id in told} == set(kept.values())
    assert {len(facts) for facts in told.values()} == {1}


async def closed(admin: Pools) -> None:
    """Until no mail is without outcome; the sweep is not told to hurry, only its pause is over at once."""
    for _ in range(300):
        async with admin.transaction() as tx:
            left = await tx.execute(text("UPDATE mail SET retry_at = now() WHERE outcome IS NULL"))
            if not left.rowcount:
                return
        await asyncio.sleep(0.1)
    pytest.fail("a gap stays")


async def post(intake: Process, n: int) -> tuple[str, dict[str, Any]]:
    words = f"Post {n} never arrived."
    body = {"channel": "web", "customer": {"email": f"c{n % 30}@example.com"}, "text": words}
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"k{n}"}
    return words, await intake.send("/v1/complaints", json.dumps(body).encode(), **headers)


async def mail(intake: Process, n: int) -> tuple[str, dict[str, Any]]:
    words = f"Mail {n} never arrived."
    raw = f"From: c{n}@example.com\r\nMessage-ID: <{n}@example.com>\r\n\r\n{words}".encode()
    return words, await intake.send("/v1/emails", raw, **{"Content-Type": "message/rfc822"})
