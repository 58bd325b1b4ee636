"""Intake on a real database (and, where events come back, a real broker): nothing lost, nothing doubled, no 500."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from services.intake.app import build
from services.intake.keys import new_key
from services.intake.settings import Settings
from services.intake.store import keys as key_store
from shared.base.db import Database as Pools
from shared.base.runtime import Service, Supervisor
from shared.base.security import Role, issue, key_hash
from tests.support.servers import DEPLOYMENT, Database

TOKEN_KEY = "k" * 32
ALL = ("complaints", "emails", "calls", "customers", "tier", "probe")


class Intake:
    """A running intake, its client, and a look into its database."""

    def __init__(self, service: Service, database: Database, keys: dict[str, str]) -> None:
        self.service, self.keys = service, keys
        self.admin = Pools(database.admin_url, "intake", work_pool=2, api_pool=1)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(service.web, raise_app_exceptions=False), base_url="http://intake"
        )

    def bearer(self, channel: str = "shop") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[channel]}"}

    def staff(self, role: Role, name: str = "h1") -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(TOKEN_KEY, name=name, role=role)}"}

    async def post(self, body: Any, key: str | None = None, channel: str = "shop", **more: str) -> httpx.Response:
        headers = {**self.bearer(channel), "Content-Type": "application/json", **more}
        if key:
            headers["Idempotency-Key"] = key
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post("/v1/complaints", content=content, headers=headers)

    async def mail(self, raw: bytes, channel: str = "shop") -> httpx.Response:
        headers = {**self.bearer(channel), "Content-Type": "message/rfc822"}
        return await self.client.post("/v1/emails", content=raw, headers=headers)

    async def call(self, **body: Any) -> httpx.Response:
        return await self.client.post("/v1/hotline/calls", json=body, headers=self.bearer())

    async def rows(self, statement: str, **arguments: Any) -> list[Any]:
        async with self.admin.transaction() as tx:
            return list((await tx.execute(text(statement), arguments)).all())

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Type and body of what waits in the outbox, in the order of commits."""
        rows = await self.rows("SELECT headers ->> 'ce_type' AS type, body FROM outbox ORDER BY seq")
        return [(row.type, json.loads(row.body)) for row in rows]

    async def types(self) -> list[str]:
        return [name for name, _ in await self.events()]


@asynccontextmanager
async def running(database: Database, bootstrap: str = "127.0.0.1:1", **more: Any) -> AsyncIterator[Intake]:
    """Without a bootstrap address the broker is down from the start: what intake says stays in its outbox."""
    keys = {name: new_key() for name in ("shop", "poor", "other")}
    admin = Pools(database.admin_url, "intake", work_pool=1, api_pool=1)
    async with admin.transaction() as tx:
        for name, key in keys.items():
            await key_store.add(tx, key_hash(key), name, ("complaints",) if name == "poor" else ALL)
    await admin.close()
    settings = Settings(
        database_url=database.url("intake"), deployment_id=DEPLOYMENT, kafka_bootstrap=bootstrap, token_key=TOKEN_KEY,
        **more,
    )  # fmt: skip
    service = build(settings)
    supervisor = Supervisor(service)
    task = asyncio.create_task(supervisor.run())
    intake = Intake(service, database, keys)
    try:
        yield intake
    finally:
        supervisor.request_stop()
        await task
        await intake.client.aclose()
        await intake.admin.close()
        await service.closed()


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    async with running(database()) as made:
        yield made


def complaint(**more: Any) -> dict[str, Any]:
    return {"channel": "web", "customer": {"name": "Ada Example", "email": "ada@example.com"},
            "text": "The parcel never came.", **more}  # fmt: skip


async def test_the_customers_link_is_for_the_customers_channel_and_for_nobody_who_works_here(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    path = f"/v1/complaints/{kept['complaint_id']}"
    assert "/track/" in (await intake.client.get(path, headers=intake.bearer())).json()["tracking_url"]
    roles: tuple[Role, ...] = ("handler", "lead", "manager", "auditor", "quality", "ops")
    for role in roles:
        shown = await intake.client.get(path, headers=intake.staff(role))
        assert (shown.status_code, "/track/" in shown.text) == (200, False)
        assert shown.json()["reference"] == kept["reference"]
    for role in roles[:3]:
        said = await intake.client.post("/v1/complaints", json=complaint(), headers=intake.staff(role))
        assert (said.status_code, "/track/" in said.text) == (201, False)


async def test_a_complaint_is_kept_and_said_once(intake: Intake) -> None:
    first = await intake.post(complaint(), "k1")
    again = await intake.post(complaint(), "k1")
    other = await intake.post(complaint(text="Something else."), "k1")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() == again.json()
    assert set(first.json()) == {"complaint_id", "reference", "status", "tracking_url"}
    assert other.headers["content-type"] == "application/problem+json"
    [(kind, body)] = await intake.events()
    assert kind == "complaint.received.v1"
    assert body["reference"] == first.json()["reference"]
    assert body["source"] == "shop"


async def test_the_same_body_written_otherwise_is_the_same_body(intake: Intake) -> None:
    first = await intake.post(json.dumps(complaint()).encode(), "k1")
    again = await intake.post(json.dumps(complaint(), indent=2, sort_keys=True).encode(), "k1")
    assert again.status_code == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()


async def test_the_same_key_of_another_channel_is_another_complaint(intake: Intake) -> None:
    one, two = await intake.post(complaint(), "k1"), await intake.post(complaint(), "k1", channel="other")
    assert one.json()["complaint_id"] != two.json()["complaint_id"]


async def test_sixty_four_at_once_with_one_key_make_one_complaint(intake: Intake) -> None:
    bodies = [complaint(), complaint(text="Not that.")] * 32
    answers = await asyncio.gather(*(intake.post(body, "k1") for body in bodies))
    codes = [answer.status_code for answer in answers]
    assert sorted(set(codes)) == [201, 422]
    assert codes.count(201) == 32
    assert len({a.json()["complaint_id"] for a in answers if a.status_code == 201}) == 1
    assert sum("idempotent-replayed" not in a.headers for a in answers if a.status_code == 201) == 1
    assert await intake.types() == ["complaint.received.v1"]


BAD = [
    (b"{", 400, None),
    (b"[]", 422, "/"),
    (json.dumps(complaint(surprise=1)).encode(), 422, "/surprise"),
    (json.dumps(complaint(text=5)).encode(), 422, "/text"),
    (json.dumps(complaint(customer={"emial": "x"})).encode(), 422, "/customer/emial"),
    (json.dumps(complaint(text="a\x00b")).encode(), 422, "/text"),
    (json.dumps(complaint(text="a\ud800b")).encode(), 422, "/text"),
    (json.dumps(complaint(customer={"name": "\udfff"})).encode(), 422, "/customer/name"),
    (json.dumps(complaint(occurred_at="0000-01-01T00:00:00Z")).encode(), 422, "/occurred_at"),
    (json.dumps(complaint(occurred_at="99999-01-01T00:00:00Z")).encode(), 422, "/occurred_at"),
    (json.dumps(complaint(occurred_at="9999-12-31T23:59:59-12:00")).encode(), 422, "/occurred_at"),
    (json.dumps(complaint(received_at="2100-01-01T00:00:00Z")).encode(), 422, "/received_at"),
    (json.dumps(complaint(received_at="2020-01-01T00:00:00Z")).encode(), 422, "/received_reason"),
    (json.dumps(complaint(attachments=[{"name": "a", "media_type": "image/png", "content": "%"}])).encode(), 422,
     "/attachments/0/content"),
    (b"[" * 100_000, 400, None),
    (b'"' + b"x" * 10_000_000 + b'"', 413, None),
    (json.dumps(complaint(text="x" * 9_000_000)).encode(), 413, None),
    (json.dumps(complaint(text="x" * 3_000_000)).encode(), 422, "/text"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "pointer"), BAD, ids=range(len(BAD)))
async def test_bad_input_is_refused_with_its_place(
    shared_intake: Intake, body: bytes, status: int, pointer: str | None
) -> None:
    answer = await shared_intake.post(body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer:
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await shared_intake.types() == []


@pytest.fixture(scope="module")
async def shared_intake(migrated_template: str, postgres: Any, server_keys: Any) -> AsyncIterator[Intake]:
    name = f"t_{uuid4().hex[:12]}"
    url = postgres.create_database(name, migrated_template)
    async with running(Database(name, url, server_keys)) as made:
        yield made
    postgres.drop_database(name)


async def test_who_may_not_is_told_nothing(intake: Intake) -> None:
    nobody = await intake.client.post("/v1/complaints", json=complaint())
    wrong = await intake.client.post("/v1/complaints", json=complaint(), headers={"Authorization": "Bearer amk_no"})
    handler = {"Authorization": "Bearer " + issue(TOKEN_KEY, name="h1", role="auditor")}
    refused = await intake.client.post("/v1/complaints", json=complaint(), headers=handler)
    poor = await intake.client.post("/v1/emails", content=b"", headers=intake.bearer("poor"))
    assert [a.status_code for a in (nobody, wrong, refused, poor)] == [401, 401, 403, 403]
    text_ = await intake.post(complaint(), **{"Content-Type": "text/plain"})
    assert text_.status_code == 415


async def test_a_tier_counts_only_with_the_scope(intake: Intake) -> None:
    top = complaint(customer={"name": "T", "email": "t@example.com", "tier": "top"}, probe="mystery")
    await intake.post(top)
    await intake.post(top, channel="poor")
    bodies = [body for _, body in await intake.events()]
    assert [b["customer"]["tier"] for b in bodies] == ["top", "low"]
    assert [b.get("probe") for b in bodies] == ["mystery", None]


async def test_the_directory_gives_tier_and_history_and_changes_reach_open_complaints(intake: Intake) -> None:
    person = {"name": "Ada Example", "tier": "high", "language": "en", "emails": ["ADA@example.com"]}
    put = await intake.client.put("/v1/customers/c-1", json=person, headers=intake.bearer())
    assert put.status_code == 200
    await intake.post(complaint())
    await intake.post(complaint(text="And again."))
    first, second = [body for _, body in await intake.events()]
    assert first["customer"]["customer_id"] == put.json()["customer_id"]
    assert [b["customer"]["tier"] for b in (first, second)] == ["high", "high"]
    assert [b["customer"]["complaints_12m"] for b in (first, second)] == [0, 1]
    await intake.client.put("/v1/customers/c-1", json={**person, "tier": "top"}, headers=intake.bearer())
    changed = (await intake.events())[2:]
    assert [(kind, body["customer"]["tier"]) for kind, body in changed] == [
        ("complaint.customer-changed.v1", "top")
    ] * 2
    found = await intake.client.get("/v1/customers?email=ada@example.com", headers=intake.bearer())
    assert [c["external_id"] for c in found.json()] == ["c-1"]


async def test_many_customers_in_lines_and_the_wrong_ones_are_named(intake: Intake) -> None:
    lines = [
        {"external_id": "a", "tier": "low", "phones": ["+44 7700 900105"]},
        {"external_id": "b", "tier": "gold"},
        {"external_id": "c", "tier": "low", "phones": ["no"]},
    ]
    content = "\n".join(map(json.dumps, lines)).encode() + b"\nnot json\n"
    headers = {**intake.bearer(), "Content-Type": "application/x-ndjson"}
    answer = (await intake.client.post("/v1/customers", content=content, headers=headers)).json()
    assert (answer["kept"], answer["refused"]) == (1, 3)
    assert [(e["line"], [x["pointer"] for x in e["errors"]]) for e in answer["errors"]] == [
        (2, ["/tier"]), (3, ["/phones/0"]), (4, ["/"])
    ]  # fmt: skip
    found = await intake.client.get("/v1/customers?phone=%2B447700900105", headers=intake.bearer())
    assert [c["external_id"] for c in found.json()] == ["a"]


async def test_later_words_are_said_once(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    where = f"/v1/complaints/{kept['complaint_id']}"
    headers = {**intake.bearer(), "Idempotency-Key": "m1"}
    one = await intake.client.post(f"{where}/messages", json={"text": "More."}, headers=headers)
    again = await intake.client.post(f"{where}/messages", json={"text": "More."}, headers=headers)
    other = await intake.client.post(f"{where}/messages", json={"text": "Else."}, headers=headers)
    assert (one.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.headers["idempotent-replayed"] == "true"
    early = await intake.client.post(f"{where}/dispute", headers=intake.bearer())
    assert early.status_code == 409
    assert "withdraw" in early.json()["allowed"]
    gone = await intake.client.post(f"{where}/withdraw", headers=intake.bearer())
    assert gone.status_code == 201
    assert (await intake.types())[1:] == ["complaint.customer-replied.v1", "complaint.withdrawn.v1"]
    shown = (await intake.client.get(where, headers=intake.bearer())).json()
    assert (shown["status"], shown["promised"]) == ("withdrawn", [])
    stranger = await intake.client.get(where, headers=intake.bearer("other"))
    nothing = await intake.client.get(f"/v1/complaints/{uuid4()}", headers=intake.bearer())
    assert (stranger.status_code, nothing.status_code) == (404, 404)
    assert stranger.json() == nothing.json()


CALL = {"call_id": "c1", "started_at": "2026-06-03T08:00:00Z", "caller": {"phone": "+44 7700 900105"}}
ENDED = {**CALL, "ended_at": "2026-06-03T08:05:00Z", "agent": "Kim"}
SAID = {**CALL, "transcript": "My broadband fails every evening and nobody came to repair it."}


@pytest.mark.parametrize("order", [(CALL, ENDED, SAID), (SAID, ENDED, CALL), (ENDED, SAID, CALL, SAID)])
async def test_a_call_is_one_complaint_in_any_order(intake: Intake, order: tuple[dict[str, Any], ...]) -> None:
    answers = [await intake.call(**message) for message in order]
    assert [a.status_code for a in answers] == [201] + [200] * (len(order) - 1)
    assert {a.json()["outcome"] for a in answers} == {"complaint"}
    assert len({(a.json()["complaint_id"], a.json()["reference"]) for a in answers}) == 1
    [(kind, body)] = await intake.events()
    assert kind == "complaint.received.v1"
    assert body["received_at"] == "2026-06-03T08:00:00Z"


async def test_calls_that_are_no_new_complaint(intake: Intake) -> None:
    kept = (await intake.post(complaint())).json()
    abandoned = await intake.call(**{**CALL, "call_id": "c2", "abandoned": True})
    question = await intake.call(**{**CALL, "call_id": "c3", "notes": "请问换卡要带什么证件？"})
    chase = await intake.call(**{**CALL, "call_id": "c4", "reference": kept["reference"].lower()})
    again = await intake.call(**{**CALL, "call_id": "c4", "reference": kept["reference"]})
    reply = await intake.call(**{**CALL, "call_id": "c5", "reference": kept["reference"], "notes": "The serial is 12."})
    assert [a.json()["outcome"] for a in (abandoned, question, chase, again, reply)] == [
        "abandoned", "question", "chase", "chase", "reply"
    ]  # fmt: skip
    assert "complaint_id" not in abandoned.json()
    assert chase.json()["complaint_id"] == kept["complaint_id"]
    assert (await intake.types())[1:] == [
        "message.received.v1", "complaint.chased.v1", "complaint.customer-replied.v1"
    ]  # fmt: skip


async def test_a_call_without_words_is_told_when_patience_ends(database: Callable[..., Database]) -> None:
    async with running(database(), call_patience=0.0) as intake:
        answer = await intake.call(**{**CALL, "callback_promised_at": "2026-06-04T08:00:00Z"})
        for _ in range(100):
            if await intake.types():
                break
            next(loop for loop in intake.service.loops if loop.name == "call sweep").control.wake.set()
            await asyncio.sleep(0.05)
        assert await intake.types() == ["complaint.received.v1", "complaint.callback-requested.v1"]
        shown = await intake.client.get(f"/v1/complaints/{answer.json()['complaint_id']}", headers=intake.bearer())
        assert shown.json()["reference"] == answer.json()["reference"]


async def test_the_account_is_balanced(intake: Intake) -> None:
    await intake.post(complaint(), "k1")
    await intake.post(complaint(), "k1")
    await intake.post(complaint(kind="praise", text="Well done."))
    await intake.call(**{**CALL, "abandoned": True})
    await intake.mail(b"From: a@example.com\n\nRefund me.")
    await intake.mail(b"From: a@example.com\n\nRefund me.")
    await intake.mail(b"")
    headers = {"Authorization": "Bearer " + issue(TOKEN_KEY, name="o", role="ops")}
    total = (await intake.client.get("/v1/reconciliation", headers=headers)).json()["total"]
    assert total == {"source": "total", "seen": 7, "accepted": 2, "duplicate": 2, "not_complaint": 2,
                     "quarantined": 1, "gap": 0}  # fmt: skip


def ids_of(answers: Iterator[httpx.Response]) -> set[UUID]:
    return {UUID(a.json()["complaint_id"]) for a in answers}


async def test_full_means_503_and_nothing_is_lost(database: Callable[..., Database]) -> None:
    async with running(database(), accept_queue=8) as intake:
        answers = await asyncio.gather(*(intake.post(complaint(), f"k{n}") for n in range(200)))
        codes = {a.status_code for a in answers}
        assert codes <= {201, 503}
        kept = ids_of(a for a in answers if a.status_code == 201)
        assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)
        assert {r.complaint_id for r in await intake.rows("SELECT complaint_id FROM complaint")} == kept
        assert len(await intake.types()) == len(kept)
