"""Every due warning, breach and rung is told exactly once, whatever happens to processes, broker, database and clocks.

A table of the run is printed at the end; `make test-full` runs it with 20,000 clocks and a minute without a broker,
and keeps the table in docs/results/deadlines.md.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from tests.support import lives
from tests.support.deadlines import LIMIT, Deadlines, Row, every_step
from tests.support.houses import Houses
from tests.support.programs import program
from tests.support.scale import FULL
from tests.support.spines import running

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]
MANY, SOME = (20_000, 3_000) if FULL else (800, 300)
OUTAGE = 60.0 if FULL else 4.0
PAGE = Path(__file__).parents[2] / "docs/results/deadlines.md"


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    lines = [
        "Deadlines under trouble: each due warning, breach and rung, counted on the topic",
        Row.HEAD,
        *map(str, rows),
    ]
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + "\n".join(lines))
    if FULL:
        PAGE.write_text("# " + lines[0] + "\n\n```\n" + "\n".join(lines[1:]) + "\n```\n")


@pytest.fixture(scope="module")
async def deadlines(houses: Houses) -> AsyncIterator[Deadlines]:
    """Two replicas of escalation."""
    async with houses("deadlines") as house:
        made = Deadlines(house)
        try:
            house.start("escalation", "escalation-2")
            yield made
        finally:
            await made.close()


async def counted(deadlines: Deadlines, table: list[Row], case: str, complaints: Any, wanted: Any) -> None:
    await deadlines.over(seconds=60 + OUTAGE + len(complaints) / 100)
    table.append(row := await deadlines.count(case, complaints, wanted))
    assert row.right, row


async def test_one_of_two_replicas_is_killed_while_clocks_come_due(deadlines: Deadlines, table: list[Row]) -> None:
    complaints, due = await deadlines.due_together(MANY)
    await deadlines.until(due)
    for _ in range(3):
        await asyncio.sleep(0.15)
        deadlines.house.strike("escalation-2")
    await counted(
        deadlines, table, "one of two replicas killed three times at the deadline", complaints,
        every_step(complaints, due),
    )  # fmt: skip


async def test_the_broker_is_down_while_clocks_come_due(deadlines: Deadlines, table: list[Row], kafka: Kafka) -> None:
    complaints, due = await deadlines.due_together(SOME)
    await deadlines.until(due - LIMIT / 2)
    await asyncio.to_thread(kafka.child.kill)
    await asyncio.sleep(OUTAGE)
    await asyncio.to_thread(relaunch, kafka)
    case = f"broker down {OUTAGE:.0f} s around the deadline"
    await counted(deadlines, table, case, complaints, every_step(complaints, due))


async def test_the_database_is_restarted_while_clocks_come_due(
    deadlines: Deadlines, table: list[Row], postgres: Postgres
) -> None:
    complaints, due = await deadlines.due_together(SOME)
    await deadlines.until(due)
    await asyncio.sleep(0.1)
    os.kill(postgres.child.pid or 0, signal.SIGQUIT)
    await asyncio.to_thread(postgres.child.stop)
    await asyncio.to_thread(relaunch, postgres)
    case = "PostgreSQL stopped without a goodbye at the deadline"
    await counted(deadlines, table, case, complaints, every_step(complaints, due))


def relaunch(server: Kafka | Postgres) -> None:
    server.launch()
    server.wait_ready()


async def test_a_process_whose_clock_is_an_hour_off_fires_by_the_databases(
    deadlines: Deadlines, table: list[Row]
) -> None:
    """One replica believes it is an hour later, the other an hour earlier, and nobody else is there."""
    faketime = program("faketime", "faketime")
    await asyncio.to_thread(deadlines.house.stop, "escalation", "escalation-2")
    off = {"escalation-fast": "+1h", "escalation-slow": "-1h"}
    for name, hours in off.items():
        deadlines.replica(name, faketime, "-m", "-f", hours)
    await asyncio.to_thread(deadlines.house.start, *off)
    for name, hours in off.items():
        assert abs(await believed(deadlines, name) - time.time() - float(hours[:2]) * 3600) < 60
    complaints, due = await deadlines.due_together(SOME)
    try:
        await counted(
            deadlines, table, "the replicas' clocks an hour fast and an hour slow", complaints,
            every_step(complaints, due),
        )  # fmt: skip
        assert table[-1].latest < 30
    finally:
        await asyncio.to_thread(deadlines.house.remove, *off)
        await asyncio.to_thread(deadlines.house.start, "escalation", "escalation-2")


async def believed(deadlines: Deadlines, name: str) -> float:
    """What time a process thinks it is: when, by its own clock, its timer loop last turned."""
    async with httpx.AsyncClient(base_url=deadlines.house.around.url(name)) as client:
        page = (await client.get("/metrics")).text
    found = re.search(r'amends_loop_last_turn_timestamp_seconds\{loop="timers",service="escalation"\} (\S+)', page)
    assert found, page
    return float(found[1])


async def test_escalation_is_down_while_cases_are_answered_and_their_deadlines_pass(
    deadlines: Deadlines, table: list[Row]
) -> None:
    complaints, due = await deadlines.due_together(SOME, ahead=3.0)
    answered, left = complaints[::2], complaints[1::2]
    await asyncio.to_thread(deadlines.house.stop, "escalation", "escalation-2")
    async with running(deadlines.source, loops=["relay", "prune"]):
        for complaint in answered:
            await deadlines.tell(complaint, lives.letter("acknowledgement", due - LIMIT * 0.9))
        await deadlines.until(due + timedelta(seconds=1))
    await asyncio.to_thread(deadlines.house.start, "escalation", "escalation-2")
    fired = every_step(left, due)
    case = f"escalation down over the deadline, {len(answered):,} answered meanwhile"
    await counted(deadlines, table, case, complaints, fired)


async def test_the_nights_when_clocks_change_are_replayed(deadlines: Deadlines, table: list[Row]) -> None:
    """One day by the date from each minute of the nights before London's clocks change: found by walking the clock."""
    begins = [
        datetime(*day, 0, 30, tzinfo=UTC) + timedelta(minutes=n)
        for day in ((2026, 3, 28), (2026, 3, 29), (2025, 10, 25), (2025, 10, 26), (2026, 10, 24), (2026, 10, 25))
        for n in range(0, 150, 1 if FULL else 5)
    ]
    complaints = [lives.uuid4() for _ in begins]
    await deadlines.watch(complaints, begins.__getitem__, "top")
    wanted = [(c, "sla.breached.v1", None, walked(begin)) for c, begin in zip(complaints, begins, strict=True)]
    await counted(deadlines, table, "three changes of clocks replayed, each due time walked to", complaints, wanted)


def walked(begin: datetime) -> datetime:
    """The first minute at which the wall clock in London has reached the next day's date and the same time of day."""
    london = ZoneInfo("Europe/London")
    wall = begin.astimezone(london).replace(tzinfo=None) + timedelta(days=1)
    at = begin + timedelta(hours=20)
    while at.astimezone(london).replace(tzinfo=None) < wall:
        at += timedelta(minutes=1)
    return at
