"""Schemas, roles and migrations: the spine's tables and a service's own, each with its own version table."""

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.base.db import dialect_url

ROOT = Path(__file__).parents[2]
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('amends.migrate', 0))"


def _scripts(room: str) -> ScriptDirectory:
    folder = ROOT / ("shared" if room == "spine" else f"services/{room}") / "migrations"
    return ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])


@lru_cache
def heads(service: str) -> dict[str, str]:
    """The newest revision of each of a service's two rooms: the spine's tables and its own."""
    return {room: _scripts(room).get_current_head() or "" for room in ("spine", service)}


@lru_cache
def known(room: str) -> frozenset[str]:
    """Every revision of a room that this version has heard of. Another one is a later version's, which only added."""
    return frozenset(script.revision for script in _scripts(room).walk_revisions())


def _upgrade(connection: Connection, room: str) -> None:
    scripts = _scripts(room)

    def missing(found: tuple[str, ...], _: object) -> list[Any]:
        return scripts._upgrade_revs("head", found) if set(found) <= known(room) else []  # type: ignore[arg-type]

    steps = EnvironmentContext(Config(), scripts, fn=missing)
    with steps:
        steps.configure(connection=connection, version_table=f"alembic_version_{room}", transactional_ddl=True)
        steps.run_migrations()


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _literal(value: str) -> str:
    if "\x00" in value or "\\" in value:
        raise ValueError("a password may not hold backslashes or NUL")
    return "'" + value.replace("'", "''") + "'"


class OtherDeployment(Exception):
    """The schema was made for another deployment."""


async def migrate(admin_url: str, service: str, *, deployment: str, password: str | None) -> str:
    """Bring one service's schema to the newest revision, in one transaction, and give its role access to it alone.

    Without a password the role is expected to exist (managed elsewhere). Raises OtherDeployment.
    """
    role, schema = f"amends_{service}", service
    engine = create_async_engine(dialect_url(admin_url))
    try:
        async with engine.begin() as tx:
            await tx.execute(text(LOCK))
            database = (await tx.execute(text("SELECT current_database()"))).scalar_one()
            await tx.execute(text(f"REVOKE ALL ON DATABASE {_quoted(database)} FROM PUBLIC"))
            await tx.execute(text("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
            if password is not None:
                found = await tx.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role})
                verb = "ALTER" if found.scalar_one_or_none() else "CREATE"
                await tx.execute(text(f"{verb} ROLE {role} LOGIN PASSWORD {_literal(password)}".replace(":", "\\:")))
            await tx.execute(text(f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {role}"))
            await tx.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
            await tx.execute(text(f"SET LOCAL search_path TO {schema}"))
            for room in heads(service):
                await tx.run_sync(_upgrade, room)
            await tx.execute(
                text("INSERT INTO deployment (id) SELECT :id WHERE NOT EXISTS (SELECT FROM deployment)"),
                {"id": deployment},
            )
            stamped = (await tx.execute(text("SELECT id FROM deployment"))).scalar_one()
            if stamped != deployment:
                raise OtherDeployment(f"schema {schema} belongs to deployment {stamped!r}, not to {deployment!r}")
            await tx.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
            await tx.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"))
            await tx.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"))
    finally:
        await engine.dispose()
    return f"{service}: " + ", ".join(f"{room} {head}" for room, head in heads(service).items())


async def migrate_all(
    admin_url: str, services: tuple[str, ...], *, deployment: str, passwords: dict[str, str]
) -> list[str]:
    """Migrate several services, one after the other: what one cannot do is not left half done in it."""
    return [await migrate(admin_url, name, deployment=deployment, password=passwords.get(name)) for name in services]


def run(admin_url: str, services: tuple[str, ...], *, deployment: str, passwords: dict[str, str]) -> list[str]:
    """The same, from a command line."""
    return asyncio.run(migrate_all(admin_url, services, deployment=deployment, passwords=passwords))
