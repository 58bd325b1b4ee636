"""The ledger of webhooks on a real database, over real sockets: told once, in order, retried for a day, never lost."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.base.db import Database as Pools
from shared.deliver import signing, webhooks
from shared.deliver.http import Poster, networks
from shared.deliver.webhooks import Owed, Target, Webhooks
from tests.support.receiver import Receiver, receiver
from tests.support.servers import Database

SECRET = "whsec_test"


class World:
    """One ledger, its sender, and a target that listens."""

    def __init__(self, db: Pools, target: Receiver) -> None:
        self.db, self.target = db, target
        self.poster = Poster(timeout=2, allowed=networks(["127.0.0.0/8"]))
        self.urls: dict[str, str] = {"shop": target.url}
        self.sender = Webhooks(db, self.poster, self.where)

    async def where(self, name: str) -> Target | None:
        return Target(self.urls[name], SECRET) if name in self.urls else None

    async def owe(self, *numbers: int, target: str = "shop") -> list[Owed]:
        owed = [Owed(uuid4(), target, "complaint.status", {"n": n}) for n in numbers]
        async with self.db.transaction() as tx:
            await webhooks.owe(tx, owed, datetime.now(UTC) - timedelta(seconds=1))
        return owed

    async def rows(self) -> list[Any]:
        async with self.db.transaction() as tx:
            return list((await tx.execute(text("SELECT * FROM webhook ORDER BY seq"))).all())

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def pass_time(self, seconds: float) -> None:
        """As if so much time had gone by for the ledger."""
        async with self.db.transaction() as tx:
            await tx.execute(
                text("UPDATE webhook SET next_try_at = next_try_at - make_interval(secs => :s), "
                     "deadline_at = deadline_at - make_interval(secs => :s)"), {"s": seconds},
            )  # fmt: skip


@pytest.fixture
async def world(database: Callable[..., Database]) -> AsyncIterator[World]:
    db = Pools(database().url("intake"), "intake", work_pool=3, api_pool=1)
    async with receiver() as target:
        made = World(db, target)
        yield made
        await made.poster.close()
    await db.close()


async def test_what_is_owed_is_told_once_in_order_and_signed(world: World) -> None:
    owed = await world.owe(*range(5))
    async with world.db.transaction() as tx:
        await webhooks.owe(tx, owed, datetime.now(UTC))
    assert await world.sender.round() == 5
    assert await world.sender.round() == 0
    assert [post.body for post in world.target.posts] == [b'{"n":%d}' % n for n in range(5)]
    for post, delivery in zip(world.target.posts, owed, strict=True):
        assert post.headers["amends-delivery"] == str(delivery.id)
        assert post.headers["host"] == f"127.0.0.1:{world.target.port}"
        header = post.headers["amends-signature"]
        assert signing.verify(SECRET.encode(), header, post.body, datetime.now(UTC))
    assert await world.states() == ["sent"] * 5


async def test_a_failing_target_is_tried_for_a_day_at_growing_pauses_and_then_is_dead_until_sent_again(
    world: World,
) -> None:
    world.target.last = 500
    await world.owe(1)
    waited, attempts = timedelta(), 0
    while (row := (await world.rows())[0]).state != "dead":
        if row.state == "retry":
            pause = row.next_try_at - datetime.now(UTC)
            waited += max(pause, timedelta())
            await world.pass_time(pause.total_seconds() + 0.01)
        attempts += await world.sender.round()
    assert timedelta(hours=22) < waited <= timedelta(hours=24)
    assert 25 <= attempts <= 60
    assert (row.status, row.reason) == (500, "answered 500")
    world.target.last = 200
    async with world.db.transaction() as tx:
        assert len(await webhooks.listed(tx, state="dead", target=None)) == 1
        assert await webhooks.send_again(tx, [uuid4()]) == 0
        assert await webhooks.send_again(tx, None, target="other") == 0
        assert await webhooks.send_again(tx, None, target="shop") == 1
    await world.sender.round()
    assert await world.states() == ["sent"]


async def test_one_failure_puts_the_rest_off_and_keeps_their_order(world: World) -> None:
    world.target.answers = [204, 503]
    await world.owe(*range(4))
    await world.sender.round()
    assert await world.states() == ["sent", "retry", "retry", "retry"]
    assert [row.attempts for row in await world.rows()] == [1, 1, 0, 0]
    assert len(world.target.posts) == 2
    await world.pass_time(60)
    await world.sender.round()
    assert [post.body for post in world.target.posts] == [b'{"n":%d}' % n for n in (0, 1, 1, 2, 3)]
    assert await world.states() == ["sent"] * 4


async def test_retry_after_is_obeyed(world: World) -> None:
    world.target.answers = [b"HTTP/1.1 429 X\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n"]
    await world.owe(1)
    await world.sender.round()
    [row] = await world.rows()
    assert timedelta(minutes=119) < row.next_try_at - datetime.now(UTC) <= timedelta(hours=2)


async def test_a_target_that_is_gone_or_unknown_ends_it_at_once(world: World) -> None:
    world.target.answers = [410]
    await world.owe(1)
    await world.owe(2, target="left")
    await world.sender.round()
    assert await world.states() == ["dead", "dead"]


async def test_a_redirect_is_not_followed(world: World) -> None:
    where = world.target.url.encode()
    world.target.answers = [b"HTTP/1.1 307 X\r\nLocation: " + where + b"\r\nContent-Length: 0\r\n\r\n"]
    await world.owe(1)
    await world.sender.round()
    assert len(world.target.posts) == 1
    assert await world.states() == ["retry"]


async def test_a_lost_answer_and_a_dead_sender_are_tried_again_with_the_same_id(world: World) -> None:
    world.target.answers = [b""]
    await world.owe(1)
    await world.sender.round()
    assert await world.states() == ["retry"]
    async with world.db.transaction() as tx:
        await tx.execute(text("UPDATE webhook SET state = 'sending', next_try_at = now() + interval '60 s'"))
    assert await world.sender.round() == 0, "its lease still runs"
    await world.pass_time(61)
    assert await world.sender.round() == 1
    assert len({post.headers["amends-delivery"] for post in world.target.posts}) == 1
    assert await world.states() == ["sent"]


async def test_a_target_that_cannot_be_reached_delays_nobody_else(world: World) -> None:
    world.urls["down"] = "http://127.0.0.1:1/"
    world.urls["inside"] = "http://10.0.0.1/"
    await world.owe(1, target="down")
    await world.owe(2, target="inside")
    await world.owe(3)
    await world.sender.round()
    assert [(row.target, row.state) for row in await world.rows()] == [
        ("down", "retry"), ("inside", "dead"), ("shop", "sent")
    ]  # fmt: skip
