"""`amends channel`, `amends reconcile`, and what the OpenAPI document says."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text
from typer.testing import CliRunner

from services.intake import cli
from services.intake.keys import ChannelKeys
from shared.base.db import Database as Pools
from tests.integration.test_intake import complaint, running
from tests.support.servers import Database

COMMANDS = {"channel": cli.channel, "reconcile": cli.reconcile}


async def amends(database: Database, command: str, *arguments: str) -> Result:
    """The command in a thread of its own, as it begins its own event loop. No service logs meanwhile."""
    environment = {"AMENDS_DATABASE_URL": database.url("intake")}
    return await asyncio.to_thread(CliRunner().invoke, COMMANDS[command], list(arguments), env=environment)


async def caller(pools: Pools, key: str) -> Any:
    return await ChannelKeys(pools, per_minute=100).lookup(key)


async def test_a_key_works_at_once_overlaps_and_ends(database: Callable[..., Database]) -> None:
    own = database()
    pools = Pools(own.admin_url, "intake", work_pool=1, api_pool=1)
    made = json.loads((await amends(own, "channel", "add", "app", "--scopes", "complaints,tier", "--json")).stdout)
    assert set(made) == {"name", "key"}
    first = await caller(pools, made["key"])
    assert (first.name, first.role, first.scopes) == ("app", "channel", {"complaints", "tier"})
    again = await amends(own, "channel", "add", "app")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    next_ = json.loads((await amends(own, "channel", "rotate", "app", "--overlap", "1", "--json")).stdout)["key"]
    assert await caller(pools, made["key"]) == await caller(pools, next_) == first
    assert (await amends(own, "channel", "rotate", "app", "--overlap", "0")).exit_code == 0
    assert await caller(pools, next_) is None
    assert (await amends(own, "channel", "revoke", "app")).exit_code == 0
    async with pools.transaction() as tx:
        rows = (await tx.execute(text("SELECT key_hash, revoked_at FROM channel_key WHERE name = 'app'"))).all()
    assert all(row.revoked_at and len(row.key_hash) == 32 for row in rows)
    await pools.close()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("channel", "add", "x", "--scopes", "everything"), 2),
        (("channel", "add", "a b"), 2),
        (("channel", "rotate", "nobody"), 1),
        (("channel", "revoke", "nobody"), 1),
    ],
)
async def test_misuse_is_one_line(database: Callable[..., Database], arguments: tuple[str, ...], code: int) -> None:
    ended = await amends(database(), *arguments)
    assert (ended.exit_code, ended.stderr.count("\n"), ended.stdout) == (code, 1, "")


async def test_reconcile_prints_the_account_and_fails_for_a_gap(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own) as intake:
        await intake.post(complaint(), "k1")
        await intake.mail(b"From: a@example.com\n\nRefund me.")
    good = await amends(own, "reconcile", "--json")
    assert (good.exit_code, json.loads(good.stdout)["total"]["seen"]) == (0, 2)
    assert "not_complaint" in (await amends(own, "reconcile")).stdout
    pools = Pools(own.admin_url, "intake", work_pool=1, api_pool=1)
    async with pools.transaction() as tx:
        await tx.execute(text("UPDATE mail SET outcome = NULL"))
    await pools.close()
    gap = await amends(own, "reconcile", "--json")
    assert (gap.exit_code, json.loads(gap.stdout)["sources"][0]["gap"]) == (1, 1)


async def test_the_hot_route_is_described(database: Callable[..., Database]) -> None:
    async with running(database()) as intake:
        document = (await intake.client.get("/openapi.json")).json()
    post = document["paths"]["/v1/complaints"]["post"]
    assert [p["name"] for p in post["parameters"]] == ["Idempotency-Key"]
    schemas = document["components"]["schemas"]
    assert schemas["ComplaintIn"]["additionalProperties"] is False
    used = json.dumps(document).split('"$ref": "#/components/schemas/')[1:]
    assert {part.partition('"')[0] for part in used} <= set(schemas)
    assert {"/v1/emails", "/v1/hotline/calls", "/v1/complaints/{complaint_id}/call-me", "/v1/reconciliation"} <= set(
        document["paths"]
    )
    assert "/complain" not in document["paths"]
