"""What happens to offers when two things happen at once: the database decides, and it decides once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.routing.store import offers
from shared.events.routing import HandlerSetAway
from tests.support.routing import Bench, offering
from tests.support.servers import Database

Pair = tuple[Bench, Bench]


@pytest.fixture
async def replicas(database: Callable[..., Database], tmp_path: Path) -> AsyncIterator[Pair]:
    where, policy = database(), offering(tmp_path)
    pair = Bench(where, policy), Bench(where, policy)
    yield pair
    for one in pair:
        await one.close()


async def open_offers(bench: Bench) -> list[Any]:
    return list(await bench.sql("SELECT offer_id, complaint_id, handler_id FROM offer WHERE state = 'open' ORDER BY 1"))


async def offered(bench: Bench, n: int) -> list[Any]:
    """So many cases, each offered to somebody."""
    for _ in range(n):
        await bench.complaint()
    assert await bench.rounds.round() == n
    return await open_offers(bench)


async def accept(bench: Bench, offer: Any) -> int:
    return (await bench.as_(offer.handler_id).post(f"/v1/offers/{offer.offer_id}/accept")).status_code


async def states(bench: Bench, complaint_id: UUID) -> tuple[str, Counter[str]]:
    (row,) = await bench.sql("SELECT state FROM case_file WHERE complaint_id = :id", id=complaint_id)
    return row.state, Counter(await bench.types(complaint_id))


async def test_two_accepts_in_two_replicas_assign_once(replicas: Pair) -> None:
    one, two = replicas
    await one.handler("zhang", capacity=20)
    for offer in await offered(one, 3):
        answers = await asyncio.gather(*(accept(b, offer) for b in (one, two, one, two)))
        assert answers == [200] * 4  # the same person, the same answer
        state, told = await states(one, offer.complaint_id)
        assert (state, told["ComplaintAssigned"], told["OfferEnded"]) == ("assigned", 1, 1)


async def test_an_accept_against_the_expiry_ends_the_offer_once(replicas: Pair) -> None:
    one, two = replicas
    for n in range(4):
        await one.handler(f"h{n}", capacity=20)
    made = await offered(one, 12)
    both = [(accept(one, o), two.expire(o.complaint_id)) for o in made]
    answers = await asyncio.gather(*(what for n, pair in enumerate(both) for what in (pair if n % 2 else pair[::-1])))
    accepted = [a for a in answers if a is not None]
    for offer in made:
        state, told = await states(one, offer.complaint_id)
        assert told["OfferEnded"] == 1
        assert (state == "assigned") == (told["ComplaintAssigned"] == 1)
        assert state in ("assigned", "waiting")
    assert set(accepted) <= {200, 409}
    busy = await one.sql("SELECT count(*) AS n FROM case_file WHERE state = 'assigned'")
    assert accepted.count(200) == busy[0].n


async def test_who_goes_away_keeps_no_offer_whatever_a_round_does_meanwhile(replicas: Pair) -> None:
    one, two = replicas
    for name in ("zhang", "wang"):
        await one.handler(name, capacity=20)
    for _ in range(3):
        for _ in range(4):
            await one.complaint()
        away = one.as_("zhang").put("/v1/handlers/zhang/presence", json="away")
        await asyncio.gather(two.rounds.round(), away, one.rounds.round())
        assert "zhang" not in {o.handler_id for o in await open_offers(one)}
        await one.rounds.round()
        await one.as_("zhang").put("/v1/handlers/zhang/presence", json="available")
        for offer in await open_offers(one):
            await accept(one, offer)
    told: Counter[str] = Counter()
    for row in await one.sql("SELECT complaint_id FROM case_file"):
        told += Counter(await one.types(row.complaint_id))
    assert told["OfferMade"] == told["OfferEnded"]


async def test_a_revoked_offer_cannot_be_accepted_and_goes_to_the_next_with_its_age(replicas: Pair) -> None:
    one, _ = replicas
    await one.handler("zhang")
    (offer,) = await offered(one, 1)
    await one.handler("wang")
    (before,) = await one.sql("SELECT waiting_since FROM case_file")
    await one.as_("zhang").put("/v1/handlers/zhang/presence", json={"presence": "break"})
    assert await accept(one, offer) == 409
    assert (await one.sql("SELECT waiting_since FROM case_file")) == [before]
    await one.rounds.round()
    assert [o.handler_id for o in await open_offers(one)] == ["wang"]
    ended = (await one.as_("lena", "lead").get("/v1/offers/figures")).json()
    assert [(line["revoked"], line["decline_rate"]) for line in ended] == [(1, None)]


async def test_two_replicas_that_let_offers_expire_set_away_once_and_say_so_once(replicas: Pair) -> None:
    one, two = replicas
    await one.handler("zhang")
    made = await offered(one, 2)
    await one.sql("UPDATE handler SET expired_in_row = 2")
    await one.sql("UPDATE case_file SET document = jsonb_set(document, '{offer,expires_at}', to_jsonb(now()))")
    await asyncio.gather(one.expire(made[0].complaint_id), two.expire(made[1].complaint_id))
    told = [p for o in made for p in await one.emitted(o.complaint_id) if isinstance(p, HandlerSetAway)]
    assert [(p.handler_id, p.expired_in_row) for p in told] == [("zhang", 3)]
    (row,) = await one.sql("SELECT presence FROM handler")
    assert row.presence == "away"


@pytest.mark.parametrize(
    "words", ["The phone caught fire and burned my hand.", "I filed a claim with the court today."]
)
async def test_what_is_grave_is_declined_by_the_lead_alone(replicas: Pair, words: str) -> None:
    one, _ = replicas
    await one.handler("zhang")
    complaint_id = await one.complaint(words)
    await one.rounds.round()
    (offer,) = await open_offers(one)
    path = f"/v1/offers/{offer.offer_id}/decline"
    (listed,) = (await one.as_("zhang").get("/v1/handlers/zhang/offers")).json()
    assert listed["guarded"] is True
    refused = await one.as_("zhang").post(path, json={"reason": "too hard"})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
    assert "lead" in refused.json()["detail"]
    assert (await states(one, complaint_id))[0] == "offered"
    assert (await one.as_("lena", "lead").post(path, json={"reason": "zhang is a witness"})).status_code == 200


async def test_the_vulnerable_are_declined_by_the_lead_alone(replicas: Pair) -> None:
    one, _ = replicas
    await one.handler("zhang")
    (offer,) = await offered(one, 1)

    def mark(case: Any, now: Any) -> tuple[()]:
        case.vulnerable = True
        return ()

    await one.spine.work.command(offer.complaint_id, mark)
    path = f"/v1/offers/{offer.offer_id}/decline"
    assert (await one.as_("zhang").post(path)).status_code == 403


async def test_declines_are_shown_by_cause_with_their_reasons(replicas: Pair) -> None:
    one, _ = replicas
    await one.handler("zhang", capacity=20)
    first, second, third = await offered(one, 3)
    for offer, reason in ((first, "no parts"), (second, "no parts")):
        path = f"/v1/offers/{offer.offer_id}/decline"
        assert (await one.as_("zhang").post(path, json={"reason": reason})).status_code == 200
    assert await accept(one, third) == 200
    (line,) = (await one.as_("lena", "lead").get("/v1/offers/figures", params={"days": 7})).json()
    assert line == {
        "cause": "C1_product_quality", "accepted": 1, "declined": 2, "expired": 0, "revoked": 0,
        "reasons": {"no parts": 2}, "decline_rate": 0.667,
    }  # fmt: skip
    async with one.spine.db.read() as tx:
        assert await offers.open_of(tx, "zhang") == []


async def test_a_round_that_lost_the_race_writes_nothing(replicas: Pair) -> None:
    """The lead gives the case away between a round's look and its write."""
    one, _ = replicas
    await one.handler("zhang")
    complaint_id = await one.complaint()
    plan = await one.rounds.plan()
    given = await one.as_("lena", "lead").post(
        f"/v1/cases/{complaint_id}/transfer", json={"to": "zhang", "reason": "knows it"}
    )
    assert given.status_code == 200
    assert await one.rounds.write(plan, [complaint_id]) == 0
    assert not await open_offers(one)


async def test_the_same_customer_comes_to_who_knows_him_if_he_is_there(replicas: Pair) -> None:
    one, _ = replicas
    for name in ("wang", "zhang"):
        await one.handler(name, capacity=6)
    complaint_id = await one.complaint()
    await one.rounds.round()
    (offer,) = await open_offers(one)
    await accept(one, offer)
    again = await one.complaint(customer_id=(await one.case(complaint_id)).customer_id)
    await one.rounds.round()
    (second,) = await open_offers(one)
    assert second.handler_id == offer.handler_id
    why = (await one.as_("lena", "lead").get(f"/v1/cases/{again}/explanation")).json()
    assert "knows the customer" in why["words"]["en"]
    await one.as_(offer.handler_id).put(f"/v1/handlers/{offer.handler_id}/presence", json="away")
    await one.rounds.round()
    (third,) = await open_offers(one)
    assert third.handler_id != offer.handler_id
    why = (await one.as_("lena", "lead").get(f"/v1/cases/{again}/explanation")).json()
    assert f"not {offer.handler_id.title()}, who knows the customer: away since" in why["words"]["en"]


async def test_an_amount_goes_to_who_may_grant_it_and_nobody_is_told_of_as_unroutable(replicas: Pair) -> None:
    one, _ = replicas
    await one.handler("small", authority={"CNY": "500"})
    large = await one.complaint(value_at_stake="799.00 CNY")
    small = await one.complaint(value_at_stake="499.00 CNY")
    await one.rounds.round()
    assert [o.complaint_id for o in await open_offers(one)] == [small]
    await one.sql(
        "UPDATE case_file SET waiting_since = now() - interval '20 minutes' WHERE complaint_id = :id", id=large
    )
    await one.rounds.round()
    listed = (await one.as_("lena", "lead").get("/v1/cases", params={"unroutable": True})).json()
    assert [c["complaint_id"] for c in listed] == [str(large)]
    why = (await one.as_("lena", "lead").get(f"/v1/cases/{large}/explanation")).json()
    assert why["candidates"][0]["reason"] == "authority:CNY:1000"
    await one.handler("great", authority={"CNY": "1000"})
    await one.rounds.round()
    assert {o.handler_id for o in await open_offers(one)} == {"small", "great"}


async def test_a_problem_names_what_a_calendar_may_be(replicas: Pair) -> None:
    one, _ = replicas
    body = {"name": "Z", "role_title": "r", "contact": "c", "tiers": ["top"], "skills": {}, "languages": ["en"],
            "capacity": 1, "calendar": "cn-moon"}  # fmt: skip
    refused = await one.as_("lena", "lead").put("/v1/handlers/zhang", json=body)
    assert refused.status_code == 422
    assert "cn-mainland" in refused.text
