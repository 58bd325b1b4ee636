"""`amends channel`, `amends reconcile`, and what the OpenAPI document says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from services.intake import cli
from tests.integration.test_intake import Intake, complaint, running
from tests.support.servers import Database

COMMANDS = {"channel": cli.channel, "reconcile": cli.reconcile}


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    own = database()
    async with running(own) as made:
        made.url = own.url("intake")  # type: ignore[attr-defined]
        yield made


async def amends(intake: Intake, command: str, *arguments: str) -> Result:
    """The command in a thread of its own, as it begins its own event loop."""
    environment = {"AMENDS_DATABASE_URL": intake.url}  # type: ignore[attr-defined]
    return await asyncio.to_thread(CliRunner().invoke, COMMANDS[command], list(arguments), env=environment)


async def test_a_key_works_at_once_overlaps_and_ends(intake: Intake) -> None:
    made = json.loads((await amends(intake, "channel", "add", "app", "--scopes", "complaints,tier", "--json")).stdout)
    assert made["name"] == "app"
    intake.keys["app"] = made["key"]
    assert (await intake.post(complaint(), channel="app")).status_code == 201
    again = await amends(intake, "channel", "add", "app")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    next_ = json.loads((await amends(intake, "channel", "rotate", "app", "--overlap", "1", "--json")).stdout)["key"]
    intake.keys["next"] = next_
    assert [(await intake.post(complaint(), channel=c)).status_code for c in ("app", "next")] == [201, 201]
    assert (await amends(intake, "channel", "revoke", "app")).exit_code == 0
    rows = await intake.rows("SELECT 1 FROM channel_key WHERE name = 'app' AND revoked_at IS NULL")
    assert rows == []
    stored = await intake.rows("SELECT key_hash FROM channel_key WHERE name = 'app'")
    assert all(next_.encode() not in bytes(row.key_hash) and len(row.key_hash) == 32 for row in stored)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("channel", "add", "x", "--scopes", "everything"), 2),
        (("channel", "add", "a b"), 2),
        (("channel", "rotate", "nobody"), 1),
        (("channel", "revoke", "nobody"), 1),
    ],
)
async def test_misuse_is_one_line(intake: Intake, arguments: tuple[str, ...], code: int) -> None:
    ended = await amends(intake, *arguments)
    assert (ended.exit_code, ended.stderr.count("\n"), ended.stdout) == (code, 1, "")


async def test_reconcile_prints_the_account_and_fails_for_a_gap(intake: Intake) -> None:
    await intake.post(complaint(), "k1")
    await intake.mail(b"From: a@example.com\n\nRefund me.")
    good = await amends(intake, "reconcile", "--json")
    assert good.exit_code == 0
    assert json.loads(good.stdout)["total"]["seen"] == 2
    assert "not_complaint" in (await amends(intake, "reconcile")).stdout
    await intake.rows("UPDATE mail SET outcome = NULL, retry_at = now() + interval '1 hour' RETURNING 1")
    gap = await amends(intake, "reconcile", "--json")
    assert gap.exit_code == 1
    assert json.loads(gap.stdout)["sources"][0]["gap"] == 1


async def test_the_hot_route_is_described(intake: Intake) -> None:
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
