"""Channels: told how their complaints go on, signed; kept to their limit; dead deliveries sent again by a command."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from sqlalchemy import text

from services.intake import cli, cli_hooks
from services.intake.budget import Budgets
from services.intake.keys import new_key
from services.intake.store import keys as key_store
from shared.base.db import Database as Pools
from shared.base.security import key_hash
from shared.deliver import signing
from tests.integration.test_intake import TOKEN_KEY, Intake, complaint, running
from tests.integration.test_intake_cli import COMMANDS, amends
from tests.support.receiver import receiver
from tests.support.servers import Database
from tests.support.spines import eventually

INSIDE = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def token_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_TOKEN_KEY", TOKEN_KEY)
    assert cli_hooks.channel is cli.channel is COMMANDS["channel"]


async def hooked(own: Database, url: str) -> str:
    """Have the channel `shop` told at this address; its secret."""
    made = await amends(own, "channel", "hook", "shop", "--url", url, "--json")
    assert made.exit_code == 0, made.stderr
    return str(said(made)["secret"])


def said(command: Result) -> Any:
    """What a command printed: its last line, because the running service writes its log to the same place."""
    return json.loads(command.stdout.splitlines()[-1])


def loop_of(intake: Intake, name: str) -> Any:
    return next(loop for loop in intake.service.loops if loop.name == name)


async def test_a_channel_is_told_what_becomes_of_its_complaints(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own, webhook_networks=INSIDE) as intake, receiver() as shop:
        secret = await hooked(own, shop.url)
        kept = (await intake.post(complaint())).json()
        elsewhere = (await intake.post(complaint(), channel="other")).json()
        for one, channel in ((kept, "shop"), (elsewhere, "other")):
            await intake.client.post(f"/v1/complaints/{one['complaint_id']}/withdraw", headers=intake.bearer(channel))
        loop_of(intake, "webhooks").control.wake.set()
        await eventually(lambda: _posted(shop))
        [post] = shop.posts
        body = json.loads(post.body)
        assert (body["complaint_id"], body["reference"]) == (kept["complaint_id"], kept["reference"])
        assert (body["status"], body["open"], body["status_text"]["en"]) == ("withdrawn", False, "Withdrawn")
        assert post.headers["amends-event"] == "complaint.status"
        assert signing.verify(secret.encode(), post.headers["amends-signature"], post.body, datetime.now(UTC))
        assert "ada" not in post.body.decode().lower(), "nothing personal leaves by this way"


async def _posted(shop: Any) -> bool:
    return bool(shop.posts)


async def test_what_could_not_be_delivered_is_listed_and_sent_again(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own, webhook_networks=INSIDE) as intake, receiver() as shop:
        shop.last = 410
        await hooked(own, shop.url)
        kept = (await intake.post(complaint())).json()
        await intake.client.post(f"/v1/complaints/{kept['complaint_id']}/withdraw", headers=intake.bearer())
        loop_of(intake, "webhooks").control.wake.set()

        async def listed() -> Any:
            return said(await amends(own, "channel", "deliveries", "--json"))

        [row] = await eventually(listed)
        assert (row["target"], row["state"], UUID(row["about"])) == ("shop", "dead", UUID(kept["complaint_id"]))
        shop.last = 200
        assert (await amends(own, "channel", "resend", row["id"])).exit_code == 0
        loop_of(intake, "webhooks").control.wake.set()
        await eventually(lambda: _told(intake))
        assert await listed() == []
        assert len({post.headers["amends-delivery"] for post in shop.posts}) == 1


async def _told(intake: Intake) -> bool:
    return bool(await intake.rows("SELECT 1 FROM webhook WHERE state = 'sent'"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("channel", "hook", "shop"), 2),
        (("channel", "hook", "shop", "--url", "ftp://x"), 2),
        (("channel", "hook", "shop", "--url", "https://user@x/"), 2),
        (("channel", "hook", "nobody", "--url", "https://shop.example/hook"), 1),
        (("channel", "hook", "nobody", "--remove"), 1),
        (("channel", "deliveries", "--state", "lost"), 2),
        (("channel", "resend"), 2),
        (("channel", "resend", "no-uuid"), 2),
    ],
)
async def test_misuse_is_one_line(database: Callable[..., Database], arguments: tuple[str, ...], code: int) -> None:
    ended = await amends(database(), *arguments)
    assert (ended.exit_code, ended.stderr.count("\n"), ended.stdout) == (code, 1, "")


async def test_a_key_that_calls_too_often_is_told_when_to_come_back(database: Callable[..., Database]) -> None:
    async with running(database(), key_per_minute=5) as intake:
        intake.keys["slow"] = new_key()
        async with intake.admin.transaction() as tx:
            await key_store.add(tx, key_hash(intake.keys["slow"]), "slow", ("complaints",), 1)
        codes = [(await intake.post(complaint(), f"k{n}")).status_code for n in range(7)]
        assert codes == [201] * 5 + [429] * 2
        refused = await intake.post(complaint(), "k9")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await intake.post(complaint(), channel="other")).status_code == 201, "each channel has its own"
        assert [(await intake.post(complaint(), channel="slow")).status_code for _ in range(2)] == [201, 429]


async def test_replicas_share_a_channels_limit_and_draw_in_blocks(database: Callable[..., Database]) -> None:
    own = database()
    pools = Pools(own.admin_url, "intake", work_pool=4, api_pool=1)
    replicas = [Budgets(pools) for _ in range(3)]

    async def let_through(name: str, limit: int, asked: int) -> int:
        waits = await asyncio.gather(*(replicas[n % 3].spend(name, limit) for n in range(asked)))
        assert all(0 < wait <= 60 for wait in waits if wait)
        return sum(not wait for wait in waits)

    assert await let_through("small", 7, 30) == 7
    most = await let_through("large", 3000, 3600)
    assert 3000 - 2 * 30 <= most <= 3000, "at most a block of each other replica is not spent"
    async with pools.transaction() as tx:
        await tx.execute(text("UPDATE attempt SET since = since - interval '61 seconds'"))
    assert await replicas[0].spend("small", 7) > 0, "told once, a replica asks no more until the minute is over"
    assert await Budgets(pools).spend("small", 7) == 0
    async with pools.transaction() as tx:
        drawn = await tx.scalar(text("SELECT tries FROM attempt WHERE who = 'channel:large'"))
    assert 3000 <= drawn <= 3000 + 3 * 30, "in blocks, and at most one more try of each replica when all is spent"
    await pools.close()


async def test_replicas_share_the_forms_of_an_address(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own, form_posts=3) as one, running(own, form_posts=3) as other:
        codes = []
        for n in range(8):
            form = {"what": "", "key": f"k{n}"}
            codes.append((await (one, other)[n % 2].client.post("/complain", data=form)).status_code)
        assert codes == [422] * 3 + [429] * 5


async def test_a_staff_withdrawal_takes_effect_when_the_customer_says_so(database: Callable[..., Database]) -> None:
    async with running(database()) as intake:
        kept = (await intake.post(complaint())).json()
        where = f"/v1/complaints/{kept['complaint_id']}"
        asked = await intake.client.post(f"{where}/withdraw", headers=intake.staff("handler"))
        assert (asked.status_code, asked.json()["status"]) == (202, "awaiting_confirmation")
        assert "track" not in asked.text, "the link is the customer's"
        assert (await intake.client.get(where, headers=intake.bearer())).json()["open"] is True
        kind, body = (await intake.events())[-1]
        assert (kind, body["by"]) == ("complaint.withdrawal-requested.v1", "h1")
        path, _, token = body["confirm_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
        page = (await intake.client.get(f"{path}?t={token}")).text
        assert "Do you want to withdraw?" in page
        await intake.client.post(f"{path}/withdraw", data={"t": token, "key": "w"})
        kind, body = (await intake.events())[-1]
        assert (kind, body["by"]) == ("complaint.withdrawn.v1", "staff_confirmed")


async def test_revoked_links_open_nothing_and_a_contact_still_does(database: Callable[..., Database]) -> None:
    async with running(database()) as intake:
        kept = (await intake.post(complaint())).json()
        path, _, old = kept["tracking_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
        revoked = await intake.client.post(f"{path}/revoke-links", data={"t": old, "key": "r"})
        assert (await intake.client.get(revoked.headers["location"])).text.count("Who looks after it") == 1
        assert "do not belong together" in (await intake.client.get(f"{path}?t={old}")).text
        assert (await intake.client.post(f"{path}/messages", data={"t": old, "text": "x"})).status_code == 404
        unlocked = await intake.client.post(path, data={"contact": "ada@example.com"})
        assert (await intake.client.get(unlocked.headers["location"])).text.count("Who looks after it") == 1


async def test_a_dead_delivery_after_a_day_is_kept_for_a_person(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own, webhook_networks=INSIDE) as intake, receiver() as shop:
        shop.last = 503
        await hooked(own, shop.url)
        kept = (await intake.post(complaint())).json()
        await intake.client.post(f"/v1/complaints/{kept['complaint_id']}/withdraw", headers=intake.bearer())
        loop_of(intake, "webhooks").control.wake.set()

        async def state() -> str | None:
            rows = await intake.rows("SELECT state FROM webhook WHERE attempts > 0 AND state <> 'sending'")
            return rows[0].state if rows else None

        assert await eventually(state) == "retry"
        async with intake.admin.transaction() as tx:
            late = {"late": datetime.now(UTC) - timedelta(hours=1)}
            await tx.execute(text("UPDATE webhook SET next_try_at = :late, deadline_at = :late"), late)
        loop_of(intake, "webhooks").control.wake.set()

        async def dead() -> bool:
            return await state() == "dead"

        assert await eventually(dead)
