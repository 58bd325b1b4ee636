"""Intake is killed in the middle of posts and mails: what was answered is kept once, and the account closes again."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from deploy.local.ports import Ports
from services.intake.keys import new_key
from services.intake.store import keys as key_store
from shared.base.db import Database as Pools
from shared.base.security import key_hash
from tests.support.servers import DEPLOYMENT, Database

POSTS, MAILS, KILLS = 120, 40, 1


class Process:
    """The service as it is run in production, and a client that does not give up."""

    def __init__(self, database: Database, port: int, key: str) -> None:
        self.url, self.key = f"http://127.0.0.1:{port}", key
        self.environment = {
            **os.environ, "AMENDS_DATABASE_URL": database.url("intake"), "AMENDS_DEPLOYMENT_ID": DEPLOYMENT,
            "AMENDS_KAFKA_BOOTSTRAP": "127.0.0.1:1", "AMENDS_TOKEN_KEY": "k" * 32, "AMENDS_HTTP_PORT": str(port),
            "AMENDS_LOG_LEVEL": "error",
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


async def test_nothing_is_lost_or_doubled_when_intake_is_killed(
    database: Callable[..., Database], server_ports: Ports
) -> None:
    own, key = database(), new_key()
    admin = Pools(own.admin_url, "intake", work_pool=2, api_pool=1)
    async with admin.transaction() as tx:
        await key_store.add(tx, key_hash(key), "shop", ("complaints", "emails"))
    intake = Process(own, server_ports.get("intake"), key)
    await intake.start()
    work = [*(post(intake, n) for n in range(POSTS)), *(mail(intake, n) for n in range(MAILS))]
    random.Random(7).shuffle(work)
    slots = asyncio.Semaphore(16)
    answered: list[tuple[str, dict[str, Any]]] = []

    async def one(job: Any) -> None:
        async with slots:
            answered.append(await job)

    sending = asyncio.gather(*map(one, work))
    for kill in range(1, KILLS + 1):
        while len(answered) < len(work) * kill // (KILLS + 2):
            await asyncio.sleep(0.005)
        await intake.kill()
        await intake.start()
    await sending
    await closed(admin)
    async with admin.transaction() as tx:
        rows = (await tx.execute(text("SELECT complaint_id, body FROM complaint"))).all()
        said = (await tx.execute(text("SELECT count(*), count(DISTINCT complaint_id) FROM outbox"))).one()
    texts = [json.loads(row.body)["text"] for row in rows]
    assert sorted(texts) == sorted({text for text, _ in answered})
    kept = {json.loads(row.body)["text"]: str(row.complaint_id) for row in rows}
    assert all(kept[text] == answer["complaint_id"] for text, answer in answered if "complaint_id" in answer)
    assert tuple(said) == (len(rows), len(rows))
    await intake.kill(signal.SIGTERM)
    assert intake.process.returncode == 0
    await intake.client.aclose()
    await admin.close()


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
