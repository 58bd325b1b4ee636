"""Letters on paper through a letter shop: one signed post with the whole letter as PDF."""

import json
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.deliver import signing
from tests.support import correspondence as c
from tests.support.notifier import Running, Servers, running
from tests.support.programs import program
from tests.support.receiver import Post, Receiver, receiver

SECRET = "p" * 24
HOME = "12 Garden Street\nLondon E1 0AA"
WORDS = "Your order is on its way, and it reaches you by 12 June."


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Receiver]:
    async with receiver() as one:
        yield one


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers, shop: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:  # fmt: skip
    """A notifier that has a letter shop and no printer of its own."""
    more: dict[str, Any] = {"post_url": shop.url, "post_secret": SECRET, "sms_networks": ["127.0.0.0/8"]}
    async with running(notifier_servers, tmp_path_factory.mktemp("shop"), **more) as one:
        yield one


async def by_post(w: Running, shop: Receiver, state: str, *answers: int | bytes) -> dict[str, Any]:
    """The reply to a customer who has no e-mail and asked for paper, when the shop answers so at first."""
    complaint = uuid4()
    await w.tell(complaint, c.received(email=None), c.triaged(), c.clocks(decision=c.later(days=5)))
    await w.settled(complaint, "acknowledgement", "no_address")
    async with w.client("handler", "zhang-min") as client:
        wish = {"channel": "post", "postal_address": HOME}
        assert (await client.put(f"/v1/complaints/{complaint}/wish", json=wish)).status_code == 200
    await w.settled(complaint, "acknowledgement", "sent")  # what had no way before goes out, too
    shop.answers[:] = answers
    await w.tell(complaint, c.replied(WORDS))
    letter: dict[str, Any] = await w.settled(complaint, "reply", state)
    assert UUID(letter["id"])
    return letter


def printed(paper: bytes) -> str:
    """The words on the paper."""
    tool = [program("pdftotext", "poppler-utils"), "-", "-"]
    return subprocess.run(tool, input=paper, check=True, capture_output=True).stdout.decode()


def posts(shop: Receiver, letter: dict[str, Any]) -> list[Post]:
    """What the shop was sent for this letter; every one of them is signed."""
    told = [p for p in shop.posts if p.headers["amends-delivery"] == letter["id"]]
    assert all(signing.verify(SECRET.encode(), p.headers[signing.HEADER.lower()], p.body, c.later()) for p in told)
    return told


async def test_the_shop_gets_the_whole_letter_as_pdf_signed_and_once(w: Running, shop: Receiver) -> None:
    letter = await by_post(w, shop, "sent")
    [told] = posts(shop, letter)
    assert told.headers["amends-event"] == "letter.print"
    message = json.loads(told.body)
    assert {k: message[k] for k in ("id", "to", "reference", "language")} == {
        "id": letter["id"], "to": HOME, "reference": "AM-7K2M9Q4T1C", "language": "en",
    }  # fmt: skip
    paper = printed(b64decode(message["pdf"]))
    for words in ("Your order is on its way", "12 Garden Street", "AM-7K2M9Q4T1C"):
        assert words in paper
    assert not signing.verify(b"x" * 24, told.headers[signing.HEADER.lower()], told.body, c.later())


async def test_a_shop_that_is_busy_is_asked_again_with_the_same_letter(w: Running, shop: Receiver) -> None:
    letter = await by_post(w, shop, "sent", 503)
    first, second = posts(shop, letter)
    assert first.body == second.body


async def test_what_the_shop_refuses_for_good_is_not_sent_again(w: Running, shop: Receiver) -> None:
    letter = await by_post(w, shop, "failed", 422)
    assert len(posts(shop, letter)) == 1


async def test_a_lost_answer_leaves_the_letter_unknown_and_nothing_is_posted_twice(w: Running, shop: Receiver) -> None:
    letter = await by_post(w, shop, "unknown", b"")
    assert len(posts(shop, letter)) == 1
