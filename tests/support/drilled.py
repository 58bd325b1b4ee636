"""A house for drills: servers of its own that may be broken, and a Prometheus with the shortened rules."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import Kafka
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from tests.support import drills
from tests.support.customers import Customers
from tests.support.house import PACK
from tests.support.houses import built
from tests.support.mailserver import MailServer
from tests.support.scale import FULL
from tests.support.watched import watched

RESULTS = Path(__file__).parents[2] / "docs/results/alerts-tried.md"
HEAD = """\
# Alerts, each really caused

On {today} by `tests/integration/test_alerts_tried.py` (`make test-full`): four services, PostgreSQL, Kafka and a mail
server of their own, a real Prometheus with the deployed rules. `for`, windows and the longest allowed ages are
shortened (`tests/support/drills.py`), and fewer parked events stop a consumer; nothing else is. "Seen" is what a
command under "How to look" of the alert's page printed.

| alert | caused by | fired after | seen | mended by | over after |
|---|---|---|---|---|---|
"""
# Everything that this tier was promised is missed: an acknowledgement in time would halve the share.
STRICT = PACK.replace(
    "{clock: acknowledgement, limit: 1h}",
    "{clock: acknowledgement, limit: 1h, when: {tier: [low, top]}}\n"
    # And of these every Chinese complaint misses one of its two clocks, when nobody answers.
    "  - {clock: first_response, when: {tier: top, language: zh}, limit: 3s}",
)
PARKED = 4  # so many parked events stop a consumer


@asynccontextmanager
async def drilled(postgres: Postgres, template: str, server_folder: Path, keys: Any) -> AsyncIterator[drills.Drill]:
    """Where the drills happen; its table is kept when all of them succeeded in full."""
    folder = server_folder / "drills"
    folder.mkdir()
    ports = Ports(folder / "ports.json", None)
    broker, mail = Kafka(folder, ports, {}), MailServer(ports.get("smtp"))
    # Small batches, so that a service can be too slow for a few complaints a second.
    few = pytest.MonkeyPatch()
    few.setenv("AMENDS_POLL_RECORDS", "4")
    few.setenv("AMENDS_PARK_LIMIT", str(PARKED))
    broker.prepare()
    broker.launch()
    await mail.open()
    try:
        await asyncio.to_thread(broker.wait_ready)
        own = built("watched", postgres, template, broker, mail, server_folder, keys)
        async with own as house, watched(house, pack=STRICT, rules=drills.shortened()) as prometheus:
            await house.hire()
            made = drills.Drill(house, prometheus, Customers(house), mail, broker)
            yield made
            if FULL and len(made.rows) == len(drills.SHORTER):
                RESULTS.write_text(HEAD.format(today=date.today()) + "\n".join(sorted(made.rows)) + "\n")
    finally:
        few.undo()
        mail.shut()
        broker.child.stop()
