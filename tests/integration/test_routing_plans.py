"""Bringing in a shift plan: over the API, on the leads' page, and with `amends people shifts`; all of it or nothing."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.integration.test_sign_in import people
from tests.support.routing import Bench
from tests.support.servers import Database

GOOD = "handler,days,start,end,zone\nzhang,Mon-Sun,00:00,12:00,UTC\nzhang,Mon-Sun,12:00,24:00,UTC\n"
BAD = "handler,days,start,end\nzhang,Mon,09:00,17:00\nnobody,Mon,09:00,7pm\n"


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    await made.handler("zhang", shifts=[{"days": [1], "start": "09:00", "end": "10:00"}])
    await made.handler("chen", shifts=[{"days": [2], "start": "09:00", "end": "10:00"}])
    yield made
    await made.close()


async def shifts_of(bench: Bench, name: str) -> list[tuple[str, str]]:
    entry = (await bench.as_("lena", "lead").get(f"/v1/handlers/{name}")).json()
    return [(s["start"], s["end"]) for s in entry["shifts"]]


async def test_one_mistake_applies_nothing_a_check_changes_nothing_and_a_good_plan_replaces_those_it_names(
    bench: Bench,
) -> None:
    lead = bench.as_("lena", "lead")
    refused = await lead.post("/v1/shifts", content=BAD.encode())
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [(w["line"], w["column"], w["name"]) for w in refused.json()["wrong"]] == [(3, 1, "handler"), (3, 4, "end")]
    checked = await lead.post("/v1/shifts?dry_run=true", content=GOOD.encode())
    assert checked.json() == {
        "applied": False,
        "handlers": [{"handler": "zhang", "before": 1, "after": 2, "zone": "UTC", "until": ""}],
    }
    assert await shifts_of(bench, "zhang") == [("09:00", "10:00")]
    assert (await lead.post("/v1/shifts", content=GOOD.encode())).json()["applied"] is True
    assert await shifts_of(bench, "zhang") == [("00:00", "12:00"), ("12:00", "24:00")]
    assert await shifts_of(bench, "chen") == [("09:00", "10:00")]
    assert (await bench.as_("zhang").post("/v1/shifts", content=GOOD.encode())).status_code == 403


async def test_the_plan_decides_who_is_given_work(bench: Bench) -> None:
    lead = bench.as_("lena", "lead")
    past = "handler,date,start,end\nzhang,2020-01-01,00:00,24:00\nchen,2020-01-01,00:00,24:00\n"
    assert (await lead.post("/v1/shifts", content=past.encode())).is_success
    complaint_id = await bench.complaint()
    await bench.rounds.round()
    assert (await lead.get(f"/v1/cases/{complaint_id}")).json()["state"] == "waiting"
    assert (await lead.post("/v1/shifts", content=GOOD.encode())).is_success
    await bench.rounds.round()
    case = (await lead.get(f"/v1/cases/{complaint_id}")).json()
    assert (case["state"], case["handler"]["id"]) == ("assigned", "zhang")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\x00", b"handler\x00,start", b"a" * 200_000, b'"' * 99, GOOD.encode("utf-16"), b"\n" * 5000]
)
async def test_whatever_is_sent_is_refused_in_words(bench: Bench, raw: bytes) -> None:
    answer = await bench.as_("lena", "lead").post("/v1/shifts", content=raw)
    assert answer.status_code == 422
    assert answer.json()["wrong"]


async def test_the_leads_page_checks_first_and_lists_every_mistake(bench: Bench) -> None:
    lead = bench.as_("lena", "lead")
    page = await lead.post("/desk/shifts", files={"file": ("plan.csv", BAD)}, data={"do": "apply"})
    assert page.status_code == 422
    assert "2 things are wrong" in page.text
    assert "nobody is not on the staff list" in page.text
    page = await lead.post("/desk/shifts", files={"file": ("plan.csv", GOOD)}, data={"do": "try"})
    assert "would change the shifts of 1" in page.text
    assert await shifts_of(bench, "zhang") == [("09:00", "10:00")]
    page = await lead.post("/desk/shifts", files={"file": ("plan.csv", GOOD)}, data={"do": "apply"})
    assert "Brought in" in page.text
    assert await shifts_of(bench, "zhang") == [("00:00", "12:00"), ("12:00", "24:00")]
    assert (await lead.post("/desk/shifts", data={"do": "apply"})).status_code == 422
    forged = await lead.post("/desk/shifts", files={"file": ("p", GOOD)}, headers={"Origin": "https://evil.test"})
    assert forged.status_code == 403


async def test_the_command_line_names_file_line_and_column(bench: Bench, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text(BAD)
    good.write_text(GOOD)
    done = await people(bench, "shifts", str(bad))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"{bad}:3:1: handler: nobody is not on the staff list",
        f"{bad}:3:4: end: 7pm is not a time; write 09:00",
    ]
    done = await people(bench, "shifts", str(good), "--dry-run")
    assert done.stdout.splitlines()[-1] == "1 handler(s) would change; nothing was applied"
    done = await people(bench, "shifts", str(good), "--json")
    assert json.loads(done.stdout)["after"] == 2
    assert await shifts_of(bench, "zhang") == [("00:00", "12:00"), ("12:00", "24:00")]
    assert (await people(bench, "shifts", str(tmp_path / "none.csv"))).returncode == 2
