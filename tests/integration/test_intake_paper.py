"""A customer takes a letter along as PDF from the tracking page; whoever holds no link of this case does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.store.cases import Store
from shared.events import notifier
from shared.spine.spine import Spine
from tests.integration.test_intake import complaint, running
from tests.integration.test_intake_looks import tell
from tests.support.receiver import receiver
from tests.support.servers import Database
from tests.support.spines import settings

PDF = b"%PDF-1.7 the letter"


def sent(letter: UUID) -> notifier.LetterSent:
    words = notifier.LetterText(subject="Our decision", text="We refund you 20 GBP by 3 July.")
    return notifier.LetterSent(
        letter_id=letter, kind="resolution", language="en", channel="email", message_id="<ours@amends>",
        sent_at=datetime.now(UTC), trigger=uuid4(), template_version="1", personal={uuid4(): words},
    )  # fmt: skip


async def test_a_letter_is_printed_for_who_holds_the_link_of_its_case(database: Callable[..., Database]) -> None:
    own, letter = database(), uuid4()
    spine: Spine[Any] = Spine(
        settings(own, "intake", "127.0.0.1:1", "none"), service="intake", store=Store(timedelta(days=1)), handlers={}
    )
    async with receiver() as printer, running(own, notifier_url=printer.url.removesuffix("/hook")) as intake:
        printer.last = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PDF) + PDF
        one, other = [(await intake.post(complaint(), key=str(uuid4()))).json() for _ in range(2)]
        await tell(spine.work, UUID(one["complaint_id"]), sent(letter))
        path, _, token = one["tracking_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
        shown = (await intake.client.get(f"{path}?t={token}")).text
        assert f"{path}/letters/{letter}.pdf?t={token}" in shown
        paper = await intake.client.get(f"{path}/letters/{letter}.pdf?t={token}")
        assert (paper.status_code, paper.content) == (200, PDF)
        assert paper.headers["cache-control"] == "no-store"
        [asked] = printer.posts
        assert asked.path == f"/v1/letters/{letter}.pdf"
        # Another letter, another's link, no link: nothing is asked for.
        theirs, _, key = other["tracking_url"].removeprefix("http://127.0.0.1:8001").partition("?t=")
        for wrong in (f"{path}/letters/{uuid4()}.pdf?t={token}", f"{theirs}/letters/{letter}.pdf?t={key}",
                      f"{path}/letters/{letter}.pdf"):  # fmt: skip
            assert (await intake.client.get(wrong)).status_code == 404
        assert len(printer.posts) == 1
        printer.last = 503
        assert (await intake.client.get(f"{path}/letters/{letter}.pdf?t={token}")).status_code == 503
    await spine.closed()


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1"])
async def test_the_page_works_where_nobody_prints(database: Callable[..., Database], url: str | None) -> None:
    async with running(database(), notifier_url=url) as intake:
        kept = (await intake.post(complaint())).json()
        path = kept["tracking_url"].removeprefix("http://127.0.0.1:8001")
        assert (await intake.client.get(path)).status_code == 200
