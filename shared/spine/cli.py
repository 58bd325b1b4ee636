"""Subcommands of `amends` that belong to no single service."""

import asyncio
import json
from dataclasses import asdict
from importlib import import_module
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from pydantic import Field, SecretStr
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared.base import kafka, security
from shared.base.commands import Json, fail, with_database
from shared.base.config import KafkaAccess, Settings, load
from shared.base.db import Database
from shared.base.errors import Refused
from shared.events.catalog import SERVICES
from shared.events.envelope import TOPIC
from shared.migrations import run as migrations

from . import parking, restored
from . import tables as t

migrate = typer.Typer(help="Bring every schema to the newest revision.")
topics = typer.Typer(help="Create the Kafka topics where they are missing.")
token = typer.Typer(help="Bearer tokens for people and services.", no_args_is_help=True)
parked = typer.Typer(help="Events that could not be handled.", no_args_is_help=True)
lost = typer.Typer(help="After a restore: what the topic holds and a service's database has forgotten.")
services = typer.Typer(help="What each service consumes, decides and emits.")


class AdminSettings(Settings):
    """For migrations: a database user that may create schemas and roles."""

    database_url: SecretStr
    deployment_id: str
    role_passwords: dict[str, str] = Field({}, description='JSON: {"intake": "…", …}')


class KafkaSettings(KafkaAccess):
    """For the topics."""

    topic: str = TOPIC
    topic_partitions: int = 12
    topic_replication: int = 1


class TokenSettings(Settings):
    """For tokens."""

    token_key: SecretStr


class RestoredSettings(KafkaSettings):
    """For comparing the topic with one service's schema."""

    deployment_id: str


@migrate.command()
def migrate_command(service: Annotated[list[str] | None, typer.Option(help="Only this service.")] = None) -> None:
    """Create schemas and roles, run the migrations, stamp the deployment."""
    settings = load(AdminSettings)
    chosen = tuple(service or SERVICES)
    if unknown := set(chosen) - set(SERVICES):
        fail(f"no service {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}", 2)
    try:
        done = migrations.run(
            settings.database_url.get_secret_value(),
            chosen,
            deployment=settings.deployment_id,
            passwords=settings.role_passwords,
        )
    except (SQLAlchemyError, OSError, migrations.OtherDeployment) as error:
        fail(str(error).splitlines()[0])
    print("\n".join(done))


@topics.command()
def topics_command() -> None:
    """Create complaints.v1 and its dead-letter topic; refuse another partition count."""
    settings = load(KafkaSettings)
    try:
        done = asyncio.run(
            kafka.create_topics(
                settings.brokers,
                settings.topic,
                partitions=settings.topic_partitions,
                replication=settings.topic_replication,
            )
        )
    except (KafkaError, OSError, kafka.WrongTopic, Refused) as error:
        fail(str(error) or type(error).__name__)
    print("\n".join(done))


@token.command("issue")
def issue(
    name: Annotated[str, typer.Option(help="Who it is: the handler's id for handlers.")],
    role: Annotated[str, typer.Option(help=f"One of {', '.join(security.ROLES)}.")],
    days: Annotated[float, typer.Option(help="How long it is valid.")] = 365,
) -> None:
    """Print a signed bearer token."""
    if role not in security.ROLES:
        fail(f"no role {role!r}; there are {', '.join(security.ROLES)}", 2)
    print(security.issue(load(TokenSettings).token_key.get_secret_value(), name=name, role=role, days=days))


@token.callback()
def _token() -> None:
    """Bearer tokens for people and services."""


ServiceOption = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}.")]


def _run(service: str, work: Any) -> Any:
    if service not in SERVICES:
        fail(f"no service {service!r}; there are {', '.join(SERVICES)}", 2)

    async def within(db: Database) -> Any:
        async with db.transaction() as tx:
            return await work(tx)

    return with_database(service, within)


@parked.command("list")
def list_parked(
    service: ServiceOption,
    everything: Annotated[bool, typer.Option("--all", help="Also what was handled or discarded.")] = False,
    as_json: Json = False,
) -> None:
    """Events that wait for a decision, and what waits behind them."""

    async def read(tx: Any) -> list[dict[str, Any]]:
        query = select(t.parked).order_by(t.parked.c.id)
        if not everything:
            query = query.where(t.parked.c.state.in_(("parked", "queued", "retry", "discard")))
        return parking.listing((await tx.execute(query)).mappings())

    rows = _run(service, read)
    if as_json:
        print(json.dumps(rows, default=str, indent=2))
        return
    for row in rows:
        print(
            f"{row['id']:>6}  {row['state']:<9} {row['type'] or '?':<32} {row['complaint_id'] or '-'}  {row['reason']}"
        )
    print(f"{len(rows)} in {service}")


@parked.command("show")
def show_parked(row_id: int, service: ServiceOption) -> None:
    """One parked record with headers and body, as JSON. The body may hold personal data."""

    async def read(tx: Any) -> Any:
        return (await tx.execute(select(t.parked).where(t.parked.c.id == row_id))).mappings().one_or_none()

    row = _run(service, read)
    if row is None:
        fail(f"nothing parked under {row_id} in {service}")
    shown = {k: v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else v for k, v in row.items()}
    print(json.dumps(shown, default=str, indent=2, ensure_ascii=False))


@parked.command("release")
def release_parked(
    row_id: int,
    service: ServiceOption,
    by: Annotated[str, typer.Option(help="Who decides.")],
    retry: Annotated[bool, typer.Option("--retry", help="Handle it again.")] = False,
    discard: Annotated[str | None, typer.Option("--discard", help="Drop it, with the reason.")] = None,
) -> None:
    """Retry a parked event or discard it with a reason; what waits behind it follows in order."""
    if retry == (discard is not None):
        fail("give either --retry or --discard REASON", 2)

    async def write(tx: Any) -> bool:
        return await parking.release(tx, row_id, retry=retry, by=by, reason=discard or "")

    if not _run(service, write):
        fail(f"nothing parked under {row_id} in {service}")
    print(f"{row_id}: {'retry' if retry else 'discard'} asked; the service carries it out within seconds")


@lost.command()
def lost_command(service: ServiceOption, as_json: Json = False) -> None:
    """List the service's own events that its database does not know. Exit 1 when there are any."""
    settings = load(RestoredSettings)

    async def compare(tx: Any) -> list[restored.Lost]:
        return await restored.lost(
            tx, settings.brokers, settings.topic, deployment=settings.deployment_id, service=service
        )

    try:
        found = _run(service, compare)
    except (KafkaError, LookupError, Refused) as error:
        fail(str(error) or type(error).__name__)
    if as_json:
        print(json.dumps([asdict(one) for one in found], default=str, indent=2))
    else:
        for one in found:
            print(f"{one.time}  {one.complaint_id}  {one.sequence:>5}  {one.type}")
        print(f"{service}: {len(found)} events about {len({one.complaint_id for one in found})} complaints lost")
    raise SystemExit(bool(found))


@services.command()
def services_command() -> None:
    """The four cards."""
    for name in SERVICES:
        print(f"{name}\n  " + (import_module(f"services.{name}").__doc__ or "").strip().replace("\n", "\n  ") + "\n")
