"""The directory in bulk: lines share transactions, each has its own outcome, and the last word about one counts."""

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from tests.integration.test_intake import Intake, complaint, running
from tests.support.scale import FULL
from tests.support.servers import Database

MANY = 10_000 if FULL else 2_000


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


async def sent(intake: Intake, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    content = "\n".join(map(json.dumps, lines)).encode()
    headers = {**intake.bearer(), "Content-Type": "application/x-ndjson"}
    answer = await intake.client.post("/v1/customers", content=content, headers=headers, timeout=300)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def person(n: int, **more: Any) -> dict[str, Any]:
    return {
        "external_id": f"c{n}", "name": f"Customer {n}", "tier": "low",
        "emails": [f"c{n}@example.com"], "phones": [f"+4477009{n:05}"], **more,
    }  # fmt: skip


async def test_many_lines_and_how_fast(intake: Intake) -> None:
    for what in ("new", "the same again"):
        began, cpu = time.perf_counter(), time.process_time()
        answer = await sent(intake, [person(n) for n in range(MANY)])
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"{MANY} lines, {what}: {MANY / wall:.0f} lines/s, {cpu / MANY * 1e6:.0f} us of our CPU each")
        assert (answer["kept"], answer["refused"]) == (MANY, 0)


async def known(intake: Intake, **contact: str) -> list[dict[str, Any]]:
    answer = await intake.client.get("/v1/customers", params=contact, headers=intake.bearer())
    return list(answer.json())


async def test_the_last_word_about_a_customer_or_a_contact_counts(intake: Intake) -> None:
    answer = await sent(
        intake,
        [
            person(1),
            person(2, phones=["+447700900001"]),  # takes the telephone of the first
            person(1, tier="top", emails=["new@example.com"], phones=[]),
            person(3, tier="gold"),
            person(1, name="Last", tier="high", emails=["new@example.com"], phones=[]),
        ],
    )
    assert (answer["kept"], [e["line"] for e in answer["errors"]]) == (4, [4])
    assert [(c["external_id"], c["tier"], c["name"]) for c in await known(intake, email="new@example.com")] == [
        ("c1", "high", "Last")
    ]
    assert await known(intake, email="c1@example.com") == []
    assert [c["external_id"] for c in await known(intake, phone="+447700900001")] == ["c2"]


async def test_two_lines_about_somebody_who_wrote_before_the_directory_knew_them(intake: Intake) -> None:
    """The first line names them; the second, which meant them by another contact, is somebody else."""
    who = {"name": "Ada Example", "email": "ada@example.com", "phone": "+447700900042"}
    kept = (await intake.post(complaint(customer=who))).json()
    named = person(1, emails=["ada@example.com"], phones=[])
    other = person(2, emails=[], phones=["+447700900042"])
    assert (await sent(intake, [named, other]))["kept"] == 2
    [row] = await intake.rows(
        "SELECT cu.external_id FROM complaint c JOIN customer cu ON cu.customer_id = c.customer_id "
        "WHERE c.complaint_id = :id",
        id=kept["complaint_id"],
    )
    assert row.external_id == "c1"
    assert [c["external_id"] for c in await known(intake, phone="+447700900042")] == ["c2"]


async def test_a_change_in_bulk_reaches_each_open_complaint_once(intake: Intake) -> None:
    for n in range(5):
        await intake.post(complaint(customer={"external_id": f"c{n}", "email": f"c{n}@example.com"}), f"k{n}")
    await sent(intake, [person(n) for n in range(5)])
    assert (await intake.types()).count("complaint.customer-changed.v1") == 5
    await sent(intake, [person(n, tier="top" if n == 3 else "low") for n in range(5)])
    changed = [body for kind, body in await intake.events() if kind == "complaint.customer-changed.v1"]
    assert [body["customer"]["tier"] for body in changed[5:]] == ["top"]
