"""The desk page: sign-in, the forms that post the API's commands, refusals in words, other sites kept out."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.base.security import issue
from tests.support.routing import KEY, Bench, letter, offering
from tests.support.servers import Database


@pytest.fixture
async def bench(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(database(), offering(tmp_path))
    yield made
    await made.close()


@pytest.fixture
async def browser(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=bench.service.web)
    async with httpx.AsyncClient(transport=transport, base_url="http://routing", follow_redirects=True) as client:
        yield client


async def sign_in(browser: httpx.AsyncClient, name: str, role: str = "handler") -> httpx.Response:
    token = issue(KEY, name=name, role=role)  # type: ignore[arg-type]
    return await browser.post("/desk/sign-in", data={"token": token})


async def on_desk(bench: Bench, browser: httpx.AsyncClient) -> UUID:
    await bench.handler("zhang")
    complaint_id = await bench.complaint()
    await bench.rounds.round()
    page = await sign_in(browser, "zhang")
    assert "Offered to you" in page.text
    offer = (await bench.as_("zhang").get("/v1/handlers/zhang/offers")).json()[0]["offer_id"]
    page = await browser.post(f"/desk/offers/{offer}/accept", data={})
    assert page.url.path == f"/desk/cases/{complaint_id}"
    assert "in work" in page.text
    return complaint_id


async def test_without_a_token_there_is_only_the_form_to_sign_in(bench: Bench, browser: httpx.AsyncClient) -> None:
    complaint_id = await bench.complaint("Something secret happened.")
    for path in ("/desk", f"/desk/cases/{complaint_id}"):
        page = await browser.get(path)
        assert "Access token" in page.text
        assert "secret" not in page.text
    assert (await browser.get("/desk/live")).status_code == 401
    assert (await browser.post("/desk/sign-in", data={"token": "wrong"})).status_code == 401
    assert (await sign_in(browser, "web-shop", "channel")).status_code == 401


async def test_the_cookie_is_kept_from_scripts_and_other_sites(bench: Bench, browser: httpx.AsyncClient) -> None:
    answer = await browser.post(
        "/desk/sign-in", data={"token": issue(KEY, name="zhang", role="handler")}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    foreign = await browser.post("/desk/presence", data={"presence": "away"}, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    page = await browser.get("/desk")
    assert (
        "script-src" in page.headers["content-security-policy"]
        or "default-src 'self'" in page.headers["content-security-policy"]
    )
    await browser.post("/desk/sign-out", data={})
    assert "Access token" in (await browser.get("/desk")).text


async def test_a_case_is_worked_to_its_decision(bench: Bench, browser: httpx.AsyncClient) -> None:
    complaint_id = await on_desk(bench, browser)
    path = f"/desk/cases/{complaint_id}"
    page = await browser.post(
        f"{path}/contacts", data={"direction": "out", "outcome": "reached", "summary": "Told her."}
    )
    assert "Told her." in page.text
    form = {
        "examined": "order\ntest report", "cause": "C1_product_quality", "issues": "1", "remedies": "1",
        "i0-what": "refund of the phone", "i0-finding": "substantiated", "i0-request": "granted", "i0-fact": "Black",
        "i0-source": "test", "i0-date": "2026-06-05", "i0-apology": "responsibility", "i0-for": "the fault",
        "r0-type": "refund", "r0-class": "refund", "r0-issue": "i1", "r0-amount": "799", "r0-currency": "CNY",
        "r0-by": "2026-06-20", "r0-actor": "Zhang",
    }  # fmt: skip
    more = await browser.post(f"{path}/decide", data={**form, "do": "issue"})
    assert "Issue 2" in more.text
    assert "refund of the phone" in more.text
    wrong = await browser.post(f"{path}/decide", data={**form, "r0-currency": "", "do": "decide"})
    assert wrong.status_code == 422
    assert "an amount needs its currency" in wrong.text
    page = await browser.post(f"{path}/decide", data={**form, "do": "decide"})
    assert page.status_code == 200
    assert "upheld" in page.text
    decided = (await bench.as_("zhang").get(f"/v1/cases/{complaint_id}")).json()["decision"]
    await bench.feed(complaint_id, letter("resolution", decision_id=UUID(decided["decision_id"])))
    refused = await browser.post(f"{path}/resolve", data={})
    assert refused.status_code == 409
    assert "not carried out: r1" in refused.text
    await browser.post(f"{path}/remedy-done", data={"remedy_id": "r1", "evidence": "bank slip"})
    page = await browser.post(f"{path}/resolve", data={})
    assert "resolved" in page.text
    page = await browser.post(f"{path}/close", data={})
    assert "closed" in page.text


async def test_a_form_that_was_overtaken_is_refused_with_a_word(bench: Bench, browser: httpx.AsyncClient) -> None:
    complaint_id = await on_desk(bench, browser)
    page = await browser.post(f"/desk/cases/{complaint_id}/note", data={"text": "seen", "version": "1"})
    assert page.status_code == 409
    assert "has changed meanwhile" in page.text


async def test_pages_escape_and_speak_chinese(bench: Bench, browser: httpx.AsyncClient) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint("<script>alert(1)</script> 手机黑屏", language="zh")
    await sign_in(browser, "zhang")
    page = await browser.get(f"/desk/cases/{complaint_id}?lang=zh")
    assert "<script>alert" not in page.text
    assert "排队中" in page.text
    assert "基本情况" in page.text
    assert "工作台" in (await browser.get("/desk")).text  # the choice is remembered


async def test_the_lead_sees_who_is_free_and_gives_cases(bench: Bench, browser: httpx.AsyncClient) -> None:
    await bench.handler("zhang")
    complaint_id = await bench.complaint("My charger caught fire.")
    page = await sign_in(browser, "lena", "lead")
    assert "Wants a lead" in page.text
    assert "Trigger: Fire or shock" in page.text
    page = await browser.post(f"/desk/cases/{complaint_id}/transfer", data={"to": "zhang", "reason": "at once"})
    assert "in work" in page.text
    assert (await bench.types(complaint_id))[-1] == "ComplaintAssigned"
    assert (await browser.get("/desk", params={"q": "li na"})).text.count("AM-") >= 1
