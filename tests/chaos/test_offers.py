"""Two routing replicas under load, killed in turn: no case is offered to two people at a time, none is forgotten."""

import asyncio
import secrets
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from deploy.local.kafka import Kafka
from deploy.local.mail.catcher import Catcher
from deploy.local.postgres import Postgres
from tests.support.customers import Customers
from tests.support.house import House
from tests.support.routing import offering
from tests.support.scale import FULL
from tests.support.servers import Database
from tests.support.spines import topic_of_its_own

pytestmark = pytest.mark.servers
SECONDS = 60 if FULL else 8
HANDLERS = [f"asked{n}" for n in range(6)]
AT_ONCE = """SELECT a.complaint_id FROM routing.offer a JOIN routing.offer b USING (complaint_id)
    WHERE a.offer_id < b.offer_id
    AND tstzrange(a.made_at, a.ended_at, '[)') && tstzrange(b.made_at, b.ended_at, '[)')"""
STATES = "SELECT complaint_id, state FROM routing.case_file WHERE complaint_id = ANY($1)"


@pytest.fixture
async def asked(
    postgres: Postgres, migrated_template: str, kafka: Kafka, running_catcher: Catcher, server_folder: Path,
    server_keys: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> AsyncIterator[Customers]:  # fmt: skip
    """A house of its own with two routing replicas, in which every case is offered."""
    monkeypatch.setenv("AMENDS_ROUTING_POLICY", str(offering(tmp_path, seconds=5)))
    name = f"offers_{secrets.token_hex(4)}"
    database = Database(name, postgres.create_database(name, migrated_template), server_keys)  # type: ignore[arg-type]
    folder = server_folder / name
    folder.mkdir()
    house = House(database, kafka.bootstrap, await topic_of_its_own(kafka.bootstrap), running_catcher, folder)
    try:
        house.start()
        house.start("routing-2")
        for handler in HANDLERS:
            await house.hire(handler)
        yield Customers(house)
    finally:
        house.stop()
        postgres.drop_database(name)
        shutil.rmtree(folder, ignore_errors=True)


async def answer(chaos: Customers, handler: str, turn: int) -> None:
    """What a handler does with his offers: declines every fourth, accepts the others."""
    path = f"/v1/handlers/{handler}/offers"
    listed = await chaos.house.call("routing", "GET", path, None, name=handler, role="handler")
    for n, offer in enumerate(listed.json()):
        how, body = ("decline", {"reason": "busy"}) if (n + turn) % 4 == 3 else ("accept", None)
        said = await chaos.house.call(
            "routing", "POST", f"/v1/offers/{offer['offer_id']}/{how}", body, name=handler, role="handler"
        )
        assert said.status_code in (200, 403, 409), said.text  # grave cases are declined by the lead alone


async def work(chaos: Customers) -> None:
    """All handlers, one after the other, without an end."""
    turn = 0
    while True:
        for handler in HANDLERS:
            await answer(chaos, handler, turn := turn + 1)
        await asyncio.sleep(0.05)


@pytest.mark.timeout(400)
async def test_a_replica_is_killed_while_cases_are_offered(asked: Customers) -> None:
    working = asyncio.create_task(work(asked))
    async with asked.flowing(pause=0.1):
        for n in range(4):
            await asyncio.sleep(SECONDS / 4)
            asked.house.strike(("routing-2", "routing")[n % 2])
    mine = [i for i, complaint in asked.accepted.items() if not complaint.withdrawn]
    end = asyncio.get_running_loop().time() + 90
    while left := await unowned(asked, mine):
        assert asyncio.get_running_loop().time() < end, f"{len(mine)} accepted, of which {left} have nobody"
        assert not working.done(), working.exception()
        await asyncio.sleep(0.5)
    working.cancel()
    assert await asked.house.query(AT_ONCE) == []
    (made,) = await asked.house.query("SELECT count(*) AS n FROM routing.offer")
    assert made["n"] >= len(mine) > 0


async def unowned(asked: Customers, ids: Sequence[UUID]) -> dict[str, int]:
    """How many of these routing does not know or knows without an owner, by state."""
    known = {row["complaint_id"]: row["state"] for row in await asked.house.query(STATES, list(ids))}
    found = Counter(known.get(i, "unknown") for i in ids)
    return {state: found[state] for state in ("unknown", "received", "triaged", "waiting", "offered") if found[state]}
