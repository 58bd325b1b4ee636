"""Explanations as docs/routing.md shows them: an assigned, a relaxed and an unroutable case, run and compared."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.routing import Bench
from tests.support.servers import Database

PAGE = Path(__file__).parents[2] / "docs" / "routing.md"
PEOPLE: dict[str, dict[str, Any]] = {
    "zhang.min": {"name": "Zhang Min", "skills": {"product": 4, "billing": 3}},
    "li.wei": {"name": "Li Wei", "skills": {"product": 5}},
    "wang.fang": {"name": "Wang Fang", "skills": {"product": 4}, "languages": ["en"]},
    "chen.jie": {"name": "Chen Jie", "skills": {"product": 3, "network": 4}, "authority": {"CNY": "500"}},
    "zhao.lei": {"name": "Zhao Lei", "skills": {"product": 1}, "tiers": ["low"]},
}


@pytest.fixture
async def bench(database: Callable[..., Database]) -> AsyncIterator[Bench]:
    made = Bench(database())
    for handler, more in PEOPLE.items():
        await made.handler(handler, **{"tiers": ["high", "middle", "low"], **more})
    yield made
    await made.close()


async def waited(bench: Bench, complaint_id: UUID, seconds: int) -> None:
    """Let the case have waited so long."""
    since = f"now() - interval '{seconds} seconds'"
    await bench.sql(
        f"UPDATE case_file SET waiting_since = {since}, document = jsonb_set(document, '{{waiting_since}}', "
        f"to_jsonb({since})) WHERE complaint_id = :id",
        id=complaint_id,
    )


async def shown(bench: Bench, complaint_id: UUID) -> str:
    """The explanation as the page shows it: the sentence, then everybody with verdict and reason."""
    why = (await bench.as_("lena", "lead").get(f"/v1/cases/{complaint_id}/explanation")).json()
    lines = [f"{why['words']['en']}", f"{why['words']['zh']}"]
    for c in sorted(why["candidates"], key=lambda c: c["name"]):
        if c["verdict"] == "refused":
            lines.append(f"{c['name']:<10} refused  {c['words']['en']}")
        else:
            scores = f"step {c['step']}, flexibility {c['flexibility']}, {c['load']}/{c['capacity']} places"
            lines.append(f"{c['name']:<10} {c['verdict']:<8} {scores}")
    return re.sub(r"\d\d:\d\d", "14:05", "\n".join(f"    {line}" for line in lines))


async def test_the_page_shows_explanations_as_they_are(bench: Bench) -> None:
    first = await bench.complaint("手机黑屏，质量太差，屏幕坏了", language="zh")
    await bench.as_("lena", "lead").post(f"/v1/cases/{first}/transfer", json={"to": "zhang.min", "reason": "free"})
    await bench.as_("lena", "lead").put("/v1/handlers/zhang.min/presence", json="away")
    customer = (await bench.case(first)).customer_id
    more = {"customer_id": customer, "value_at_stake": "799.00 CNY"}
    assigned = await bench.complaint("手机黑屏，质量太差，屏幕坏了", language="zh", **more)
    await bench.rounds.round()
    parts = {"assigned": await shown(bench, assigned)}

    for gone in ("li.wei", "wang.fang", "chen.jie"):
        await bench.as_("lena", "lead").put(f"/v1/handlers/{gone}/presence", json="away")
    relaxed = await bench.complaint(tier="low")
    await bench.rounds.round()
    await waited(bench, relaxed, 121)
    await bench.rounds.round()
    parts["relaxed"] = await shown(bench, relaxed)
    told = [p for p in await bench.emitted(relaxed) if type(p).__name__ == "RequirementsRelaxed"]
    parts["event"] = "    " + " ".join(p.model_dump_json() for p in told)

    unroutable = await bench.complaint("There is no signal, the network is down.", tier="high")
    await waited(bench, unroutable, 901)
    await bench.rounds.round()
    parts["unroutable"] = await shown(bench, unroutable)
    page = PAGE.read_text("utf-8")
    missing = [part for part in parts.values() if part not in page]
    assert not missing, "\n\n".join(missing)
