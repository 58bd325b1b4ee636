"""`amends channel hook|deliveries|resend`: telling channels how their complaints go on."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import Field, SecretStr

from shared.base.commands import Json, fail, with_database
from shared.base.config import Settings, load
from shared.base.db import Database
from shared.deliver import signing, webhooks
from shared.deliver.http import Forbidden, checked_url

from .cli import Name, channel
from .statuses import purpose
from .store import hooks
from .store import keys as store


class KeySettings(Settings):
    """The installation's key, from which the channels' secrets are derived."""

    token_key: SecretStr = Field(min_length=32)


@channel.command("hook")
def channel_hook(
    name: Name,
    url: Annotated[str, typer.Option(help="https address that takes posts; http inside AMENDS_WEBHOOK_NETWORKS.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Tell the channel no more.")] = False,
    as_json: Json = False,
) -> None:
    """Tell a channel how its complaints go on. Each call makes a new secret."""
    if bool(url) == remove:
        fail("give --url or --remove", 2)
    if remove:
        _remove(name)
        return
    try:
        checked_url(url, plain=True)
    except Forbidden as error:
        fail(f"--url: {error}", 2)
    key = load(KeySettings).token_key.get_secret_value()

    async def put(database: Database) -> int | None:
        async with database.transaction() as tx:
            return await hooks.put(tx, name, url) if await store.newest(tx, name) else None

    version = with_database("intake", put)
    if version is None:
        fail(f"there is no channel {name} with a valid key")
    secret = signing.derived(key, purpose(name, version))
    if as_json:
        print(json.dumps({"name": name, "url": url, "secret": secret}))
    else:
        print(f"{name} is told at {url}\nsecret: {secret}\nIt signs the header {signing.HEADER}.")


def _remove(name: str) -> None:
    async def gone(database: Database) -> bool:
        async with database.transaction() as tx:
            return await hooks.remove(tx, name)

    if not with_database("intake", gone):
        fail(f"the channel {name} is told nothing")
    print(f"{name} is told no more")


@channel.command("deliveries")
def channel_deliveries(
    state: Annotated[str, typer.Option(help="dead, ready, retry, sending, sent, or all.")] = "dead",
    name: Annotated[str | None, typer.Option("--channel", help="Of this channel only.")] = None,
    as_json: Json = False,
) -> None:
    """List what channels were to be told; without options what could not be delivered in 24 hours."""
    if state not in ("dead", "ready", "retry", "sending", "sent", "all"):
        fail(f"no state {state!r}", 2)

    async def read(database: Database) -> list[dict[str, Any]]:
        async with database.read() as tx:
            return await webhooks.listed(tx, state=None if state == "all" else state, target=name)

    rows = with_database("intake", read)
    if as_json:
        print(json.dumps(rows, default=str))
        return
    for row in rows:
        tried = f"{row['attempts']} tries, {row['reason'] or 'waiting'}"
        print(f"{row['id']}  {row['target']:<16} {row['state']:<8} {row['created_at']:%Y-%m-%d %H:%M}  {tried}")
    if not rows:
        print("nothing" if state != "dead" else "nothing is dead")


@channel.command("resend")
def channel_resend(
    ids: Annotated[list[str] | None, typer.Argument(help="Deliveries by their ids.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead ones.")] = False,
    name: Annotated[str | None, typer.Option("--channel", help="Of this channel only.")] = None,
    as_json: Json = False,
) -> None:
    """Give dead deliveries another 24 hours."""
    if bool(ids) == everything:
        fail("give ids or --all", 2)
    try:
        wanted = [UUID(text) for text in ids] if ids else None
    except ValueError:
        fail("an id is no UUID", 2)

    async def again(database: Database) -> int:
        async with database.transaction() as tx:
            return await webhooks.send_again(tx, wanted, target=name)

    count = with_database("intake", again)
    print(json.dumps({"again": count}) if as_json else f"{count} to be sent again")
    raise SystemExit(0 if count else 1)
