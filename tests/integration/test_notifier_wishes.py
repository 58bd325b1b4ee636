"""Customers are written to as they asked: chat, paper, large print, or read to on the telephone."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.deliver import signing
from tests.support import correspondence as c
from tests.support import spines
from tests.support.notifier import Running, Servers, address, running
from tests.support.receiver import Receiver, receiver

SECRET = "s" * 24
WORDS = "Your order is on its way, and it reaches you by 12 June."
HOME = "12 Garden Street\nLondon E1 0AA"


@pytest.fixture(scope="module")
async def gateway() -> AsyncIterator[Receiver]:
    async with receiver() as one:
        yield one


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
async def w(
    notifier_servers: Servers, gateway: Receiver, spool: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Running]:  # fmt: skip
    """A notifier with a chat gateway and a printer's folder."""
    more: dict[str, Any] = {"chat_url": gateway.url, "chat_secret": SECRET, "sms_networks": ["127.0.0.0/8"]}
    async with running(notifier_servers, tmp_path_factory.mktemp("wishes"), post_spool=spool, **more) as one:
        yield one


async def asked(w: Running, wish: dict[str, Any], *, email: bool = True) -> tuple[UUID, dict[str, Any]]:
    """A customer whose wish is noted, and the reply that a handler writes then."""
    complaint = uuid4()
    to = address(complaint) if email else None
    await w.tell(complaint, c.received(email=to), c.triaged(), c.clocks(decision=c.later(days=5)))
    await w.settled(complaint, "acknowledgement", "sent" if email else "no_address")
    async with w.client("handler", "zhang-min") as client:
        answer = await client.put(f"/v1/complaints/{complaint}/wish", json=wish)
        assert answer.status_code == 200, answer.text
        assert (await client.get(f"/v1/complaints/{complaint}/wish")).json()["noted_by"] == "zhang-min"
    await w.tell(complaint, c.replied(WORDS))
    letter = await w.settled(complaint, "reply", "no_address" if wish.get("channel") == "call" else "sent")
    return complaint, letter


async def test_chat_gets_the_short_form_and_the_whole_letter_signed(w: Running, gateway: Receiver) -> None:
    complaint, letter = await asked(w, {"channel": "chat", "chat": "wx:lina"})
    [told] = [p for p in gateway.posts if p.headers["amends-delivery"] == letter["id"]]
    assert signing.verify(SECRET.encode(), told.headers[signing.HEADER.lower()], told.body, c.later())
    message = json.loads(told.body)
    assert (told.headers["amends-event"], message["to"]) == ("chat.message", "wx:lina")
    assert message["letter"] == letter["text"]
    assert message["text"].startswith("Case AM-7K2M9Q4T1C: I have answered your message")
    assert len(w.smtp.to(address(complaint))) == 1  # the acknowledgement


async def test_paper_lies_in_the_printers_folder_whole_with_its_address(w: Running, spool: Path) -> None:
    complaint, letter = await asked(w, {"channel": "post", "postal_address": HOME, "large_print": True}, email=False)
    paper, note = spool / f"{letter['id']}.pdf", json.loads((spool / f"{letter['id']}.json").read_text())
    assert paper.read_bytes().startswith(b"%PDF")
    assert note == {"id": letter["id"], "to": HOME, "reference": "AM-7K2M9Q4T1C"}
    assert not [name for name in os.listdir(spool) if name.startswith(".")]  # noqa: PTH208
    # What had no way before goes out on the one that there is now.
    first = await w.settled(complaint, "acknowledgement", "sent")
    assert (spool / f"{first['id']}.pdf").exists()


async def test_large_print_is_large_in_the_mail_too(w: Running) -> None:
    complaint, letter = await asked(w, {"large_print": True})
    small, large = w.smtp.to(address(complaint))
    pages = [mail.get_body(("html",)) for mail in (small, large)]
    assert [page is not None and "24px" in page.get_content() for page in pages] == [False, True]
    async with w.client() as client:
        pdf = await client.get(f"/v1/letters/{letter['id']}.pdf")
    assert pdf.status_code == 200


async def test_who_wants_to_be_called_gets_no_mail_and_somebody_has_the_words_to_read(w: Running) -> None:
    complaint, letter = await asked(w, {"channel": "call"})
    assert WORDS in letter["text"]
    assert letter["reason"] == "to_be_read_to_them"

    async def failed() -> Any:
        rows = await w.rows("SELECT state FROM letter WHERE complaint_id = :c AND kind = 'reply'", c=complaint)
        return [row.state for row in rows] == ["no_address"]

    await spines.eventually(failed)
    assert len(w.smtp.to(address(complaint))) == 1


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({"channel": "sms"}, "/channel"),  # there is no gateway for text messages here
        ({"channel": "post"}, "/postal_address"),
        ({"channel": "chat"}, "/chat"),
        ({"channel": "pigeon"}, "/channel"),
        ({"channel": "chat", "chat": "wx:\x00lina"}, "/chat"),
    ],
)
async def test_a_wish_that_the_house_cannot_follow_is_refused_with_its_field(
    w: Running, wish: dict[str, Any], pointer: str
) -> None:
    complaint = uuid4()
    await w.tell(complaint, c.received(email=address(complaint)), c.triaged(), c.clocks())
    await w.settled(complaint, "acknowledgement", "sent")
    async with w.client("handler", "zhang-min") as client:
        answer = await client.put(f"/v1/complaints/{complaint}/wish", json=wish)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        assert (await client.put(f"/v1/complaints/{uuid4()}/wish", json={})).status_code == 404
