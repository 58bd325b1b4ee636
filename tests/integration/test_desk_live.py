"""The desk over HTTP: the stream, its bounds and its ends; previews, drafts, papers, the week's sample."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.desk import House, house
from tests.support.routing import clocks, letter
from tests.support.servers import Database

FORM = {
    "issues": "1", "remedies": "1", "examined": "order record", "cause": "C1_product_quality",
    "i0-what": "refund of the phone", "i0-finding": "substantiated", "i0-request": "granted",
    "i0-fact": "The battery loses its charge in an hour", "i0-source": "test report", "i0-date": "2026-06-05",
    "i0-reason": "the fault was there from the start", "i0-apology": "responsibility", "i0-for": "the faulty battery",
    "r0-type": "refund", "r0-class": "refund", "r0-issue": "i1", "r0-amount": "79", "r0-currency": "GBP",
    "r0-by": "2030-06-20", "r0-actor": "we", "c-action": "send us your account number", "c-channel": "phone",
    "c-contact": "010-5550100", "c-by": "2030-06-10",
}  # fmt: skip


@pytest.fixture
async def desk(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[House]:
    async with house(database(), tmp_path, desk_connections=2) as made:
        yield made


@asynccontextmanager
async def signed_in(desk: House, name: str = "zhang", role: str = "handler") -> AsyncIterator[httpx.AsyncClient]:
    cookies = desk.cookies(name, role)  # type: ignore[arg-type]
    async with httpx.AsyncClient(base_url=desk.url, cookies=cookies, timeout=30) as client:
        yield client


class Stream:
    """The events of an open stream, one by one."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self._lines = answer, answer.aiter_lines()

    async def next(self) -> dict[str, str]:
        """The next event; an empty one at the end of the stream."""
        event: dict[str, str] = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line and name:
                    event[name] = value
                elif event.get("event"):
                    return event
        return {}

    async def until(self, name: str) -> dict[str, str]:
        while (event := await self.next()).get("event") != name:
            assert event, f"the stream ended without {name}"
        return event


@asynccontextmanager
async def stream(client: httpx.AsyncClient, path: str = "/desk/live", **headers: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Stream(answer)


async def test_the_stream_says_what_to_look_at_and_goes_on_where_it_broke(desk: House) -> None:
    await desk.bench.handler("zhang")
    async with signed_in(desk) as zhang:
        async with stream(zhang) as live:
            assert live.answer.headers["content-type"].startswith("text/event-stream")
            assert live.answer.headers["x-accel-buffering"] == "no"
            assert "no-store" in live.answer.headers["cache-control"]
            assert (await live.next())["event"] == "open"
            await live.until("work")
            await live.until("queue")
            case = await desk.complaint("The phone is defective.")
            await live.until("queue")
            await desk.bench.rounds.round()
            last = (await live.until("work"))["id"]
        async with stream(zhang, **{"Last-Event-ID": last}) as live:
            assert (await live.next())["event"] == "open"
            note = {"text": "seen"}
            (await desk.bench.as_("zhang").post(f"/v1/cases/{case}/note", json=note)).raise_for_status()
            await live.until("work")
        async with stream(zhang, f"/desk/live?case={case}&since={last}") as live:
            assert (await live.until("case"))["data"] == "{}"


async def test_streams_are_bounded_and_end_with_the_session_and_with_the_process(desk: House) -> None:
    await desk.bench.handler("zhang")
    async with signed_in(desk) as zhang, signed_in(desk, "lena", "lead") as lena, signed_in(desk, "emma") as emma:
        async with stream(zhang) as first, stream(lena) as second:
            refused = await emma.get("/desk/live")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
            await zhang.post("/desk/sign-out")
            while await first.next():
                pass
            assert len(desk.news.hub.desks) == 1
            started = time.monotonic()
            desk.bench.service.draining()
            while await second.next():
                pass
            assert time.monotonic() - started < 5
        assert (await httpx.AsyncClient(base_url=desk.url).get("/desk/live")).status_code == 401


async def decided(desk: House) -> tuple[str, httpx.AsyncClient]:
    await desk.bench.handler("zhang", authority={"GBP": 50})
    case = await desk.complaint("The battery of my new phone is empty after an hour.")
    await desk.bench.rounds.round()
    (offer,) = (await desk.bench.as_("zhang").get("/v1/handlers/zhang/offers")).json()
    (await desk.bench.as_("zhang").post(f"/v1/offers/{offer['offer_id']}/accept")).raise_for_status()
    await desk.told(case)
    await desk.feed(case, clocks(timedelta(days=3)))
    return f"/desk/cases/{case}", desk.bench.as_("zhang")


async def test_the_letter_stands_beside_the_form_with_what_it_lacks(desk: House) -> None:
    path, _ = await decided(desk)
    async with signed_in(desk) as zhang:
        seen = (await zhang.post(f"{path}/preview", data=FORM)).text
        assert 'class="part-remedy"' in seen
        assert "Dear Li Na" in seen
        assert "Above your authority" in seen
        assert "to read" in seen
        assert "Proposed remedies" in seen
        wrong = (await zhang.post(f"{path}/preview", data={**FORM, "i0-finding": "", "r0-by": ""})).text
        assert 'href="#i0-finding"' in wrong
        assert 'href="#r0-by"' in wrong
        assert "part-remedy" not in wrong
        blaming = {**FORM, "i0-reason": "you dropped it, it is your own fault, that is our policy"}
        found = (await zhang.post(f"{path}/preview", data=blaming)).text
        assert "<mark class=" in found
        assert 'class="findings"' in found


async def test_a_draft_survives_and_goes_with_the_decision(desk: House) -> None:
    path, api = await decided(desk)
    async with signed_in(desk) as zhang:
        await zhang.post(f"{path}/preview", data=FORM)
        again = (await zhang.get(f"{path}/decide")).text
        assert "This is your draft" in again
        assert "the fault was there from the start" in again
        assert "Draft saved" in (await zhang.get(path)).text
        refused = await zhang.post(f"{path}/decide", data={**FORM, "do": "decide", "r0-currency": ""})
        assert refused.status_code == 422
        assert 'id="r0-currency-error"' in refused.text
        assert "the fault was there from the start" in refused.text
        done = await zhang.post(f"{path}/decide", data={**FORM, "do": "decide"})
        assert done.status_code == 303, done.text
    assert (await api.get(path.replace("/desk", "/v1"))).json()["state"] == "decided"
    assert await desk.bench.sql("SELECT 1 FROM draft") == []


async def test_letters_are_papers_and_promises_and_the_page_works_without_the_notifier(
    desk: House, database: Callable[..., Database], tmp_path: Path
) -> None:
    path, _ = await decided(desk)
    async with signed_in(desk) as zhang:
        page = (await zhang.get(path)).text
        paper = page[page.index("/desk/letters/") :].split('"')[0]
        answer = await zhang.get(paper)
        assert answer.content.startswith(b"%PDF")
        assert answer.headers["content-type"] == "application/pdf"
        assert (await zhang.get(f"/desk/letters/{uuid4()}.pdf")).status_code == 404
    (tmp_path / "alone").mkdir()
    async with house(database(), tmp_path / "alone", notifier_url="http://127.0.0.1:9") as alone:
        path, _ = await decided(alone)
        await alone.feed(uuid4(), letter("acknowledgement"))
        async with signed_in(alone) as zhang:
            assert (await zhang.get(path)).status_code == 200
            assert "cannot be shown right now" in (await zhang.post(f"{path}/preview", data=FORM)).text
            gone = await zhang.get(f"/desk/letters/{uuid4()}.pdf")
            assert (gone.status_code, gone.headers["content-type"]) == (503, "application/problem+json")


async def test_the_weeks_sample_is_the_same_for_everybody_who_may_read_it(desk: House) -> None:
    for n in range(30):
        await desk.complaint(f"Complaint number {n}.")
    week = (await desk.bench.sql("SELECT to_char(now(), 'IYYY-\"W\"IW') AS week"))[0].week
    pages = []
    for name, role in (("lena", "lead"), ("max", "manager"), ("quinn", "quality")):
        async with signed_in(desk, name, role) as reader:
            text = (await reader.get(f"/desk/sample?week={week}")).text
            pages.append([part.split('"')[0] for part in text.split('id="s-')[1:]])
            assert text.count("Complaint number") == 12
            assert (await reader.get("/desk/sample?week=soon")).status_code == 422
    assert pages[0] == pages[1] == pages[2]
    async with signed_in(desk, "zhang") as handler:
        assert (await handler.get("/desk/sample")).status_code == 403
        assert (await handler.get("/desk/team")).status_code == 403
