"""The four services over a day with a known outcome, watched by a real Prometheus from the beginning."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.local.keys import SERVICES
from tests.support.customers import Customers
from tests.support.day import play
from tests.support.house import PACK, House
from tests.support.prometheus import Prometheus, scraping
from tests.support.spines import eventually

_FIRST_RESPONSE = r"\{clock: first_response, when: \{tier: middle\}[^\n]*"
LADDER = "{clock: first_response, when: {tier: middle}, limit: 6s, ladder: [{at: 100%, action: notify, to: lead}]}"


@asynccontextmanager
async def watched(house: House, *, pack: str = PACK, rules: str = "") -> AsyncIterator[Prometheus]:
    """Start the services of a house, and a Prometheus that watches them: once it has read every service."""
    (house.folder / "pack.yaml").write_text(re.sub(_FIRST_RESPONSE, LADDER, pack))
    targets = {service: f"127.0.0.1:{house.ports.get(service)}" for service in SERVICES}
    async with scraping(targets, house.folder, house.ports.get("prometheus"), rules) as prometheus:
        house.start()
        await eventually(
            lambda: prometheus.scraped("count(count_over_time(amends_state_collected_timestamp_seconds[1m]) > 2) == 4"),
            what="three readings of every service, so that there are rates",
        )
        yield prometheus


async def play_day(house: House, prometheus: Prometheus) -> None:
    """Play the day, and wait until Prometheus has seen how it ended."""
    await play(house, Customers(house))
    await house.quiet()
    await collected(house, prometheus)


async def collected(house: House, prometheus: Prometheus) -> None:
    """Every leader has read what is true now, and Prometheus has seen it."""
    ((now,),) = await house.query("SELECT extract(epoch FROM now())::float8")
    seen = f"count(max by (service) (amends_state_collected_timestamp_seconds) > {now + 0.5}) == 4"
    await eventually(lambda: prometheus.scraped(seen), seconds=60, what="a reading after the day")
