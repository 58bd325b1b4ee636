"""Fixtures for all tests: the real servers, started only when a test asks for one."""

import pytest
from hypothesis import settings

from tests.support.houses import houses  # noqa: F401
from tests.support.notifier import notifier_servers  # noqa: F401
from tests.support.scale import examples
from tests.support.servers import (  # noqa: F401
    database,
    kafka,
    migrated_template,
    postgres,
    running_catcher,
    server_folder,
    server_keys,
    server_ports,
    smtp_catcher,
    topic,
)
from tests.support.spines import world  # noqa: F401

settings.register_profile("scaled", examples(100))
settings.load_profile("scaled")

SERVERS = {"postgres", "database", "kafka", "smtp_catcher", "running_catcher"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who asks for a real server is marked so: `make test-fast` leaves these out."""
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")
