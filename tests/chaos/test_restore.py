"""The runbook "backup and restore" carried out: the disk is lost while customers complain, and nothing accepted is."""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import Kafka
from deploy.local.keys import SERVICES, Keys
from deploy.local.mail.catcher import Catcher
from deploy.local.processes import run
from deploy.local.services import AMENDS, Surroundings, amends
from tests.support.customers import Customers
from tests.support.house import House
from tests.support.recovery import Backed
from tests.support.servers import Database
from tests.support.spines import topic_of_its_own

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture
def backed(server_folder: Path, server_keys: Keys) -> Iterator[Backed]:
    folder = server_folder / f"backed-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o755)
    made = Backed(folder, server_keys)
    made.start()
    yield made
    if made.receiver:
        made.receiver.kill()
    made.server.child.kill()


@pytest.fixture
async def customers(
    backed: Backed, kafka: Kafka, running_catcher: Catcher, server_keys: Keys
) -> AsyncIterator[Customers]:
    url = await asyncio.to_thread(backed.server.create_database, "amends")
    around = Surroundings(
        os.environ | {"AMENDS_DEPLOYMENT_ID": "test-deployment"}, server_keys, backed.server._ports, url, "", ""
    )
    await asyncio.to_thread(amends, ["migrate"], around.for_migrate())
    running_catcher.clear()
    folder = backed.folder / "house"
    folder.mkdir()
    topic = await topic_of_its_own(kafka.bootstrap)
    house = House(Database("amends", url, server_keys), kafka.bootstrap, topic, running_catcher, folder)
    try:
        await asyncio.to_thread(house.start)
        await house.hire()
        yield Customers(house)
    finally:
        await asyncio.to_thread(house.stop)


async def test_recovery_to_the_last_commit_loses_nothing(backed: Backed, customers: Customers) -> None:
    log = backed.folder / "wal-1"
    async with customers.flowing(pause=0.1):
        await asyncio.sleep(1)
        backup = await asyncio.to_thread(backed.base_backup, "base")
        before = len(customers.accepted)
        await asyncio.sleep(2)
        await asyncio.to_thread(backed.lose_everything)
        at_the_end = len(customers.accepted)
        assert at_the_end > before, "something was accepted after the backup"
        await asyncio.sleep(0.5)
        await asyncio.to_thread(backed.restore, backup, log)
        await asyncio.sleep(1)
    assert customers.outages, "the customers noticed"
    await customers.at_rest()


async def test_an_older_backup_is_refused_until_told_and_what_is_lost_is_listed(
    backed: Backed, customers: Customers
) -> None:
    house, log = customers.house, backed.folder / "wal-1"
    await customers.complain()
    await customers.at_rest()
    backup = await asyncio.to_thread(backed.base_backup, "base")
    known = set(customers.accepted)
    later = {await customers.complain() for _ in range(3)}
    await house.quiet()
    await asyncio.to_thread(house.stop)
    await asyncio.to_thread(backed.lose_everything)
    await asyncio.to_thread(
        backed.restore, backup, log, until="recovery_target = 'immediate'\nrecovery_target_action = 'promote'"
    )

    for service in SERVICES:
        env = house.around.for_process(service, service)
        code, said = await asyncio.to_thread(refused, service, env)
        assert code == 78, said
        assert f"amends lost --service {service}" in said
    listed = await asyncio.to_thread(lost, house, "intake")
    assert {str(i) for i in later} == set(re.findall(r"Z  ([0-9a-f-]{36})", listed))
    assert not [i for i in known if str(i) in listed]
    assert "complaint.received.v1" in listed
    assert re.search(r"letter.sent.v1", await asyncio.to_thread(lost, house, "notifier")), (
        "letters that are out already"
    )

    told: Any = {**house.around.environ, "AMENDS_ACCEPT_OLDER_DATABASE": "true"}
    object.__setattr__(house.around, "environ", told)
    house.processes.clear()
    await asyncio.to_thread(house.start)
    await customers.complain()


def refused(service: str, env: dict[str, str]) -> tuple[int, str]:
    done = run([sys.executable, "-m", f"services.{service}"], env=env, timeout=60)
    return done.returncode, done.stdout


def lost(house: House, service: str) -> str:
    done = run([str(AMENDS), "lost", "--service", service], env=house.around.for_command(service), timeout=60)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout
