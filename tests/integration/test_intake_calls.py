"""The hotline: calls that join what is open, calls that were given up, and the form that agents fill in."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from shared.base.security import COOKIE
from tests.integration.test_intake import CALL, Intake, complaint, running
from tests.support.browser import DESKTOP, PHONE, browser, served
from tests.support.servers import Database
from tests.support.spines import eventually

PHONE_NUMBER = CALL["caller"]["phone"]


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database(), call_patience=0.0, form_posts=1000) as made:
        yield made


def caller(**more: Any) -> dict[str, Any]:
    return {"name": "Ada Example", "email": "ada@example.com", "phone": PHONE_NUMBER, **more}


async def swept(intake: Intake, count: int) -> list[str]:
    """The types of the events, when the sweep has told so many."""

    async def enough() -> list[str] | None:
        next(loop for loop in intake.service.loops if loop.name == "call sweep").control.wake.set()
        types = await intake.types()
        return types if len(types) >= count else None

    return list(await eventually(enough))


async def test_who_gave_up_waiting_is_called_back(intake: Intake) -> None:
    gone = {"queued_at": "2026-06-03T07:58:00Z", "ended_at": "2026-06-03T08:03:10Z", "abandoned": True}
    answer = await intake.call(**CALL, **gone)
    assert answer.json() == {"outcome": "abandoned"}
    assert await swept(intake, 2) == ["message.received.v1", "complaint.callback-requested.v1"]
    (_, message), (_, back) = await intake.events()
    assert message["kind"] == "question"
    [person] = message["personal"].values()
    assert person["phone"] == "+447700900105"
    assert back["request_id"]
    [row] = await intake.rows("SELECT waited_seconds, outcome, complaint_id FROM call")
    assert (row.waited_seconds, row.outcome) == (310, "abandoned")
    again = await intake.call(**CALL, **gone)
    assert (again.status_code, again.json()["outcome"]) == (200, "abandoned")
    assert len(await intake.types()) == 2, "once, however often the telephone system tells"


async def test_who_gave_up_and_has_an_open_complaint_is_called_about_it(intake: Intake) -> None:
    kept = (await intake.post(complaint(customer=caller()))).json()
    await intake.call(**CALL, abandoned=True)
    assert await swept(intake, 2) == ["complaint.received.v1", "complaint.callback-requested.v1"]
    shown = (await intake.client.get(f"/v1/complaints/{kept['complaint_id']}", headers=intake.bearer())).json()
    assert shown["history"][-1]["what"] == "call_asked"


async def test_a_masked_caller_who_gives_up_makes_no_task(intake: Intake) -> None:
    for n, number in enumerate(("138****8000", None)):
        await intake.call(
            **{**CALL, "call_id": f"m{n}", "caller": {"phone": number} if number else {}, "abandoned": True}
        )
    assert await intake.types() == []
    rows = await intake.rows("SELECT 1 FROM call WHERE settle_at IS NOT NULL")
    assert rows == []


async def test_three_calls_about_an_open_complaint_are_three_chases_of_it(intake: Intake) -> None:
    kept = (await intake.post(complaint(customer=caller()))).json()
    for n in range(3):
        words = "When will I hear from you? There is still no answer."
        answer = await intake.call(
            **{**CALL, "call_id": f"q{n}", "started_at": f"2026-06-0{3 + n}T08:00:00Z"}, notes=words
        )
        assert (answer.json()["outcome"], answer.json()["complaint_id"]) == ("chase", kept["complaint_id"])
    told = [body for kind, body in await intake.events() if kind == "complaint.chased.v1"]
    assert [body["count_7d"] for body in told] == [1, 2, 3]


async def agent(intake: Intake, **typed: str) -> httpx.Response:
    return await intake.client.post("/agent", data=typed, headers=intake.staff("handler"))


async def test_the_agents_form_finds_and_keeps_without_scripts(intake: Intake) -> None:
    kept = (await intake.post(complaint(customer=caller(), subject="Parcel missing"))).json()
    for typed in ("ada ex", "ADA@exam", "+44 7700 9001", kept["reference"][:8].lower()):
        found = await agent(intake, q=typed, do="find", text="typed already", key="k")
        assert kept["reference"] in found.text, typed
        assert "Parcel missing" in found.text
        assert "typed already" in found.text
    assert "Nobody found" in (await agent(intake, q="nobody@", do="find")).text
    assert "Nobody found" in (await agent(intake, q="%%%", do="find")).text
    wrong = await agent(intake, do="keep", expected="An apology")
    assert wrong.status_code == 422
    assert "An apology" in wrong.text
    who = re.search(r'name="who" value="([0-9a-f-]{36})"', (await agent(intake, q="ada ex", do="find")).text)
    assert who
    new = {"do": "keep", "who": who[1], "text": "The new router is broken too.", "key": "k1", "about": ""}
    for _ in range(2):
        done = await agent(intake, **new, promised="2027-01-05T15:00")
        assert re.search(r"AM-[0-9A-Z]{10}", done.text)
    chase = await agent(intake, do="keep", about=kept["reference"], word="chase", key="k2")
    assert kept["reference"] in chase.text
    withdrawn = await agent(intake, do="keep", about=kept["reference"], word="withdraw", key="k3")
    assert withdrawn.status_code == 200
    early = await agent(intake, do="keep", about=kept["reference"], word="dispute", text="No.", key="k4")
    assert early.status_code == 409
    events = await intake.events()
    assert [kind for kind, _ in events] == [
        "complaint.received.v1", "complaint.received.v1", "complaint.callback-requested.v1", "complaint.chased.v1",
        "complaint.withdrawal-requested.v1",
    ]  # fmt: skip
    assert events[-1][1]["by"] == "h1"
    assert events[1][1]["customer"]["customer_id"] == events[0][1]["customer"]["customer_id"]
    assert (events[1][1]["channel"], events[1][1]["source"]) == ("hotline", "h1")
    assert events[2][1]["promised_at"] == "2027-01-05T15:00:00Z"


async def test_the_agents_form_is_for_staff(intake: Intake) -> None:
    assert (await intake.client.get("/agent")).status_code == 401
    assert (await intake.client.get("/agent", headers=intake.bearer())).status_code == 401
    assert (await intake.client.get("/agent/find?q=ada")).status_code == 401
    assert (await intake.client.get("/agent/find?q=ada", headers=intake.staff("auditor"))).status_code == 403
    wrong = await intake.client.post("/agent/sign-in", data={"token": "a.b.c"})
    assert wrong.status_code == 403
    token = intake.staff("handler")["Authorization"].removeprefix("Bearer ")
    right = await intake.client.post("/agent/sign-in", data={"token": token})
    assert right.headers["set-cookie"].startswith(f"{COOKIE}=")


async def test_it_finds_while_an_agent_types(intake: Intake) -> None:
    kept = (await intake.post(complaint(customer=caller(), subject="Parcel missing"))).json()
    cookies = {COOKIE: intake.staff("handler")["Authorization"].removeprefix("Bearer ")}
    async with served(intake.service.web) as base, browser() as page:
        await page.open(f"{base}/agent", cookies=cookies)
        await page.evaluate(
            "const q = document.getElementById('q'); q.value = 'ada ex'; q.dispatchEvent(new Event('input'))"
        )

        async def seen() -> bool:
            return bool(
                await page.evaluate(f"document.getElementById('found').innerText.includes('{kept['reference']}')")
            )

        assert await eventually(seen)
        for size in (PHONE, DESKTOP):
            await page.open(f"{base}/agent?q=ada+ex", cookies=cookies, size=size)
            assert not await page.overflows()
            assert [f for f in await page.accessibility() if f[0] in ("serious", "critical")] == []
