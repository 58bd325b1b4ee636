"""`amends channel` and `amends reconcile`."""

import asyncio
import json
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from shared.base.commands import Json, fail, with_database
from shared.base.config import KafkaAccess, load
from shared.base.db import Database
from shared.base.security import key_hash
from shared.events.envelope import TOPIC
from shared.spine import verify

from . import accounting
from .keys import SCOPES, new_key
from .store import keys as store
from .store import reconciliation

channel = typer.Typer(help="Keys of the channels that call REST.", no_args_is_help=True)
reconcile = typer.Typer(help="Account for everything that was seen.")

Name = Annotated[str, typer.Argument(help="The channel's name: letters, digits, dot, dash, underscore.")]


class TopicSettings(KafkaAccess):
    """For the topic."""

    kafka_bootstrap: str
    topic: str = TOPIC
    database_url: SecretStr | None = None  # with it, what was found is kept for the metrics


def _print_key(name: str, key: str, scopes: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"name": name, "key": key}))
    else:
        print(f"{name} ({', '.join(scopes)}): {key}\nIt is shown this once; only its hash is kept.")


@channel.command("add")
def channel_add(
    name: Name,
    scopes: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(SCOPES)}.")] = "complaints",
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests a minute; without it the house's limit.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key for a new channel."""
    wanted = tuple(dict.fromkeys(part.strip() for part in scopes.split(",") if part.strip()))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        fail(f"no scope {unknown[0]!r}; there are {', '.join(SCOPES)}", 2)
    if not wanted or not 1 <= len(name) <= 64 or not name.replace(".", "").replace("-", "").replace("_", "").isalnum():
        fail("a channel needs a name of 1 to 64 letters, digits, dots, dashes or underscores, and a scope", 2)
    key = new_key()

    async def add(database: Database) -> bool:
        async with database.transaction() as tx:
            if await store.newest(tx, name) is not None:
                return False
            await store.add(tx, key_hash(key), name, wanted, per_minute)
            return True

    if not with_database("intake", add):
        fail(f"the channel {name} has a key already; `amends channel rotate {name}` makes the next")
    _print_key(name, key, wanted, as_json=as_json)


@channel.command("rotate")
def channel_rotate(
    name: Name,
    overlap: Annotated[float, typer.Option(min=0, help="Hours in which the old key still works.")] = 24.0,
    as_json: Json = False,
) -> None:
    """Make the channel's next key; the present one ends after the overlap."""
    key = new_key()

    async def rotate(database: Database) -> tuple[str, ...] | None:
        async with database.transaction() as tx:
            before = await store.newest(tx, name)
            if before is None:
                return None
            await store.expire(tx, name, timedelta(hours=overlap))
            await store.add(tx, key_hash(key), name, before.scopes, before.per_minute)
            return before.scopes

    scopes = with_database("intake", rotate)
    if scopes is None:
        fail(f"there is no channel {name} with a valid key")
    _print_key(name, key, scopes, as_json=as_json)


@channel.command("revoke")
def channel_revoke(name: Name, as_json: Json = False) -> None:
    """End all keys of the channel at once."""

    async def revoke(database: Database) -> int:
        async with database.transaction() as tx:
            return await store.revoke(tx, name)

    ended = with_database("intake", revoke)
    if not ended:
        fail(f"there is no channel {name} with a valid key")
    print(json.dumps({"name": name, "revoked": ended}) if as_json else f"{name}: {ended} key(s) revoked")


@reconcile.callback(invoke_without_command=True)
def reconcile_(
    topic: Annotated[bool, typer.Option("--topic", help="Read the topic and count gaps of ce_sequence.")] = False,
    replay: Annotated[
        str, typer.Option("--replay", metavar="ID", help="Decide a quarantined or misjudged mail anew (its raw_id).")
    ] = "",
    as_json: Json = False,
) -> None:
    """Per source: seen = accepted + duplicate + not a complaint + quarantined + gap. Exit 1 for a gap."""
    if topic:
        _verify(as_json=as_json)
        return
    if replay:
        from . import cli_mail  # it uses this module

        cli_mail.replay(replay, as_json=as_json)
        return

    async def read(database: Database) -> list[reconciliation.Balance]:
        async with database.read() as tx:
            return await reconciliation.balances(tx)

    found = with_database("intake", read)
    together = reconciliation.total(found)
    if as_json:
        document = {"sources": [reconciliation.shown(b) for b in found], "total": reconciliation.shown(together)}
        print(json.dumps(document, default=str))
    else:
        width = max(16, *(len(balance.source) + 1 for balance in found)) if found else 16
        print(f"{'source':>{width}}" + "".join(f"{title:>16}" for title in reconciliation.NUMBERS))
        for balance in [*found, together]:
            numbers = "".join(f"{getattr(balance, name):>16}" for name in reconciliation.NUMBERS)
            print(f"{balance.source:>{width}}{numbers}")
    raise SystemExit(1 if together.gap else 0)


def _verify(*, as_json: bool) -> None:
    settings = load(TopicSettings)
    try:
        verdict = asyncio.run(verify.verify(settings.brokers, settings.topic))
    except (KafkaError, OSError, LookupError) as error:
        fail(f"the topic cannot be read: {error}")
    if settings.database_url:
        with_database("intake", lambda database: accounting.keep_verdict(database, verdict))
    answer = {
        "records": verdict.records,
        "repeated": verdict.repeated,
        "undecodable": verdict.undecodable,
        "gaps": dict(verdict.gaps),
        "out_of_order": dict(verdict.out_of_order),
    }
    if as_json:
        print(json.dumps(answer))
    else:
        for name, value in answer.items():
            print(f"{name:>14}  {value or 0}")
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    raise SystemExit(1 if verdict.gaps or verdict.out_of_order else 0)
