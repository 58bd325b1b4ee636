"""What is grave, and what is no person's: from the post to the page, the held letter and the closed probe."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.routing.dutywatch import EVERY
from shared.base import security
from shared.deliver import signing
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.receiver import Receiver, receiver
from tests.support.spines import eventually

pytestmark = pytest.mark.servers
PACK = Path("services/escalation/packs/house-tiered.yaml")
SECRET = "a secret of more than sixteen characters"
BURNED = "The charger caught fire in the night and my daughter was burned. We are in hospital with her."


@pytest.fixture(scope="module")
async def grave() -> AsyncIterator[Receiver]:
    """Where the on-call is paged."""
    async with receiver() as made:
        yield made


@pytest.fixture(scope="module")
async def house(houses: Houses, grave: Receiver) -> AsyncIterator[House]:
    """The four services with the promises that are shipped; somebody is at the desk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "AMENDS_ON_CALL_URL", grave.url)
        patch.setitem(os.environ, "AMENDS_ON_CALL_SECRET", SECRET)
        patch.setitem(os.environ, "AMENDS_ON_CALL_NETWORKS", '["127.0.0.0/8"]')
        async with houses("grave") as made:
            shutil.copy(PACK, made.folder / "pack.yaml")
            await asyncio.to_thread(made.start)
            await made.hire(permissions=[])
            for name, presence in (("lena", "on_call"), ("eve", "away"), ("omar", "available")):
                await made.hire(name, name=name.title(), presence=presence)
            await asyncio.sleep(EVERY)  # the leads are looked at as often
            yield made


async def post(house: House, who: str, text: str, *, probe: str | None = None) -> str:
    key = house.database.keys.token_key
    token = security.issue(key, name="web", role="service", scopes=["complaints", "probe"])
    customer = {"name": who.title(), "email": f"{who}@customers.example", "language": "en"}
    body = {"channel": "web", "customer": customer, "text": text, **({"probe": probe} if probe else {})}
    async with httpx.AsyncClient(base_url=house.url("intake"), timeout=20) as client:
        answer = await client.post("/v1/complaints", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["complaint_id"])


async def mails_to(house: House, who: str) -> list[Any]:
    mails = await asyncio.to_thread(house.catcher.messages)
    return [m for m in mails if f"{who}@customers.example" in str(m["to"])]


async def letters(house: House, complaint: str, *, state: str) -> list[Any]:
    found = await house.call(
        "notifier", "GET", f"/v1/complaints/{complaint}/letters", None, name="lead", role="lead"
    )  # fmt: skip
    return [letter for letter in found.json() if letter["state"] == state]


async def case(house: House, complaint: str) -> Any:
    answer = await house.call("routing", "GET", f"/v1/cases/{complaint}", None, name="lead", role="lead")
    return answer.json() if answer.status_code == 200 else {"state": ""}


async def in_state(house: House, complaint: str, state: str) -> bool:
    return bool((await case(house, complaint))["state"] == state)


async def test_danger_to_life_pages_and_holds_every_automatic_letter(house: House, grave: Receiver) -> None:
    complaint = await post(house, "ada", BURNED)

    async def paged() -> Any:
        return next((p for p in grave.posts if complaint.encode() in p.body), None)

    page = await eventually(paged, what="the page to the on-call")
    assert signing.verify(SECRET.encode(), page.headers["amends-signature"], page.body, datetime.now(UTC))
    assert "ada" not in page.body.decode().lower(), "the page names no customer"
    named = json.loads(page.body)
    assert named["duty_lead"]["id"] == "omar", "there and free"
    assert [lead["id"] for lead in named["then"]] == ["lena"], "on a call; eve is away"
    (held,) = await eventually(partial(letters, house, complaint, state="blocked"), what="the held acknowledgement")
    assert held["kind"] == "acknowledgement"
    assert not await mails_to(house, "ada")
    clocks = await house.call("escalation", "GET", f"/v1/complaints/{complaint}/clocks", None, name="lead", role="lead")
    call = next(c for c in clocks.json() if c["kind"] == "first_response")
    allowed = datetime.fromisoformat(call["due_at"]) - datetime.fromisoformat(call["started_at"])
    assert allowed.total_seconds() <= 1800
    shown = await house.call("routing", "GET", f"/desk/cases/{complaint}", None, name="lead", role="lead")
    assert "Duty lead: Omar" in shown.text
    assert "page → lead Omar" in shown.text, "who was paged"
    path = f"/v1/letters/{held['id']}/approve"
    approved = await house.call("notifier", "POST", path, {"reason": "I called her first."}, name="lead", role="lead")
    assert approved.status_code == 200, approved.text
    (mail,) = await eventually(partial(mails_to, house, "ada"), what="the letter that a person let go")
    assert "refund" not in mail["text"].lower()


async def test_a_pipeline_probe_is_answered_and_troubles_nobody(house: House, grave: Receiver) -> None:
    paged = len(grave.posts)
    probe = await post(house, "probe", BURNED, probe="pipeline")
    await eventually(partial(mails_to, house, "probe"), what="the probe's acknowledgement")
    await eventually(partial(in_state, house, probe, "closed"), what="the probe closed by itself")
    offers = "SELECT count(*) FROM routing.offer WHERE complaint_id = $1"
    assert (await house.query(offers, probe))[0][0] == 0
    clocks = await house.query("SELECT count(*) FROM escalation.clock WHERE complaint_id = $1", probe)
    assert clocks[0][0] == 0
    assert len(grave.posts) == paged, "nobody was paged for a probe"
    listed = await house.call("routing", "GET", "/v1/cases?limit=200", None, name="robin", role="handler")
    assert probe not in json.dumps(listed.json())
