"""One promise, three places: clock, acknowledgement and tracking page name the same day, in both languages."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from shared.base.pages import day
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
PACKS = Path("services/escalation/packs")
ZONES = {"zh": "Asia/Shanghai", "en": "Europe/London"}
TOLD = {
    "zh": ("李娜", "洗衣机买来三天就停在中途，桶里全是水，客服两次说会上门，没有人来。"),
    "en": ("Ada Example", "The washing machine stopped on the third day; twice a visit was promised and nobody came."),
}


@pytest.fixture
async def house(houses: Houses) -> AsyncIterator[House]:
    """The four services with the promises that are shipped, in working days."""
    async with houses("promise") as made:
        shutil.copy(PACKS / "house-tiered.yaml", made.folder / "pack.yaml")
        await asyncio.to_thread(made.start)
        yield made


async def complain(house: House, language: str) -> dict[str, Any]:
    name, text = TOLD[language]
    customer = {"name": name, "email": f"{language}@customers.example", "language": language}
    body = {"channel": "web", "customer": customer, "text": text}
    answer = await house.call("intake", "POST", "/v1/complaints", body, name="web", role="service")
    assert answer.status_code == 201, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


async def promised(house: House, complaint: str, language: str) -> list[str]:
    """The days of the answer and of the next update, as people write them, without the year."""
    path = f"/v1/complaints/{complaint}/clocks"
    answer = await house.call("escalation", "GET", path, None, name="lead", role="lead")
    due = {c["kind"]: datetime.fromisoformat(c["due_at"]) for c in answer.json() if c["state"] == "running"}
    zone, year = ZoneInfo(ZONES[language]), re.compile(r"^\d{4}年| \d{4}$")
    return [year.sub("", day(due[kind].astimezone(zone), language)) for kind in ("decision", "next_update")]


async def acknowledgement(house: House, language: str) -> dict[str, Any] | None:
    mails = await asyncio.to_thread(house.catcher.messages)
    return next((m for m in mails if f"{language}@customers.example" in str(m["to"])), None)


async def page(house: House, url: str, language: str) -> str:
    path = url[url.index("/track/") :]
    async with httpx.AsyncClient(base_url=house.url("intake"), headers={"Accept-Language": language}) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return re.sub(r"<[^>]+>", " ", answer.text)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_clock_letter_and_page_name_the_same_day(house: House, language: str) -> None:
    await house.hire()
    told = await complain(house, language)
    mail = await eventually(partial(acknowledgement, house, language), what="the acknowledgement")
    days = await promised(house, told["complaint_id"], language)
    assert len(set(days)) == 2
    shown = await page(house, told["tracking_url"], language)
    for one in days:
        assert re.search(rf"(?<!\d){one}", mail["text"]), f"the letter does not say {one}: {mail['text']}"
        assert re.search(rf"(?<!\d){one}", shown), f"the page does not say {one}"
