"""Services die at every boundary while complaints flow, and everything accepted is done exactly once."""

import asyncio
import os
import random
import signal
from collections.abc import Mapping

import pytest

from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from tests.support.customers import Customers

pytestmark = pytest.mark.servers
ONCE = {
    "intake": (
        "coalescer/before-commit@3", "coalescer/after-commit@3", "command/before-commit", "command/after-commit",
    ),
    "routing": ("consumer/effects", "consumer/position", "consumer/before-commit", "consumer/after-commit"),
    "escalation": (
        "timers/before-commit", "timers/after-commit",
        "relay/before-produce", "relay/after-produce", "relay/delete",
    ),
    # A letter is claimed by the consumer's transaction; the sender's own claims are those of a backlog.
    "notifier": (
        "consumer/before-commit", "consumer/after-commit", "sender/before-data", "sender/after-data",
        "settler/before-commit", "settler/after-commit",
    ),
}  # fmt: skip
SPINE = (
    "consumer/effects", "consumer/position", "consumer/before-commit", "consumer/after-commit",
    "relay/before-produce", "relay/after-produce", "relay/delete",
)  # fmt: skip
EVERY = {
    "intake": (*ONCE["intake"], *SPINE),
    "routing": ("rounds/before-commit", "rounds/after-commit", *SPINE),
    "escalation": ("timers/before-commit", "timers/after-commit", *SPINE),
    "notifier": (
        "sender/before-data",
        "sender/after-data",
        "settler/before-commit",
        "settler/after-commit",
        "sender/before-commit",
        "sender/after-commit",
        *SPINE,
    ),
}


async def live_through(chaos: Customers, deaths: Mapping[str, tuple[str, ...]], *, seconds: float = 200) -> None:
    """Customers keep coming until a process has died at each boundary."""
    for service, boundaries in deaths.items():
        await chaos.house.crash_at(service, *boundaries)
    end = asyncio.get_running_loop().time() + seconds
    async with chaos.flowing():
        while left := chaos.house.undied(deaths):
            assert asyncio.get_running_loop().time() < end, f"nobody died at {left}"
            await asyncio.sleep(0.2)


@pytest.mark.timeout(400)
async def test_each_boundary_of_each_kind_of_loop(chaos: Customers) -> None:
    await live_through(chaos, ONCE)
    await chaos.at_rest()


async def test_two_replicas_share_the_work_and_what_a_dead_one_leaves(chaos: Customers) -> None:
    await asyncio.to_thread(chaos.house.start, "routing-2")
    await live_through(
        chaos, {"routing": ("consumer/before-commit@3", "relay/after-produce@3", "rounds/before-commit@2")}
    )
    await chaos.at_rest()


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_every_service_with_two_replicas_at_every_boundary(chaos: Customers) -> None:
    second = [f"{service}-2" for service in EVERY]
    await asyncio.to_thread(chaos.house.start, *second)
    await live_through(chaos, EVERY, seconds=300)
    await chaos.at_rest()


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
async def test_lives_that_end_at_random_moments(chaos: Customers, seed: int) -> None:
    chance = random.Random(seed)
    async with chaos.flowing():
        for _ in range(40):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            chaos.house.strike(chance.choice(list(chaos.house.processes)))
    await chaos.at_rest()


@pytest.mark.full
@pytest.mark.timeout(300)
async def test_the_broker_is_killed_again_and_again(chaos: Customers, kafka: Kafka) -> None:
    async with chaos.flowing():
        for _ in range(3):
            await asyncio.sleep(2)
            await asyncio.to_thread(kafka.child.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(relaunch, kafka)
    await chaos.at_rest()


@pytest.mark.full
@pytest.mark.timeout(300)
async def test_the_database_is_stopped_at_once_again_and_again(chaos: Customers, postgres: Postgres) -> None:
    async with chaos.flowing():
        for _ in range(3):
            await asyncio.sleep(3)
            os.kill(postgres.child.pid or 0, signal.SIGQUIT)
            await asyncio.to_thread(postgres.child.stop)
            await asyncio.to_thread(relaunch, postgres)
    await chaos.at_rest()


def relaunch(server: Kafka | Postgres) -> None:
    server.launch()
    server.wait_ready()
