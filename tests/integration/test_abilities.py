"""The ability sheet: who sees it, what is shown from thirty cases on, and that its figures are true."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from services.routing import abilities
from services.routing.abilities import Quarter
from services.routing.store import abilities as store
from shared.base.security import ROLES
from shared.events.escalation import SlaBreached
from tests.integration.test_sign_in import people
from tests.support.routing import Bench, offering
from tests.support.servers import Database

THIS = Quarter.of(datetime.now(UTC).date())


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    await made.handler("zhang", capacity=100)
    await made.handler("chen", capacity=100, presence="away")
    assert (await made.as_("boss", "manager").put("/v1/handlers/zhang/lead", json={"lead": "lena"})).is_success
    yield made
    await made.close()


def form(mark: int, words: str = "") -> dict[str, str]:
    return {"quarter": str(THIS), "words": words, **{f"b-{key}": str(mark) for key in abilities.behaviours()}}


def test_there_are_the_fourteen_behaviours_in_both_languages() -> None:
    found = abilities.behaviours()
    assert len(found) == 14
    assert all(zh and en and zh != en for zh, en in found.values())


def test_a_quarter_begins_and_ends_in_the_handlers_own_zone() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    begin, end = Quarter(2026, 4).bounds(shanghai)
    assert (begin.astimezone(UTC), end.astimezone(UTC)) == (
        datetime(2026, 9, 30, 16, tzinfo=UTC),
        datetime(2026, 12, 31, 16, tzinfo=UTC),
    )
    assert Quarter.of(date(2026, 3, 31)).after == Quarter.of(date(2026, 4, 1)) == Quarter(2026, 2)
    assert Quarter(2026, 1).before == Quarter(2025, 4)
    for text in ("2026", "2026Q5", "Q1", "1999Q1", "२०२६Q1", "2026Q1 "):
        assert Quarter.read(text) is None


async def test_a_sheet_is_seen_by_its_handler_and_his_lead_and_by_nobody_else(bench: Bench) -> None:
    seen = {("zhang", "handler"): 200, ("lena", "lead"): 200, ("lisa", "lead"): 403, ("chen", "handler"): 403}
    seen |= {(f"a-{role}", role): 403 for role in ROLES if role not in ("handler", "lead")}
    for (name, role), status in seen.items():
        for method in ("get", "post"):
            call = getattr(bench.as_(name, role), method)
            more = {"data": form(3), "follow_redirects": True} if method == "post" else {}
            answer = await call("/desk/abilities/zhang", **more)
            assert answer.status_code == status, (name, method)
    for role in ("handler", "lead", "auditor", "quality"):
        answer = await bench.as_(f"b-{role}", role).put("/v1/handlers/zhang/lead", json={"lead": f"b-{role}"})
        assert answer.status_code == 403, "nobody makes himself somebody's lead"
    assert (await bench.as_("lena", "lead").get("/desk/abilities/nobody")).status_code == 403


async def test_neither_side_sees_the_other_before_it_has_given_its_own(bench: Bench) -> None:
    zhang, lena = bench.as_("zhang"), bench.as_("lena", "lead")
    await zhang.post("/desk/abilities/zhang", data=form(4, "I listen better than in spring."))
    before = (await lena.get("/desk/abilities/zhang")).text
    assert "The other side has filled it in" in before
    assert "better than in spring" not in before
    assert 'class="mark' not in before
    await lena.post("/desk/abilities/zhang", data=form(2, "Let us practise the pause."))
    for page in (await lena.get("/desk/abilities/zhang"), await zhang.get("/desk/abilities/zhang")):
        assert page.text.count('class="mark') == 14
    assert "practise the pause" in (await zhang.get("/desk/abilities")).text
    assert "zhang" in (await lena.get("/desk/abilities")).text
    earlier = await zhang.get(f"/desk/abilities/zhang?quarter={THIS.before}")
    assert 'class="mark' not in earlier.text
    assert (await zhang.get(f"/desk/abilities/zhang?quarter={THIS.after}")).status_code == 404
    assert (await zhang.get("/desk/abilities/zhang?quarter=soon")).status_code == 404


async def test_figures_are_shown_from_thirty_cases_on_with_the_mix_and_are_true(bench: Bench) -> None:
    zhang = bench.as_("zhang")
    ids = [await bench.complaint(tier="top" if n < 3 else "middle") for n in range(abilities.LEAST - 1)]
    while any(row.n for row in await bench.sql("SELECT count(*) AS n FROM case_file WHERE queued")):
        await bench.rounds.round()
    for offer in (await zhang.get("/v1/handlers/zhang/offers")).json():
        assert (await zhang.post(f"/v1/offers/{offer['offer_id']}/accept")).is_success
    page = (await zhang.get("/desk/abilities")).text
    assert "29 cases so far; figures are shown from 30 on" in page
    assert "Case mix" not in page
    ids.append(await bench.complaint("The technician was rude to my mother."))
    await bench.rounds.round()
    for outcome in ("reached", "no_answer", "no_answer"):
        given = {"direction": "out", "channel": "hotline", "outcome": outcome, "summary": "A call."}
        given |= {"at": datetime.now(UTC).isoformat()}
        assert (await zhang.post(f"/v1/cases/{ids[0]}/contacts", json=given)).is_success
    for n, complaint_id in enumerate(ids[:2]):
        for _ in range(2 - n):
            await bench.feed(complaint_id, breach())
    begin, end = THIS.bounds(ZoneInfo("UTC"))
    async with bench.spine.db.read() as tx:
        found = await store.figures(tx, "zhang", begin, end)
        nobody = await store.figures(tx, "chen", begin, end)
    assert (found.cases, found.contacts, found.reached, found.breached, found.reopened) == (30, 3, 1, 2, 0)
    assert found.mix["tier"] == {"middle": 27, "top": 3}
    assert sum(found.mix["cause"].values()) == 30
    assert nobody.cases == 0
    page = (await zhang.get("/desk/abilities")).text
    assert "Case mix" in page
    assert "2 of 30 (7 %)" in page
    assert "3, reached 1" in page


def breach() -> SlaBreached:
    now = datetime.now(UTC)
    return SlaBreached(
        clock_id=uuid4(), kind="next_update", version=1, due_at=now, noticed_at=now, tier="middle"
    )  # fmt: skip


async def test_declined_offers_count_against_those_made(database: Callable[..., Database], tmp_path: Path) -> None:
    bench = Bench(database(), offering(tmp_path))
    try:
        await bench.handler("zhang")
        for _ in range(2):
            await bench.complaint()
        await bench.rounds.round()
        zhang = bench.as_("zhang")
        offers = (await zhang.get("/v1/handlers/zhang/offers")).json()
        assert (await zhang.post(f"/v1/offers/{offers[0]['offer_id']}/accept")).is_success
        assert (await zhang.post(f"/v1/offers/{offers[1]['offer_id']}/decline")).is_success
        async with bench.spine.db.read() as tx:
            found = await store.figures(tx, "zhang", *THIS.bounds(ZoneInfo("UTC")))
        assert (found.cases, found.offers, found.declined) == (1, 2, 1)
    finally:
        await bench.close()


async def test_the_command_line_says_who_leads_whom(bench: Bench) -> None:
    assert (await people(bench, "lead", "chen", "lena")).stdout == "chen is led by lena\n"
    assert (await bench.as_("lena", "lead").get("/desk/abilities/chen")).status_code == 200
    assert (await people(bench, "lead", "chen", "-")).stdout == "chen is led by nobody\n"
    assert (await bench.as_("lena", "lead").get("/desk/abilities/chen")).status_code == 403
    assert (await people(bench, "lead", "nobody", "lena")).returncode == 1
