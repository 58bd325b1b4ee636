"""Who collects, how quickly, and what a replica shows that does not."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import text

from services.escalation.standing import FIGURES as ESCALATION
from services.intake.accounting import FIGURES as INTAKE
from services.notifier.store.standing import FIGURES as NOTIFIER
from services.routing.store.standing import FIGURES as ROUTING
from shared.base.db import Database as Pools
from shared.base.loops import LoopControl
from shared.spine import totals
from shared.spine.collector import Board, Collector
from tests.support.scale import FULL
from tests.support.servers import Database
from tests.support.spines import eventually

FIGURES = {"intake": INTAKE, "routing": ROUTING, "escalation": ESCALATION, "notifier": NOTIFIER}
OPEN = 100_000 if FULL else 10_000
KEY: totals.Key = ("amends_decisions_total", ("upheld", "1"))


def names(board: Board) -> set[str]:
    registry = CollectorRegistry()
    registry.register(board)
    return {
        line.split("{")[0].split(" ")[0] for line in generate_latest(registry).decode().splitlines() if line[0] != "#"
    }


async def test_one_replica_leads_and_another_follows_at_once_when_it_ends(
    database: Callable[..., Database],
) -> None:
    made = database()
    pools = [Pools(made.url("routing"), "routing", work_pool=2, api_pool=1) for _ in range(2)]
    first, second = (Collector(p, "routing", ROUTING) for p in pools)
    stop = asyncio.Event()
    control = LoopControl("routing", "collector", stop)
    running = asyncio.create_task(first.run(control))
    try:
        await eventually(lambda: _true("amends_decisions_total" in names(first.board)), what="the first reading")
        assert not await second.collect()
        assert names(second.board) == set()
        stop.set()
        control.wake.set()
        await running
        assert names(first.board) == {"amends_state_collected_timestamp_seconds", "amends_state_collect_seconds"}
        assert await second.collect()
        assert "amends_open" in names(second.board)
    finally:
        for p in pools:
            await p.close()


async def _true(value: bool) -> bool:
    return value


async def test_totals_of_transactions_that_commit_together_add_up(database: Callable[..., Database]) -> None:
    made = database()
    pools = Pools(made.url("routing"), "routing", work_pool=8, api_pool=1)

    async def count(n: int) -> None:
        for _ in range(20):
            try:
                async with pools.transaction() as tx:
                    await totals.add(tx, {KEY: 1.0, ("amends_closed_total", ("final",)): 2.0})
                    if n == 3:
                        raise LookupError
            except LookupError:
                continue

    try:
        await asyncio.gather(*(count(n) for n in range(8)))
        async with pools.transaction() as tx:
            assert await totals.read(tx) == {KEY: 140.0, ("amends_closed_total", ("final",)): 280.0}
            assert await totals.read(tx, "amends_closed_total") == {("amends_closed_total", ("final",)): 280.0}
    finally:
        await pools.close()


FILL = {
    "routing": (
        "INSERT INTO case_file (complaint_id, version, kind, state, reference, queue, tier, severity, rank, order_at, "
        "received_at, waiting_since, queued, busy, signature, wanted, unroutable, customer_name, phone_digits, "
        "order_ref, document, class, legal_hold) SELECT gen_random_uuid(), 1, 'complaint', "
        "(ARRAY['waiting', 'assigned', 'decided', 'waiting_customer'])[n % 4 + 1], 'AM-' || n, 'q', (ARRAY['top', "
        "'high', 'middle', 'low'])[n % 4 + 1], 'P3', 3, "
        "now(), now() - n * interval '10 s', now(), n % 4 = 0, n % 4 = 1, 's' || n % 40, '{}', false, 'x', '', '', "
        "'{}', 'complaint', false FROM generate_series(1, :n) n"
    ),
    "escalation": (
        "INSERT INTO clock (id, complaint_id, kind, tier, pack, state, live, due_at, document) "
        "SELECT gen_random_uuid(), gen_random_uuid(), (ARRAY['decision', 'first_response', 'next_update'])[n % 3 + 1], "
        "(ARRAY['top', 'high', 'middle', 'low'])[n % 4 + 1], 'house', 'running', true, now() + (n - 1000) * interval "
        "'7 s', '{}' FROM generate_series(1, 3 * :n) n"
    ),
    "notifier": (
        "INSERT INTO promise (id, complaint_id, letter_id, kind, state, what, due_at, made_at, class) SELECT "
        "gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'date', 'open', 'x', now(), now(), 'complaint' "
        "FROM generate_series(1, :n) n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("service", FILL)
async def test_a_reading_is_quick_whatever_is_open(
    service: str, database: Callable[..., Database], capsys: pytest.CaptureFixture[str]
) -> None:
    made = database()
    admin = Pools(made.admin_url, service, work_pool=1, api_pool=1)
    pools = Pools(made.url(service), service, work_pool=2, api_pool=1)
    collector = Collector(pools, service, FIGURES[service])
    try:
        async with admin.transaction() as tx:
            await tx.execute(text(f"SET LOCAL search_path TO {service}"))
            await tx.execute(text(FILL[service]), {"n": OPEN})
        async with admin.work.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"VACUUM ANALYZE {service}.{_table(service)}"))
        took: list[float] = []
        for _ in range(15):
            started = time.perf_counter()
            assert await collector.collect()
            took.append(time.perf_counter() - started)
        with capsys.disabled():
            print(f"\n{service}: {OPEN} open complaints read in {min(took) * 1000:.0f} ms at best")
        assert min(took) < 0.1
    finally:
        await admin.close()
        await pools.close()


def _table(service: str) -> Any:
    return {"routing": "case_file", "escalation": "clock", "notifier": "promise"}[service]
