"""Offers and rounds under real concurrency: one open offer a case, capacity kept, nobody forgotten."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.routing import Bench, letter, offering
from tests.support.servers import Database
from tests.support.statements import watched


@pytest.fixture
async def bench(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(database(), offering(tmp_path))
    yield made
    await made.close()


async def offer_of(bench: Bench, complaint_id: UUID) -> dict[str, str]:
    case = (await bench.as_("lena", "lead").get(f"/v1/cases/{complaint_id}")).json()
    return dict(case["offer"] or {})


async def offered(bench: Bench) -> tuple[UUID, dict[str, str]]:
    complaint_id = await bench.complaint()
    assert await bench.rounds.round() == 1
    return complaint_id, await offer_of(bench, complaint_id)


async def expire(bench: Bench, complaint_id: UUID) -> None:
    """Let the open offer's time be over, and its timer fire, as the timer loop does."""
    await bench.sql("UPDATE offer SET expires_at = now() - interval '1 s' WHERE complaint_id = :id", id=complaint_id)
    await bench.sql(
        "UPDATE case_file SET document = jsonb_set(document, '{offer,expires_at}', to_jsonb(now() - interval '1 s')) "
        "WHERE complaint_id = :id",
        id=complaint_id,
    )
    await bench.expire(complaint_id)


async def test_a_declined_offer_goes_to_the_next_with_its_age(bench: Bench) -> None:
    await bench.handler("wang")
    await bench.handler("zhang")
    complaint_id, offer = await offered(bench)
    first = offer["handler"]
    (before,) = await bench.sql("SELECT waiting_since FROM case_file")
    path = f"/v1/offers/{offer['offer_id']}"
    other = "zhang" if first == "wang" else "wang"
    assert (await bench.as_(other).post(f"{path}/accept")).status_code == 403
    assert (await bench.as_(first).post(f"{path}/decline", json={"reason": "conflict of interest"})).status_code == 200
    (after,) = await bench.sql("SELECT waiting_since FROM case_file")
    assert before == after
    assert (await bench.as_(first).post(f"{path}/accept")).status_code == 409
    assert await bench.rounds.round() == 1
    second = await offer_of(bench, complaint_id)
    assert second["handler"] == other
    accepted = await bench.as_(other).post(f"/v1/offers/{second['offer_id']}/accept")
    assert accepted.json()["state"] == "assigned"
    again = await bench.as_(other).post(f"/v1/offers/{second['offer_id']}/accept")
    assert (again.status_code, again.json()["version"]) == (200, accepted.json()["version"])
    assert await bench.types(complaint_id) == [
        "ComplaintTriaged", "OfferMade", "OfferEnded", "OfferMade", "OfferEnded", "ComplaintAssigned",
    ]  # fmt: skip
    assert (await bench.as_(other).get(f"/v1/handlers/{other}/offers")).json() == []


async def test_an_expired_offer_cannot_be_accepted_and_the_third_sets_away(bench: Bench) -> None:
    await bench.handler("zhang")
    for n in range(3):
        complaint_id, offer = await offered(bench)
        await expire(bench, complaint_id)
        late = await bench.as_("zhang").post(f"/v1/offers/{offer['offer_id']}/accept")
        assert late.status_code == 409, n
        told = await bench.types(complaint_id)
        assert (told[-1], told.count("OfferEnded")) == ("HandlerSetAway" if n == 2 else "OfferEnded", 1)
    zhang = (await bench.as_("zhang").get("/v1/handlers/zhang")).json()
    assert zhang["presence"] == "away"
    await bench.complaint()
    assert await bench.rounds.round() == 0


async def test_presence_is_a_word_or_an_object_and_ones_own(bench: Bench) -> None:
    await bench.handler("zhang", presence="away")
    path = "/v1/handlers/zhang/presence"
    assert (await bench.as_("zhang").put(path, json="available")).json()["presence"] == "available"
    assert (await bench.as_("zhang").put(path, json={"presence": "break"})).json()["presence"] == "break"
    assert (await bench.as_("zhang").put(path, json="asleep")).status_code == 422
    assert (await bench.as_("wang").put(path, json="away")).status_code == 403
    assert (await bench.as_("lena", "lead").put("/v1/handlers/nobody/presence", json="away")).status_code == 404


async def test_an_open_offer_is_listed_for_its_handler(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id, offer = await offered(bench)
    (listed,) = (await bench.as_("zhang").get("/v1/handlers/zhang/offers")).json()
    assert (listed["offer_id"], listed["complaint_id"]) == (offer["offer_id"], str(complaint_id))
    assert (await bench.as_("wang").get("/v1/handlers/zhang/offers")).status_code == 403


async def test_two_accepts_at_once_assign_once(bench: Bench) -> None:
    await bench.handler("zhang")
    complaint_id, offer = await offered(bench)
    path = f"/v1/offers/{offer['offer_id']}"
    answers = await asyncio.gather(*(bench.as_("zhang").post(f"{path}/{how}") for how in ("accept", "decline") * 3))
    assert {a.status_code for a in answers} <= {200, 409}
    kinds = Counter(await bench.types(complaint_id))
    assert kinds["OfferEnded"] == 1
    assert kinds["ComplaintAssigned"] <= 1


async def test_two_rounds_at_once_keep_capacity_and_offer_once(
    database: Callable[..., Database], tmp_path: Path
) -> None:
    where, policy = database(), offering(tmp_path)
    one, two = Bench(where, policy), Bench(where, policy)
    try:
        for n in range(5):
            await one.handler(f"h{n}", capacity=3)
        ids = [await one.complaint() for _ in range(20)]
        for _ in range(4):
            await asyncio.gather(one.rounds.round(), two.rounds.round())
        loads = await one.sql("SELECT handler_id, count(*) AS n FROM case_file WHERE busy GROUP BY handler_id")
        assert {row.n for row in loads} == {3}
        assert sum(row.n for row in loads) == 15
        made = Counter([kind for i in ids for kind in await one.types(i)])
        assert made["OfferMade"] == 15
        repeated = await one.sql("SELECT complaint_id FROM offer WHERE state = 'open' GROUP BY 1 HAVING count(*) > 1")
        assert not repeated
    finally:
        await one.close()
        await two.close()


async def test_unmatchable_cases_in_front_block_nobody_and_are_told_once(bench: Bench) -> None:
    await bench.handler("zhang", languages=["en"])
    hopeless = [await bench.complaint("手机黑屏，质量太差，屏幕坏了", language="zh") for _ in range(60)]
    await bench.sql("UPDATE case_file SET waiting_since = now() - interval '1 minute'")
    fitting = await bench.complaint()
    await bench.rounds.round()
    assert (await offer_of(bench, fitting))["handler"] == "zhang"
    for _ in range(3):
        await bench.rounds.round()
    told = Counter([kind for i in hopeless for kind in await bench.types(i)])
    assert told["ComplaintUnroutable"] == 60
    waiting = (await bench.as_("zhang").get("/v1/cases", params={"state": "waiting", "limit": 200})).json()
    assert sum(c["unroutable"] for c in waiting) == 60
    why = (await bench.as_("zhang").get(f"/v1/cases/{hopeless[0]}/explanation")).json()
    assert (why["outcome"], why["candidates"][0]["reason"]) == ("unroutable", "language:zh")


async def test_requirements_are_relaxed_in_time_and_said_so(bench: Bench) -> None:
    await bench.handler("zhang", skills={"product": 1})
    complaint_id = await bench.complaint()
    assert await bench.rounds.round() == 0
    await bench.sql(
        "UPDATE case_file SET waiting_since = waiting_since - interval '121 seconds', document = jsonb_set(document, "
        "'{waiting_since}', to_jsonb(now() - interval '121 seconds'))"
    )
    assert await bench.rounds.round() == 1
    relaxed = next(p for p in await bench.emitted(complaint_id) if type(p).__name__ == "RequirementsRelaxed")
    assert relaxed.model_dump()["dropped"] == ("product>=2",)
    why = (await bench.as_("zhang").get(f"/v1/cases/{complaint_id}/explanation")).json()
    assert (why["step"], why["chosen"]) == (1, "zhang")


async def test_a_batch_makes_a_constant_number_of_statements(bench: Bench) -> None:
    for n in range(10):
        await bench.handler(f"h{n}", capacity=50)
    counts = []
    with watched(bench.spine.db) as sent:
        for size in (1, 2, 20):
            for _ in range(size):
                await bench.complaint()
            sent.clear()
            assert await bench.rounds.round() == size
            counts.append(len(sent))
    assert 0 < counts[1] == counts[2]


async def test_while_everybody_is_full_only_a_freed_place_is_news(bench: Bench) -> None:
    await bench.handler("zhang", capacity=1)
    taken = await bench.complaint()
    assert await bench.rounds.round() == 1
    store = bench.rounds.store
    store.queued = store.freed = 0.0
    waiting = await bench.complaint()
    assert (store.queued > 0, store.freed) == (True, 0.0)
    store.queued = 0.0
    await bench.feed(waiting, letter("acknowledgement"))
    assert (store.queued, store.freed) == (0.0, 0.0), "what is said of a case that waits changes nobody's work"
    offer_id = (await offer_of(bench, taken))["offer_id"]
    declined = await bench.as_("zhang").post(f"/v1/offers/{offer_id}/decline", json={"reason": "no time"})
    assert declined.status_code == 200, declined.text
    assert store.freed > 0
