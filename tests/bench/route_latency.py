"""From the answer to the customer to the offer's commit, through intake, Kafka and routing as they are run."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx

from deploy.local.stack import Stack
from tests.bench import servers
from tests.bench.timers import quantile

RATE, SECONDS = 50, 20


async def latency(out: Path, policy: Path, staff: Sequence[str]) -> str:
    """How long it takes from the answer to the customer to the offer's commit, `staff` are statements."""
    extra = {"routing": {"AMENDS_ROUTING_POLICY": str(policy)}}
    with servers.stack({"intake": 1, "routing": 1}, extra_env=extra) as stack:
        await servers.execute(stack, *staff)
        async with httpx.AsyncClient(base_url=stack.urls["routing"], timeout=20) as client:
            (await client.get("/readyz")).raise_for_status()
        seen: dict[str, float] = {}
        watching = asyncio.create_task(_watch(stack, seen))
        for seconds in (5, SECONDS):  # the first ones warm everything up
            load = {
                "host": "127.0.0.1", "port": urlsplit(stack.urls["intake"]).port, "token": stack.tokens["web"]["token"],
                "run": f"route-{seconds}", "seconds": seconds, "rate": RATE, "out": str(out), "pids": {},
            }  # fmt: skip
            await servers.worker("load", load)
        accepted = servers.read_json(out)
        end = time.monotonic() + 60
        while not all(reference in seen for reference, _, _ in accepted):
            if time.monotonic() > end:
                raise TimeoutError("complaints without an offer")
            await asyncio.sleep(0.1)
        watching.cancel()
    late = sorted(seen[reference] - answered for reference, _, answered in accepted)
    return (
        f"accepted to offered, {RATE}/s for {SECONDS} s, free handlers: p50 {1000 * quantile(late, 0.5):.0f} ms, "
        f"p99 {1000 * quantile(late, 0.99):.0f} ms, last {1000 * late[-1]:.0f} ms (wanted p99 300 ms)"
    )


async def _watch(stack: Stack, seen: dict[str, float]) -> None:
    """When each offer was first there for somebody else: looked at every 10 ms."""
    connection = await asyncpg.connect(stack.admin_url)
    try:
        while True:
            rows = await connection.fetch(
                "SELECT c.reference FROM routing.offer o JOIN routing.case_file c USING (complaint_id) "
                "WHERE o.made_at > now() - interval '5 seconds'"
            )
            now = time.time()
            for (reference,) in rows:
                seen.setdefault(reference, now)
            await asyncio.sleep(0.01)
    finally:
        await connection.close()
