"""Many cases at once, and files, on the desk's pages: in a real browser, and as forms without JavaScript."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.base.security import issue
from tests.support.browser import browser
from tests.support.desk import House, house
from tests.support.routing import KEY
from tests.support.servers import Database

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000"
    "000049454e44ae426082"
)


@pytest.fixture
async def desk(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[House]:
    async with house(database(), tmp_path) as made:
        yield made


def signed_in(desk: House, name: str, role: str = "handler") -> httpx.AsyncClient:
    token = issue(KEY, name=name, role=role)  # type: ignore[arg-type]
    return httpx.AsyncClient(base_url=desk.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)


async def three(desk: House) -> list[UUID]:
    """Three cases that wait while Zhang is away."""
    await desk.bench.handler("zhang", presence="away")
    return [await desk.complaint(words) for words in ("The phone is defective.", "No signal.", "Charged twice.")]


async def test_a_lead_assigns_all_waiting_cases_by_keyboard(desk: House) -> None:
    cases = await three(desk)
    async with browser() as page:
        await page.open(f"{desk.url}/desk/team", cookies=desk.cookies("lena", "lead"))
        await page.until("document.documentElement.classList.contains('js')")
        hidden = "getComputedStyle(document.getElementById('many')).display"
        assert await page.evaluate(hidden) == "none"
        await page.press("j")
        await page.press("v")
        assert await page.evaluate("document.getElementById('many-count').textContent") == "1 chosen"
        await page.press("V")
        assert await page.evaluate("document.getElementById('many-count').textContent") == "3 chosen"
        # News of other cases change nothing of what is chosen.
        await desk.complaint("The router is slow.", tier="top")
        await page.until("document.querySelectorAll('#waiting ~ .work li').length === 4")
        assert await page.evaluate("document.getElementById('many-count').textContent") == "3 chosen"
        await page.press("b")
        assert await page.evaluate("document.activeElement.id") == "many-command"
        await page.evaluate("document.getElementById('many-text').focus()")
        await page.type("they belong together")
        await page.press("Enter", ctrl=True)
        await page.until("document.body.textContent.includes('Done for 3 cases.')")
    for case in cases:
        found = (await desk.bench.as_("zhang").get(f"/v1/cases/{case}")).json()
        assert found["handler"]["id"] == "zhang"


async def test_what_is_refused_is_told_case_by_case_and_sent_twice_is_done_once(desk: House) -> None:
    mine, other, third = await three(desk)
    async with signed_in(desk, "lena", "lead") as lead, signed_in(desk, "zhang") as zhang:
        to_zhang = {"command": "transfer", "to": "zhang", "text": "yours", "back": "team", "case": f"{mine}:0"}
        stale = await lead.post("/desk/bulk", data={**to_zhang, "case": [f"{mine}:0"], "key": "a"})
        assert "changed meanwhile" in stale.text
        page = await zhang.get("/desk?q=Li")
        assert f'value="{mine}:' in page.text, "what is found can be chosen too"
        given = await lead.post("/desk/bulk", data={**to_zhang, "case": [str(mine)], "key": "b"})
        assert given.status_code == 303
        all_three = [str(mine), str(other), str(third)]
        noted = {"command": "note", "text": "Look at all of these.", "case": all_three, "key": "c"}
        for _ in range(2):
            assert (await zhang.post("/desk/bulk", data=noted)).headers["location"] == "/desk?many=3"
        partly = await zhang.post("/desk/bulk", data={"command": "close", "case": [str(mine), str(other)], "key": "d"})
        assert partly.text.count("AM-") >= 2
        assert "refused for 2" in partly.text
        whole = {"command": "call-lead", "text": "please", "mode": "all", "case": [f"{mine}:0", str(other)], "key": "e"}
        refused = await zhang.post("/desk/bulk", data=whole)
        assert refused.status_code == 409
        assert (await zhang.post("/desk/bulk", data={"command": "note", "text": "x"})).status_code == 422
        assert (await zhang.post("/desk/bulk", data={"command": "drop", "case": [str(mine)]})).status_code == 422
    notes = await desk.bench.sql("SELECT count(*) FROM history WHERE kind = 'note'")
    assert notes[0][0] == 3
    wanted = await desk.bench.sql("SELECT count(*) FROM case_file WHERE lead_wanted = 'asked_by_handler'")
    assert wanted[0][0] == 0, "all of them or none"


async def test_files_are_added_on_the_case_page_and_given_back(desk: House) -> None:
    case, *_ = await three(desk)
    path = f"/desk/cases/{case}"
    async with signed_in(desk, "zhang") as zhang:
        page = await zhang.get(path)
        assert 'type="file"' in page.text
        sent = {"file": ("meter.png", PNG, "image/png")}
        answer = await zhang.post(f"{path}/attachments", files=sent)
        assert answer.status_code == 303, answer.text
        page = (await zhang.get(path)).text
        assert "meter.png" in page
        address = page.split(f'href="{path}/attachments/')[1].split('"')[0]
        found = await zhang.get(f"{path}/attachments/{address}")
        assert found.headers["content-type"] == "image/png"
        assert found.headers["content-disposition"].startswith("attachment")
        program = await zhang.post(f"{path}/attachments", files={"file": ("a.exe", b"MZ..", "image/png")})
        assert program.status_code == 422
        assert "Programs are not taken." in program.text
        elsewhere = await zhang.post(f"{path}/attachments", files=sent, headers={"Origin": "https://evil.example"})
        assert elsewhere.status_code == 403
