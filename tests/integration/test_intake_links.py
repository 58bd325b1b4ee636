"""Complaints of one matter and customers who are one person: proposed with evidence, decided by a person, undoable."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.test_intake import CALL, Intake, complaint, running
from tests.support.servers import Database
from tests.support.spines import eventually
from tests.unit.test_intake_likeness import CALL as SAID
from tests.unit.test_intake_likeness import OTHER, WEB


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


async def links(intake: Intake, **more: str) -> list[dict[str, Any]]:
    answer = await intake.client.get("/v1/links", params=more, headers=intake.staff("lead"))
    return list(answer.json())


async def looked(intake: Intake, count: int) -> list[dict[str, Any]]:
    """The links when the loop has looked at all that is there. It stays some seconds behind; here they have passed."""
    async with intake.admin.transaction() as tx:
        await tx.execute(text("UPDATE complaint SET created_at = created_at - interval '10 seconds'"))

    async def enough() -> list[dict[str, Any]] | None:
        next(loop for loop in intake.service.loops if loop.name == "links").control.wake.set()
        found = await links(intake)
        return found if len(found) >= count else None

    return list(await eventually(enough))


def _now() -> str:
    return datetime.now(UTC).isoformat()


async def by_two_channels(intake: Intake) -> tuple[str, str]:
    person = {"name": "Ada Example", "email": "ada@example.com", "phone": CALL["caller"]["phone"]}
    one = (await intake.post(complaint(customer=person, text=WEB))).json()["complaint_id"]
    other = (await intake.call(**{**CALL, "started_at": _now(), "transcript": SAID})).json()["complaint_id"]
    await intake.post(complaint(customer=person, text=OTHER))
    return str(one), str(other)


async def test_one_matter_by_two_channels_is_proposed_confirmed_and_undone(intake: Intake) -> None:
    one, other = await by_two_channels(intake)
    [link] = await looked(intake, 1)
    assert {link["one"], link["other"]} == {one, other}
    assert (link["kind"], link["state"]) == ("complaint", "proposed")
    assert link["evidence"][0] == "customer"
    assert "complaint.linked.v1" not in await intake.types(), "nothing is linked before a person says so"
    where = f"/v1/links/{link['link_id']}"
    for _ in range(2):
        confirmed = await intake.client.post(f"{where}/confirm", headers=intake.staff("handler", "h7"))
        assert (confirmed.json()["state"], confirmed.json()["decided_by"]) == ("confirmed", "h7")
    assert (await intake.client.post(f"{where}/reject", headers=intake.staff("handler"))).status_code == 409
    undone = await intake.client.post(f"{where}/undo", headers=intake.staff("lead"))
    assert undone.json()["state"] == "undone"
    again = await intake.client.post(f"{where}/confirm", headers=intake.staff("lead"))
    assert again.json()["state"] == "confirmed"
    told = await intake.rows(
        "SELECT complaint_id, headers ->> 'ce_type' AS type, headers ->> 'ce_id' AS id FROM outbox "
        "WHERE headers ->> 'ce_type' LIKE '%linked%' ORDER BY seq"
    )
    assert [row.type for row in told] == ["complaint.linked.v1"] * 2 + ["complaint.unlinked.v1"] * 2 + [
        "complaint.linked.v1"
    ] * 2
    assert {str(row.complaint_id) for row in told[:2]} == {one, other}
    assert len({row.id for row in told}) == 6
    assert [len(await links(intake, about=id)) for id in (one, other)] == [1, 1]


async def test_the_same_order_is_found_however_its_number_is_written(intake: Intake) -> None:
    person = {"name": "Ada Example", "email": "ada@example.com"}
    for text_, order in ((WEB, "AB-47 11"), (OTHER, "ab4711"), (OTHER, "--")):
        await intake.post(complaint(customer=person, text=text_, order_ref=order))
    found = await looked(intake, 2)
    assert sorted(link["evidence"][:2] for link in found) == [["customer", "order"], ["customer", "text 100"]]
    kept = await intake.rows("SELECT order_ref FROM matter")
    assert [row.order_ref for row in kept] == ["ab4711"] * 2, "a number of dashes is none"


async def test_a_rejected_pair_is_not_proposed_again(intake: Intake) -> None:
    await by_two_channels(intake)
    [link] = await looked(intake, 1)
    page = await intake.client.get("/agent/links", headers=intake.staff("handler"))
    assert "same customer" in page.text
    gone = await intake.client.post(f"/agent/links/{link['link_id']}/reject", headers=intake.staff("handler"))
    assert gone.status_code == 303
    async with intake.admin.transaction() as tx:
        await tx.execute(text("UPDATE progress SET at = '1970-01-01Z'"))
    assert [(found["state"]) for found in await looked(intake, 1)] == ["rejected"]
    assert await intake.rows("SELECT 1 FROM outbox WHERE headers ->> 'ce_type' LIKE '%linked%'") == []


async def test_two_customers_who_are_one_person_are_linked_and_not_merged(intake: Intake) -> None:
    await intake.post(complaint(customer={"name": "Ada", "email": "ada@example.com"}))
    await intake.post(complaint(customer={"name": "A. Example", "phone": "+44 7700 900199"}, text=OTHER))
    both = {"name": "Ada Example", "email": "ada@example.com", "phone": "+44 7700 900199"}
    await intake.post(complaint(customer=both, text="A third matter, quite different: rude staff in the shop."))
    [link] = [found for found in await looked(intake, 1) if found["kind"] == "customer"]
    assert link["evidence"][0].startswith("together AM-")
    customers = {row.customer_id for row in await intake.rows("SELECT customer_id FROM customer")}
    assert len(customers) == 2
    before = (await intake.events())[-1][1]["customer"]["complaints_12m"]
    assert before == 1, "only what came under the same address"
    await intake.client.post(f"/v1/links/{link['link_id']}/confirm", headers=intake.staff("lead"))
    await intake.post(complaint(customer=both, text="And once more."))
    assert (await intake.events())[-1][1]["customer"]["complaints_12m"] == 3, "what both have told counts"
    await intake.client.post(f"/v1/links/{link['link_id']}/undo", headers=intake.staff("lead"))
    await intake.post(complaint(customer=both, text="The last one."))
    assert (await intake.events())[-1][1]["customer"]["complaints_12m"] == 3
    assert len(await intake.rows("SELECT 1 FROM customer")) == 2


async def test_two_people_who_decide_at_once_decide_once(intake: Intake) -> None:
    await by_two_channels(intake)
    [link] = await looked(intake, 1)
    answers = await asyncio.gather(
        *(
            intake.client.post(f"/v1/links/{link['link_id']}/{word}", headers=intake.staff("lead", f"l{n}"))
            for n, word in enumerate(("confirm", "reject") * 4)
        )
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    told = await intake.rows("SELECT 1 FROM outbox WHERE headers ->> 'ce_type' = 'complaint.linked.v1'")
    assert len(told) == 2
