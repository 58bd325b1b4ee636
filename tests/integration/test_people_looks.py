"""Sign-in, account, shifts, replies and ability sheets in a real browser: accessible, in both languages and widths."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.routing import abilities
from shared.base.security import COOKIE
from tests.integration.test_abilities import THIS, breach, form
from tests.integration.test_intake_looks import look
from tests.integration.test_sign_in import PASSWORD, account
from tests.support.browser import DESKTOP, browser, served
from tests.support.routing import Bench
from tests.support.servers import Database

WORDS = (
    "The phone is defective and broken after two days.",
    "Your repair shop repaired it and the same fault came back.",
    "The shop assistant was rude to my mother.",
    "I was overcharged on my bill.",
)


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    await made.service.opened()
    yield made
    await made.close()


async def work(bench: Bench) -> list[UUID]:
    """A quarter of one handler's work, and what he and his lead think of it."""
    plan = [
        {"days": [1, 2, 3, 4, 5], "start": "00:00", "end": "24:00"},
        {"days": [6, 7], "start": "00:00", "end": "24:00"},
    ]
    await bench.handler("zhang", name="Zhang Min", capacity=100, shifts=plan)
    await bench.handler("chen", name="Luo Chen", presence="away")
    tiers = ("high", "middle", "middle", "low")
    words = [(WORDS[n * 3 // 2 % len(WORDS)], tiers[n % 4]) for n in range(abilities.LEAST + 3)]
    ids = [await bench.complaint(said, tier=tier) for said, tier in words]
    while any(row.n for row in await bench.sql("SELECT count(*) AS n FROM case_file WHERE queued")):
        await bench.rounds.round()
    for n, complaint_id in enumerate(ids[:9]):
        call = {"direction": "out", "channel": "hotline", "summary": "A call.", "at": datetime.now(UTC).isoformat()}
        outcome = "no_answer" if n % 4 == 3 else "reached"
        await bench.as_("zhang").post(f"/v1/cases/{complaint_id}/contacts", json={**call, "outcome": outcome})
    for complaint_id in ids[:2]:
        await bench.feed(complaint_id, breach())
    boss, lena = bench.as_("boss", "manager"), bench.as_("lena", "lead")
    for name in ("zhang", "chen"):
        await boss.put(f"/v1/handlers/{name}/lead", json={"lead": "lena"})
    marks = {f"b-{key}": str(2 + n % 3) for n, key in enumerate(abilities.behaviours())}
    said = "I let customers finish now. Next: call you sooner when somebody threatens."
    await bench.as_("zhang").post("/desk/abilities/zhang", data={**form(3, said), **marks})
    await lena.post("/desk/abilities/zhang", data=form(3, "The calls of May show it: you wait until they are done."))
    return ids


async def test_every_page_is_accessible_and_fits_in_both_languages(bench: Bench) -> None:
    ids = await work(bench)
    await account(bench, "zhang")
    await account(bench, "lena", "lead")
    tokens = {}
    for name in ("zhang", "lena"):
        signed = await bench.as_("anybody").post("/v1/sessions", json={"name": name, "password": PASSWORD})
        tokens[name] = {COOKIE: signed.json()["token"]}
    reply = (await bench.as_("lena", "lead").get("/v1/replies")).json()[0]["reply_id"]
    async with served(bench.service.web) as base, browser() as page:
        wrong = await look(page, f"{base}/desk/sign-in", "sign-in")
        wrong += await look(page, f"{base}/desk/account", "account", cookies=tokens["zhang"])
        wrong += await look(page, f"{base}/desk/abilities/zhang?quarter={THIS}", "abilities", cookies=tokens["zhang"])
        wrong += await look(page, f"{base}/desk/cases/{ids[0]}/replies", "use-reply", cookies=tokens["zhang"])
        wrong += await look(page, f"{base}/desk/replies/{reply}", "reply", cookies=tokens["lena"])
        for name in ("abilities", "shifts", "replies"):
            wrong += await look(page, f"{base}/desk/{name}", f"{name}-lead", cookies=tokens["lena"])
        assert wrong == []


async def test_one_signs_in_by_keyboard_and_a_reply_goes_from_the_library_into_the_form(bench: Bench) -> None:
    ids = await work(bench)
    await account(bench, "zhang")
    async with served(bench.service.web) as base, browser() as page:
        await page.open(f"{base}/desk/cases/{ids[0]}", size=DESKTOP)
        await page.evaluate(
            "const [name, password] = ['#name', '#password'].map((id) => document.querySelector(id));"
            f"name.value = 'zhang'; password.value = '{PASSWORD}'; password.form.requestSubmit()"
        )
        await page.settled()
        for _ in range(100):
            if await page.evaluate("!!document.querySelector('form[action$=\"/reply\"] select')"):
                break
            await page.settled()
        filled = await page.evaluate(
            "(() => { const form = document.querySelector('form[action$=\"/reply\"]'); const list = "
            "form.querySelector('select'); list.value = '0'; list.dispatchEvent(new Event('change'));"
            "return form.querySelector('textarea').value; })()"
        )
        assert filled.startswith("You bought")
        assert await page.evaluate("location.pathname") == f"/desk/cases/{ids[0]}"
