"""The desk in a real browser: live without reloading, worked by keyboard from offer to letter, readable everywhere."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.browser import DESKTOP, PHONE, Page, browser
from tests.support.desk import House, house
from tests.support.routing import clocks, letter
from tests.support.scale import FULL
from tests.support.servers import Database

PICTURES = os.environ.get("AMENDS_PICTURES")  # a folder that keeps what the test sees
BOTH = (("en", DESKTOP), ("en", PHONE), ("zh", DESKTOP), ("zh", PHONE))
# All rows are chosen, so that the bar shows.
CHOSEN = (
    "document.querySelectorAll('[data-pick]').forEach((p) => { p.checked = true; }), "
    "document.querySelector('[data-pick]').dispatchEvent(new Event('input', {bubbles: true})), "
    "document.querySelector('#many.on')"
)
DECISION = {
    "examined": "order record\ntest report", "cause": "C1_product_quality", "i0-what": "refund of the phone",
    "i0-finding": "substantiated", "i0-request": "granted", "i0-fact": "The battery loses its charge in an hour",
    "i0-source": "test report", "i0-date": "2026-06-05", "i0-reason": "the fault was there from the start",
    "i0-apology": "responsibility", "i0-for": "the faulty battery", "r0-type": "refund", "r0-class": "refund",
    "r0-issue": "i1", "r0-amount": "799", "r0-currency": "CNY", "r0-by": "2030-06-20", "r0-actor": "we",
    "c-action": "send us your account number", "c-channel": "phone", "c-contact": "010-5550100", "c-by": "2030-06-10",
}  # fmt: skip


@pytest.fixture
async def desk(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[House]:
    async with house(database(), tmp_path) as made:
        yield made


async def worked(desk: House) -> UUID:
    """A team, one case on Zhang's desk, others offered and waiting; the case on the desk."""
    await desk.bench.handler("zhang", role_title="complaint handler", authority={"CNY": 1000, "GBP": 100})
    await desk.bench.handler("emma", presence="away")
    await desk.bench.handler("omar", role_title="team lead", permissions=["lead"], capacity=0)
    taken = await desk.complaint("The battery of my new phone is empty after an hour. I want my money back.")
    await desk.bench.rounds.round()
    zhang = desk.bench.as_("zhang")
    (offer,) = (await zhang.get("/v1/handlers/zhang/offers")).json()
    (await zhang.post(f"/v1/offers/{offer['offer_id']}/accept")).raise_for_status()
    await desk.feed(taken, clocks(timedelta(hours=5)))
    await desk.told(taken)
    await desk.complaint("Your engineer did not come, and nobody called me back.", tier="top")
    await desk.bench.rounds.round()
    await desk.bench.handler("zhang", capacity=1, authority={"CNY": 1000, "GBP": 100})
    for words in ("No signal since Monday.", "My charger caught fire.", "You charged me twice."):
        await desk.complaint(words)
    await desk.bench.rounds.round()
    return taken


async def look(page: Page, url: str, name: str, cookies: Mapping[str, str], *, ready: str = "true") -> list[str]:
    """Open a page at a telephone's and a desktop's width in both languages: what is wrong with it."""
    wrong = []
    for language, size in BOTH if FULL or PICTURES else BOTH[1:3]:
        await page.open(url, size=size, language=language, cookies=cookies)
        await page.until(ready)
        where = f"{name} {language} {size[0]}px"
        if await page.overflows():
            wrong.append(f"{where}: wider than the window")
        found = await page.accessibility()
        wrong += [
            f"{where}: {rule}: {w} {nodes}" for impact, rule, w, nodes in found if impact in ("serious", "critical")
        ]
        if PICTURES:
            await page.picture(Path(PICTURES) / f"{name}-{language}-{size[0]}.png")
    return wrong


async def test_every_page_is_accessible_and_fits_in_both_languages(desk: House) -> None:
    case = await worked(desk)
    zhang, lead = desk.cookies("zhang"), desk.cookies("lena", "lead")
    path = f"/desk/cases/{case}"
    (await desk.bench.as_("zhang").post(f"/v1/cases/{case}/note", json={"text": "Called the shop."})).raise_for_status()
    report = {"file": ("test-report.txt", b"The battery holds for 58 minutes.", "text/plain")}
    (await desk.bench.as_("zhang").post(f"/v1/cases/{case}/attachments", files=report)).raise_for_status()
    async with browser() as page:
        wrong = await look(page, f"{desk.url}/desk", "desk", zhang)
        wrong += await look(page, f"{desk.url}/desk?q=li", "search", lead)
        wrong += await look(page, f"{desk.url}/desk/team", "lead", lead)
        wrong += await look(page, f"{desk.url}/desk/team", "many", lead, ready=CHOSEN)
        wrong += await look(page, f"{desk.url}/desk/sample", "sample", lead)
        wrong += await look(page, f"{desk.url}/desk/quality", "quality", desk.cookies("quinn", "quality"))
        wrong += await look(page, f"{desk.url}{path}", "case", zhang)
        wrong += await look(page, f"{desk.url}{path}/decide", "decide-empty", zhang)
        await page.evaluate(_filled(DECISION))
        await page.until("document.querySelector('#sight .letter')")
        await page.until("document.querySelector('#sight .saved')")
        has = "document.querySelectorAll('#sight .letter [class^=part-]').length > 3"
        wrong += await look(page, f"{desk.url}{path}/decide", "decide", zhang, ready=has)
        assert wrong == []


async def test_news_arrive_without_reloading(desk: House) -> None:
    await desk.bench.handler("zhang")
    async with browser() as page:
        await page.open(f"{desk.url}/desk", cookies=desk.cookies("zhang"))
        await page.until("document.querySelector('#link.on')", what="the stream is open")
        await page.evaluate("window.same = 'the same page'")
        await desk.complaint("The phone is defective.")
        await desk.bench.rounds.round()
        await page.until("document.querySelector('.offer')", what="the offer came")
        assert "left" in await page.evaluate("document.querySelector('.offer time').textContent")
        # What somebody is typing stays while other news arrive.
        await page.press("x")
        await page.type("a more urgent case")
        await desk.complaint("No signal since Monday.")
        await desk.bench.rounds.round()
        await page.until("document.querySelectorAll('.offer').length === 2")
        assert await page.evaluate("document.querySelector('.decline input').value") == "a more urgent case"
        assert await page.evaluate("window.same") == "the same page"
        await page.press("Enter")
        await page.until("document.querySelectorAll('.offer').length === 1 && !window.same")
    offers = await desk.bench.sql("SELECT state, reason FROM offer WHERE reason IS NOT NULL")
    assert [tuple(row) for row in offers] == [("declined", "a more urgent case")]


def _filled(values: Mapping[str, str]) -> str:
    fields = "; ".join(f"form.elements['{name}'].value = {value!r}" for name, value in values.items())
    return f"const form = document.getElementById('decision'); {fields}; form.dispatchEvent(new Event('input'))"


async def test_a_case_is_worked_by_keyboard_from_the_offer_to_the_letter(desk: House) -> None:
    await desk.bench.handler("zhang")
    case = await desk.complaint("The battery of my new phone is empty after an hour.")
    await desk.bench.rounds.round()
    async with browser() as page:
        await page.open(f"{desk.url}/desk", cookies=desk.cookies("zhang"))
        await page.until("document.documentElement.classList.contains('js')")
        await page.press("?")
        assert await page.evaluate("document.getElementById('keys').open")
        await page.evaluate("document.getElementById('keys').close()")
        await page.press("a")
        await page.until(f"location.pathname === '/desk/cases/{case}' && document.querySelector('#act-contact')")
        await desk.told(case)
        await page.until("document.documentElement.classList.contains('js')")
        await page.press("c")
        await page.evaluate("document.getElementById('summary').focus()")
        await page.type("Told her that I test the phone today.")
        await page.press("Enter", ctrl=True)
        await page.until("document.body.textContent.includes('Told her that I test the phone today.')")
        await page.until("location.search === '?done=1' && document.documentElement.classList.contains('js')")
        await page.press("d")
        await page.until("document.getElementById('decision') && document.documentElement.classList.contains('js')")
        await page.evaluate(_filled(DECISION))
        await page.until("document.querySelector('#sight .letter .part-remedy')", what="the letter beside the form")
        shown = await page.evaluate("document.querySelector('#sight .letter').textContent")
        assert "799" in shown
        assert "Li Na" in shown
        await page.evaluate("document.getElementById('examined').focus()")
        await page.press("Enter", ctrl=True)
        await page.until(f"location.pathname === '/desk/cases/{case}' && document.querySelector('#link.on')")
        decided = (await desk.bench.as_("zhang").get(f"/v1/cases/{case}")).json()
        assert decided["state"] == "decided"
        await page.evaluate("window.same = true")
        await desk.feed(case, letter("resolution", decision_id=UUID(decided["decision"]["decision_id"]), by="zhang"))
        await page.until("document.querySelector('.case-head').textContent.includes('communicated')")
        assert await page.evaluate("window.same")


async def test_a_lead_gives_a_waiting_case_by_keyboard(desk: House) -> None:
    await desk.bench.handler("zhang", presence="away")
    case = await desk.complaint("The phone is defective.")
    async with browser() as page:
        await page.open(f"{desk.url}/desk/team", cookies=desk.cookies("lena", "lead"))
        await page.until("document.documentElement.classList.contains('js')")
        await page.press("j")
        await page.press("e")
        assert await page.evaluate("document.activeElement.name") == "to"
        await page.press("Enter", ctrl=True)
        await page.until("document.querySelector('#waiting').textContent.includes('0')")
    assert (await desk.bench.as_("zhang").get(f"/v1/cases/{case}")).json()["handler"]["id"] == "zhang"
