"""A day with a known outcome: what customers and handlers do in it, and where processes die meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaProducer

from shared.base import security
from tests.support.customers import Customers
from tests.support.house import House
from tests.support.spines import eventually

# Right behind a commit, before anybody could have collected what it made true.
DEATHS = {
    "escalation": ("consumer/after-commit", "timers/after-commit"),
    "notifier": ("settler/after-commit", "consumer/after-commit"),
}
CONTACT = {"direction": "out", "channel": "hotline", "outcome": "reached", "summary": "We talked."}
ISSUE = {
    "id": "delay", "what": "the late repair", "finding": "substantiated", "request": "granted",
    "facts": [{"text": "the repair took twelve days", "source": "repair record", "date": "2026-11-02"}],
    "reason": "the spare part was ordered too late", "apology": {"kind": "responsibility", "for": "the delay"},
}  # fmt: skip
UPHELD = {
    "examined": ["Listened to the recording of the call"], "issues": [ISSUE], "cause": "C2_repair_quality",
    "improvement": "Spare parts for this model are now kept in stock.",
}  # fmt: skip
REFUSED: dict[str, Any] = {
    "examined": ["Read the repair record"], "cause": "C2_repair_quality",
    "issues": [{k: v for k, v in ISSUE.items() if k != "apology"} | {
        "finding": "not_substantiated", "request": "refused", "reason": "the record shows a repair within two days",
    }],
}  # fmt: skip
MAIL = (
    b"From: Kim <kim@example.org>\r\nTo: care@example.com\r\nMessage-ID: <day@example.org>\r\nSubject: Still broken\r\n"
    b"Date: Mon, 1 Jun 2026 10:00:00 +0000\r\n\r\nThe router I complained about is still broken, I am very angry.\r\n"
)


async def play(house: House, customers: Customers) -> None:
    """The day. What it leads to stands in the databases; nothing here is compared with."""
    for handler in ("robin", "sam"):
        await house.hire(handler)
    answered, late, missed = [
        [await customers.complain(tier="middle", language="en") for _ in range(n)] for n in (3, 2, 2)
    ]
    quick = await customers.complain(tier="high", language="en")
    for service, boundaries in DEATHS.items():
        await house.crash_at(service, *boundaries)
    plain, doubtful, gone = [await customers.complain(tier="low", language="en") for _ in range(3)]
    await refused_and_repeated(house)
    for kind in ("pipeline", "mystery"):
        await probed(house, kind)
    for one in (*answered, quick):
        await work(house, one, "contacts", {**CONTACT, "at": await moment(house)})
    # First the deaths: a letter that is being sent when its sender dies is unknown, and no decision would be told.
    await died(house)
    await resolved(house, plain, UPHELD)
    await say(house, plain, "accept")
    await work(house, plain, "close", {})
    await resolved(house, doubtful, REFUSED, resolve=False)
    await say(house, doubtful, "dispute")
    await eventually(lambda: in_state(house, doubtful, "stage2"), what="another person")
    await work(house, doubtful, "decide", UPHELD)
    await customers.withdraw(gone)
    await eventually(lambda: in_state(house, gone, "withdrawn"), what="the withdrawal")
    await work(house, gone, "close", {})
    await eventually(lambda: breached(house, [*late, *missed]), what="the missed promises")
    for one in late:
        await work(house, one, "contacts", {**CONTACT, "at": await moment(house)})
    settled = {**CONTACT, "customer_confirmed_resolved": True}
    await work(house, quick, "contacts", {**settled, "at": await moment(house)})
    await long_ago(house, (plain, quick))
    await poison(house)


async def long_ago(house: House, cases: Sequence[UUID]) -> None:
    """What customers called resolved was called so forty days ago, and their contacts are as old: thirty are over."""
    for table, at in (("case_file", "confirmed_at"), ("history", "at")):
        await house.query(
            f"UPDATE routing.{table} SET {at} = {at} - interval '40 days' WHERE complaint_id = ANY($1)", list(cases)
        )


async def probed(house: House, kind: str) -> None:
    """Somebody of ours complains, to see whether it is handled: no part of any statistics."""
    token = security.issue(
        house.database.keys.token_key, name="quality", role="service", scopes=["complaints", "tier", "probe"]
    )
    body = {
        "channel": "web", "text": "My bill is wrong again.", "probe": kind,
        "customer": {"name": "Mo", "email": f"{kind}@example.org", "tier": "middle", "language": "en"},
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=house.url("intake"), timeout=20) as client:
        answer = await client.post("/v1/complaints", json=body, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 201, answer.text


async def died(house: House, *, seconds: float = 40) -> None:
    """Each death has happened."""
    end = asyncio.get_running_loop().time() + seconds
    while left := house.undied(DEATHS):
        assert asyncio.get_running_loop().time() < end, f"nobody died at {left}"
        await asyncio.sleep(0.2)


async def moment(house: House) -> str:
    ((at,),) = await house.query("SELECT now()")
    return str(at.isoformat())


async def in_state(house: House, case: UUID, state: str) -> bool:
    rows = await house.query("SELECT state FROM routing.case_file WHERE complaint_id = $1", case)
    return bool(rows) and rows[0][0] == state


async def breached(house: House, complaints: Sequence[UUID]) -> bool:
    rows = await house.query(
        "SELECT count(*) FROM escalation.clock WHERE complaint_id = ANY($1) AND state = 'breached'", complaints
    )
    return bool(rows[0][0] >= len(complaints))


async def work(house: House, case: UUID, command: str, body: Any) -> None:
    """A command of whoever owns the case, as soon as the case allows it."""

    async def done() -> bool:
        rows = await house.query("SELECT handler_id FROM routing.case_file WHERE complaint_id = $1", case)
        owner = rows[0][0] if rows and rows[0][0] else "robin"
        path = f"/v1/cases/{case}/{command}"
        answer = await house.call("routing", "POST", path, body, name=owner, role="handler")
        assert answer.status_code in (200, 201, 403, 404, 409), answer.text
        return answer.status_code < 300

    await eventually(done, seconds=40, what=command)


async def resolved(house: House, case: UUID, decision: Any, *, resolve: bool = True) -> None:
    await work(house, case, "decide", decision)
    try:
        await eventually(lambda: in_state(house, case, "communicated"), seconds=40, what="the letter of the decision")
    except AssertionError:
        rows = await house.query(
            "SELECT kind, state, reason, findings FROM notifier.letter WHERE complaint_id = $1", case
        )
        raise AssertionError(f"no letter of the decision: {rows}") from None
    if resolve:
        await work(house, case, "resolve", {})


async def say(house: House, case: UUID, word: str) -> None:
    """What the customer says, as soon as intake knows what it is about."""

    async def said() -> bool:
        headers = house.bearer("web", "service") | {"Idempotency-Key": str(uuid4())}
        async with httpx.AsyncClient(base_url=house.url("intake"), timeout=10) as client:
            answer = await client.post(
                f"/v1/complaints/{case}/{word}", json={"text": "That is not what happened."}, headers=headers
            )
        assert answer.status_code in (200, 201, 409), answer.text
        return answer.status_code < 300

    await eventually(said, what=word)


async def refused_and_repeated(house: House) -> None:
    """One post twice, its key with other words, a post without text, a mail twice."""
    headers = house.bearer("web", "service")
    body = {"channel": "web", "customer": {"email": "again@example.org"}, "text": "Nobody answers my calls."}
    key = headers | {"Idempotency-Key": str(uuid4())}
    raw = headers | {"Content-Type": "message/rfc822"}
    async with httpx.AsyncClient(base_url=house.url("intake"), timeout=20) as client:
        for _ in range(2):
            assert (await client.post("/v1/complaints", json=body, headers=key)).status_code == 201
        other = await client.post("/v1/complaints", json={**body, "text": "Something else."}, headers=key)
        assert other.status_code == 422
        assert (await client.post("/v1/complaints", json={"channel": "web"}, headers=headers)).status_code == 422
        for _ in range(2):
            assert (await client.post("/v1/emails", content=MAIL, headers=raw)).status_code == 201


async def poison(house: House) -> None:
    """A record that is no event: every service parks it."""
    producer = AIOKafkaProducer(bootstrap_servers=house.around.kafka_bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(house.topic, b"no event", key=b"nobody", partition=0)
    finally:
        await producer.stop()
