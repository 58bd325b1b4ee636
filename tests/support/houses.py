"""Houses for tests: each has a database, a topic and a folder of its own, and leaves nothing behind."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from deploy.local.mail.catcher import Catcher
from deploy.local.postgres import Postgres
from tests.support.house import House
from tests.support.servers import Database
from tests.support.spines import topic_of_its_own

Houses = Callable[[str], AbstractAsyncContextManager[House]]


@asynccontextmanager
async def built(
    word: str, postgres: Postgres, template: str, broker: Kafka, mail: Any, server_folder: Path, keys: Keys
) -> AsyncIterator[House]:
    """A house over these servers, of which nothing runs yet; what was started is stopped at the end. `mail` is where
    letters go: a Catcher or a MailServer."""
    name = f"{word}_{secrets.token_hex(4)}"
    database = Database(name, postgres.create_database(name, template), keys)
    folder = server_folder / name
    folder.mkdir()
    house = House(database, broker.bootstrap, await topic_of_its_own(broker.bootstrap), mail, folder)
    try:
        yield house
    finally:
        await asyncio.to_thread(house.stop)
        postgres.drop_database(name)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def houses(
    postgres: Postgres, migrated_template: str, kafka: Kafka, running_catcher: Catcher, server_folder: Path,
    server_keys: Keys,
) -> Houses:  # fmt: skip
    """`async with houses("name") as house`: over the servers that all tests share."""
    return lambda word: built(word, postgres, migrated_template, kafka, running_catcher, server_folder, server_keys)
