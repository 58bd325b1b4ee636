"""Real servers for tests, from the same modules that `make run` uses: PostgreSQL, Apache Kafka, a mail catcher.

Each starts when the first test asks for it and lives until the end of the run.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local import keys
from deploy.local.kafka import Kafka
from deploy.local.mail.catcher import Catcher
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from deploy.local.services import Surroundings, amends, database_url
from shared.base.kafka import create_topics
from shared.events.envelope import parked_topic

DEPLOYMENT = "test-deployment"
TEMPLATE = "migrated"


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    name: str
    admin_url: str
    keys: keys.Keys

    def url(self, service: str) -> str:
        """The address for a service's own role."""
        return database_url(self.admin_url, service, self.keys)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where the servers' data live; other accounts can reach it, because root runs PostgreSQL as one of them."""
    folder = Path(tempfile.mkdtemp(prefix="amends-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server_ports(server_folder: Path) -> Ports:
    """Free ports for the servers."""
    return Ports(server_folder / "ports.json", None)


@pytest.fixture(scope="session")
def server_keys(server_folder: Path) -> keys.Keys:
    """The passwords of the database's roles, and the key of bearer tokens."""
    return keys.keep(server_folder, {"AMENDS_DEPLOYMENT_ID": DEPLOYMENT})


@pytest.fixture(scope="session")
def postgres(server_folder: Path, server_ports: Ports, server_keys: keys.Keys) -> Iterator[Postgres]:
    """A PostgreSQL server without fsync: safe against killed processes, which is what tests kill."""
    server = Postgres(server_folder, server_ports, server_keys.postgres_admin, durable=False, environ=os.environ)
    server.prepare()
    try:
        server.launch()
        server.wait_ready()
        yield server
    finally:
        server.child.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres, server_ports: Ports, server_keys: keys.Keys) -> str:
    """The database that `amends migrate` made; tests get copies of it."""
    url = postgres.create_database(TEMPLATE)
    amends(["migrate"], Surroundings(os.environ, server_keys, server_ports, url, "", "").for_migrate())
    return TEMPLATE


@pytest.fixture
def database(
    postgres: Postgres, server_keys: keys.Keys, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Database]]:
    """Makes databases for one test: `database()` has all schemas and roles, `database(migrated=False)` nothing."""
    made = []

    def make(*, migrated: bool = True) -> Database:
        name = f"t_{secrets.token_hex(6)}"
        template = request.getfixturevalue("migrated_template") if migrated else "template1"
        url = postgres.create_database(name, template)
        made.append(name)
        return Database(name, url, server_keys)

    yield make
    for name in made:
        postgres.drop_database(name)


@pytest.fixture(scope="session")
def kafka(server_folder: Path, server_ports: Ports) -> Iterator[Kafka]:
    """An Apache Kafka broker without topics: `bootstrap` is its address."""
    broker = Kafka(server_folder, server_ports, os.environ)
    broker.prepare()
    try:
        broker.launch()
        broker.wait_ready()
        yield broker
    finally:
        broker.child.stop()


@pytest.fixture
async def topic(kafka: Kafka) -> AsyncIterator[str]:
    """The name of one test's own topic of twelve partitions; its dead-letter topic is there too."""
    name = f"test.{secrets.token_hex(6)}"
    await create_topics(kafka.bootstrap, name, partitions=12, replication=1)
    yield name
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name, parked_topic(name)])
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def running_catcher(server_folder: Path, server_ports: Ports) -> Iterator[Catcher]:
    """The process behind `smtp_catcher`."""
    catcher = Catcher(server_folder, server_ports)
    try:
        catcher.launch()
        catcher.wait_ready()
        yield catcher
    finally:
        catcher.child.stop()


@pytest.fixture
def smtp_catcher(running_catcher: Catcher) -> Catcher:
    """A mail catcher that holds no mail yet: `smtp_port`, `messages()`."""
    running_catcher.clear()
    return running_catcher
