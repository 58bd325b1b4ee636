"""Fixtures for all tests: the real servers, started only when a test asks for one."""

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
