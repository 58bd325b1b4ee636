"""One house for all cases: starting it costs most of a case's time."""

import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.mail.catcher import Catcher
from deploy.local.postgres import Postgres
from tests.support.customers import Customers
from tests.support.house import House
from tests.support.servers import Database
from tests.support.spines import topic_of_its_own


@pytest.fixture
async def chaos(customers: Customers) -> AsyncIterator[Customers]:
    """The house in order before and after each case."""
    yield customers
    await customers.house.mend()


@pytest.fixture(scope="session")
async def customers(
    postgres: Postgres, migrated_template: str, kafka: Kafka, running_catcher: Catcher, server_folder: Path,
    server_keys: object,
) -> AsyncIterator[Customers]:  # fmt: skip
    """Running services and their customers; what the customers did in earlier cases stays theirs."""
    name = f"chaos_{secrets.token_hex(4)}"
    database = Database(name, postgres.create_database(name, migrated_template), server_keys)  # type: ignore[arg-type]
    folder = server_folder / name
    folder.mkdir()
    running_catcher.clear()
    house = House(database, kafka.bootstrap, await topic_of_its_own(kafka.bootstrap), running_catcher, folder)
    try:
        house.start()
        await house.hire()
        yield Customers(house)
    finally:
        house.stop()
        postgres.drop_database(name)
        shutil.rmtree(folder, ignore_errors=True)
