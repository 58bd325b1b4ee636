"""What a person says of a case: its cause; and what quality alone is told of mystery customers."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.events.routing import ComplaintTriaged
from tests.support.routing import Bench, offering, received
from tests.support.servers import Database


@pytest.fixture
async def bench(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(database(), offering(tmp_path))
    yield made
    await made.close()


async def a_case(bench: Bench, words: str, **more: object) -> UUID:
    complaint_id = uuid4()
    await bench.feed(complaint_id, received(words, **more))
    return complaint_id


async def on_a_desk(bench: Bench, words: str) -> UUID:
    await bench.handler("zhang")
    case = await a_case(bench, words)
    given = await bench.as_("lena", "lead").post(f"/v1/cases/{case}/transfer", json={"to": "zhang", "reason": "x"})
    given.raise_for_status()
    return case


async def test_a_lead_says_what_an_unknown_case_is_about_and_it_waits_for_the_right_people(bench: Bench) -> None:
    case = await a_case(bench, "Good morning, something is not right with you.")
    lead, path = bench.as_("lena", "lead"), f"/v1/cases/{case}"
    before = (await lead.get(path)).json()
    assert before["cause"] == "unknown"
    said = await lead.post(f"{path}/cause", json={"cause": "C3", "reason": "I called: no signal at home"})
    assert said.status_code == 200, said.text
    after = said.json()
    assert after["cause"] == "C3_network_defect"
    assert after["skills"] != before["skills"]
    assert after["decided_by"][0] == "cause:C3_network_defect:person:lena"
    told = [p for p in await bench.emitted(case) if isinstance(p, ComplaintTriaged)]
    assert [p.cause for p in told] == ["unknown", "C3_network_defect"]
    (line,) = await bench.sql("SELECT data FROM history WHERE kind = 'cause_set'")
    assert line.data["reason"] == "I called: no signal at home"


async def test_judgements_of_the_wish_need_an_investigation(bench: Bench) -> None:
    waiting = await a_case(bench, "Good morning.")
    body = {"cause": "C9", "reason": "wants ten times the price"}
    early = await bench.as_("lena", "lead").post(f"/v1/cases/{waiting}/cause", json={**body, "examined": ["the order"]})
    assert early.status_code == 409
    case = await on_a_desk(bench, "Good evening.")
    zhang, path = bench.as_("zhang"), f"/v1/cases/{case}/cause"
    unseen = await zhang.post(path, json=body)
    assert (unseen.status_code, unseen.json()["errors"][0]["pointer"]) == (422, "/examined")
    assert (await zhang.post(path, json={"cause": "unknown", "reason": "x"})).status_code == 422
    assert (await zhang.post(path, json={"cause": "C4"})).status_code == 422, "without a reason nobody knows why"
    assert (await bench.as_("wang").post(path, json=body)).status_code == 403
    assert (await zhang.post(path, json={**body, "version": 0, "examined": ["the order"]})).status_code == 409
    done = await zhang.post(path, json={**body, "examined": ["the order", "our price list"]})
    assert done.json()["cause"] == "C9_unmet_excessive"


async def test_the_desk_has_a_form_for_it(bench: Bench) -> None:
    case = await on_a_desk(bench, "Good evening.")
    zhang, path = bench.as_("zhang"), f"/desk/cases/{case}"
    assert 'id="act-set_cause"' in (await zhang.get(path)).text
    refused = await zhang.post(f"{path}/cause", data={"cause": "C8_measuring_gap", "reason": "other measure"})
    assert refused.status_code == 422
    assert "/examined" in refused.text
    form = {"cause": "C8_measuring_gap", "reason": "other measure", "examined": "the advert\nthe contract"}
    assert (await zhang.post(f"{path}/cause", data=form)).status_code == 303
    page = (await zhang.get(path)).text
    assert "measured differently" in page


async def test_mystery_customers_are_shown_to_quality_alone_after_closing_and_counted_nowhere(bench: Bench) -> None:
    await bench.handler("zhang")
    case = await a_case(bench, "The phone is defective.", probe="mystery")
    quality, lead, zhang = bench.as_("quinn", "quality"), bench.as_("lena", "lead"), bench.as_("zhang")
    reference = (await lead.get(f"/v1/cases/{case}")).json()["reference"]
    assert reference not in (await quality.get("/desk/quality")).text, "it is still open"
    (await lead.post(f"/v1/cases/{case}/transfer", json={"to": "zhang", "reason": "x"})).raise_for_status()
    reached = {"direction": "out", "outcome": "reached", "summary": "fine", "customer_confirmed_resolved": True}
    (await zhang.post(f"/v1/cases/{case}/contacts", json=reached)).raise_for_status()
    (await zhang.post(f"/v1/cases/{case}/resolve", json={"settled_how": "a new phone"})).raise_for_status()
    (await zhang.post(f"/v1/cases/{case}/close", json={})).raise_for_status()
    page = await quality.get("/desk/quality")
    assert reference in page.text
    assert (await quality.get("/desk")).headers["location"] == "/desk/quality"
    for other in (lead, zhang):
        assert (await other.get("/desk/quality")).status_code == 403
    figures = (await lead.get("/v1/figures/first-contact")).json()
    assert (figures["yes"], figures["no"], figures["pending"]) == (0, 0, 0)
    assert "0 of 0 complaints" in (await lead.get("/desk/team")).text
