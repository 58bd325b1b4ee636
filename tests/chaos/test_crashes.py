"""Services die at every boundary while complaints flow, and everything accepted is done exactly once."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.customers import Customers

pytestmark = pytest.mark.servers
ONCE = {
    "intake": ("coalescer/before-commit@3", "coalescer/after-commit@3", "command/before-commit", "command/after-commit"),
    "routing": ("consumer/effects", "consumer/position", "consumer/before-commit", "consumer/after-commit"),
    "escalation": (
        "timers/before-commit", "timers/after-commit",
        "relay/before-produce", "relay/after-produce", "relay/delete", "relay/after-commit",
    ),
    "notifier": (
        "sender/before-commit", "sender/after-commit", "sender/before-data", "sender/after-data",
        "settler/before-commit", "settler/after-commit",
    ),
}  # fmt: skip


async def live_through(chaos: Customers, deaths: Mapping[str, tuple[str, ...]], *, seconds: float = 60) -> None:
    """Customers keep coming until a process has died at each boundary."""
    for service, boundaries in deaths.items():
        chaos.house.crash_at(service, *boundaries)
    end = asyncio.get_running_loop().time() + seconds
    async with chaos.flowing():
        while left := chaos.house.undied(deaths):
            assert asyncio.get_running_loop().time() < end, f"nobody died at {left}"
            await asyncio.sleep(0.2)
    for service in deaths:
        chaos.house.patch(service)


async def at_rest(chaos: Customers) -> None:
    """Nothing is on its way any more, and the checker has nothing to say."""
    await chaos.house.quiet()
    findings = await chaos.house.findings(chaos.accepted)
    assert not findings, "\n".join(findings)


async def test_each_boundary_of_each_kind_of_loop(chaos: Customers) -> None:
    await live_through(chaos, ONCE)
    await at_rest(chaos)
