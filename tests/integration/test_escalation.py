"""Escalation on a real PostgreSQL and a real Kafka: from an event to a breach, over HTTP, across replicas."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, text
from typer.testing import CliRunner

from deploy.local.kafka import Kafka
from services.escalation.app import build
from services.escalation.book import PolicyBook
from services.escalation.cli import policy
from services.escalation.handlers import Escalation
from services.escalation.metrics import OUTCOME
from services.escalation.settings import Settings
from services.escalation.store import Store
from shared.base.db import Database as Pools
from shared.base.errors import Refused
from shared.base.runtime import Service, Supervisor
from shared.base.security import Role, issue
from shared.calendars import builtin
from shared.deliver import signing
from shared.events.envelope import source_of
from shared.spine import totals
from shared.spine.effects import Emit
from shared.spine.spine import Spine
from tests.support import lives, spines
from tests.support.receiver import receiver
from tests.support.servers import DEPLOYMENT, Database

KEY = "k" * 32
# Every partition was seen to its end, which comes after the packs were kept.
READING = "SELECT 1 FROM consumer_position HAVING count(*) FILTER (WHERE caught_up_at > now() - interval '5 s') = 12"
SHORT = """
pack: house
title: Short
notice: Example configuration, not legal advice.
source: test
as_of: 2026-01-01
confidence: design
calendar: always
clocks:
  - {clock: acknowledgement, limit: 1h}
  - clock: first_response
    limit: 1s
    warn: 0.5
    ladder: [{at: 100%, action: notify, to: lead}, {at: +1h, action: reassign, to: manager}]
"""


@dataclass
class Running:
    """A running escalation, and the source that feeds it."""

    service: Service | None
    source: Any
    pools: Any

    def client(self, role: Role = "lead", name: str = "ada") -> httpx.AsyncClient:
        assert self.service is not None
        token = issue(KEY, name=name, role=role)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service.web),
            base_url="http://escalation",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def tell(self, complaint: UUID, *data: Any) -> None:
        """Let the services that say such things say them."""
        await spines.tell(self.source, complaint, *data)

    async def rows(self, statement: str, **arguments: Any) -> Any:
        async with self.pools.transaction() as tx:
            return (await tx.execute(text(statement), arguments)).all()

    async def outcomes(self) -> dict[tuple[str, ...], float]:
        """(kind, tier, outcome) → how many clocks were settled so."""
        async with self.pools.transaction() as tx:
            return {labels: n for (_, labels), n in (await totals.read(tx, OUTCOME.measure.name)).items()}


World = Callable[..., Any]


@pytest.fixture
def world(database: Callable[..., Database], kafka: Kafka, topic: str, tmp_path: Path) -> World:
    made = database()

    def configured(pack: str = SHORT, **more: Any) -> Settings:
        path = tmp_path / "house.yaml"
        path.write_text(pack, encoding="utf-8")
        return Settings(
            database_url=made.url("escalation"), deployment_id=DEPLOYMENT, kafka_bootstrap=kafka.bootstrap,
            topic=topic, token_key=KEY, session_timeout=2, escalation_packs=path, **more,
        )  # fmt: skip

    @asynccontextmanager
    async def start(pack: str = SHORT, replicas: int = 1, **more: Any) -> AsyncIterator[Running]:
        source = Spine(
            spines.settings(made, "intake", kafka.bootstrap, topic), service="intake", store=spines.Nothing(),
            handlers={},
        )  # fmt: skip
        pools = Pools(made.admin_url, "escalation", work_pool=2, api_pool=1)
        async with spines.running(source, loops=["prune", "relay"]):
            services = [build(configured(pack, **more)) for _ in range(replicas)]
            supervisors = [Supervisor(s) for s in services]
            tasks = [asyncio.create_task(s.run()) for s in supervisors]
            try:
                running = Running(services[0] if services else None, source, pools)
                if services:
                    await spines.eventually(lambda: running.rows(READING), what="the consumer to have joined")
                yield running
            finally:
                for s in supervisors:
                    s.request_stop()
                await asyncio.gather(*tasks)
                for service in services:
                    await service.closed()
                await pools.close()

    return start


@pytest.fixture
async def client(database: Callable[..., Database]) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Callers of an escalation that answers requests and does nothing else."""
    settings = Settings(
        database_url=database().url("escalation"), deployment_id=DEPLOYMENT, kafka_bootstrap="127.0.0.1:1",
        token_key=KEY,
    )  # fmt: skip
    service = build(settings)
    await service.opened()
    yield Running(service, None, None).client
    await service.closed()


async def clocks(w: Running, complaint: UUID) -> dict[str, Any]:
    async with w.client() as client:
        answer = await client.get(f"/v1/complaints/{complaint}/clocks")
    return {c["kind"]: c for c in answer.json()} if answer.status_code == 200 else {}


async def test_a_complaint_gets_its_clocks_breaches_on_time_and_climbs_the_ladder(world: World) -> None:
    async with world() as w:
        complaint = uuid4()
        await w.tell(complaint, lives.received(datetime.now(UTC)))

        async def breached() -> Any:
            found = await clocks(w, complaint)
            return found if found and found["first_response"]["state"] == "breached" else None

        found = await spines.eventually(breached, what="the breach")
        late = found["first_response"]
        noticed = datetime.fromisoformat(late["noticed_at"]) - datetime.fromisoformat(late["due_at"])
        assert timedelta() <= noticed < timedelta(seconds=2)
        assert late["warned_at"] is not None
        assert [r["action"] for r in late["rungs"]] == ["notify"]
        assert late["explanation"]["en"].startswith("1 second in UTC from")
        assert found["acknowledgement"]["state"] == "running"
        assert 3500 < found["acknowledgement"]["remaining"] <= 3600
        assert await w.outcomes() == {("first_response", "low", "breached"): 1}


async def test_a_stop_that_comes_late_retracts_the_breach_in_one_story(world: World) -> None:
    async with world() as w:
        complaint, at = uuid4(), datetime.now(UTC)
        await w.tell(complaint, lives.received(at))
        await spines.eventually(lambda: w.rows("SELECT 1 FROM clock WHERE state = 'breached'"), what="the breach")
        letter = lives.letter("acknowledgement", at + timedelta(seconds=9))
        await w.tell(complaint, letter, lives.responded(at + timedelta(milliseconds=300)))
        await spines.eventually(
            lambda: w.rows("SELECT 1 FROM clock WHERE kind = 'first_response' AND state = 'met'"), what="the healing"
        )
        outcomes = {k[2]: n for k, n in (await w.outcomes()).items() if k[0] == "first_response"}
        assert outcomes == {"breached": 1, "met": 1, "retracted": 1}
        assert await w.rows("SELECT 1 FROM timer WHERE name LIKE 'first_response%'") == []


async def test_what_was_done_while_escalation_was_down_is_no_breach(world: World) -> None:
    """The backlog is read before clocks fire: the deadlines pass unwatched, the responses wait in the topic."""
    complaints = [uuid4() for _ in range(20)]
    async with world() as w:
        started = datetime.now(UTC)
        for complaint in complaints:
            await w.tell(complaint, lives.received(started + timedelta(seconds=7)))

        async def all_running() -> bool:
            ((n,),) = await w.rows("SELECT count(*) FROM clock WHERE kind = 'first_response' AND state = 'running'")
            return bool(n == len(complaints))

        await spines.eventually(all_running, what="every clock")
        assert datetime.now(UTC) < started + timedelta(seconds=6), "too slow a machine for this test"
    async with world(replicas=0) as w:
        await asyncio.sleep(max(0.0, (started + timedelta(seconds=9) - datetime.now(UTC)).total_seconds()))
        for complaint in complaints:
            await w.tell(complaint, lives.responded(started + timedelta(seconds=7.5)))
    async with world() as w:

        async def all_met() -> bool:
            ((n,),) = await w.rows("SELECT count(*) FROM clock WHERE kind = 'first_response' AND state = 'met'")
            return bool(n == len(complaints))

        await spines.eventually(all_met, what="every response")
        outcomes = {k[2]: n for k, n in (await w.outcomes()).items() if k[0] == "first_response"}
        assert outcomes == {"met": len(complaints)}


async def test_two_replicas_share_the_work_and_say_everything_once(world: World) -> None:
    async with world(replicas=2) as w:
        complaints = [uuid4() for _ in range(120)]
        now = datetime.now(UTC)
        await asyncio.gather(*(w.tell(c, lives.received(now)) for c in complaints))

        async def all_breached() -> bool:
            ((n,),) = await w.rows("SELECT count(*) FROM clock WHERE kind = 'first_response' AND state = 'breached'")
            return bool(n == len(complaints))

        await spines.eventually(all_breached, what="every breach")
        breached = [n for labels, n in (await w.outcomes()).items() if labels[2] == "breached"]
        assert breached == [len(complaints)]
        ((rungs,),) = await w.rows("SELECT count(*) FROM rung")
        assert rungs == len(complaints)


async def test_a_posted_version_binds_later_complaints_and_leaves_earlier_promises(world: World) -> None:
    async with world() as w:
        before, after = uuid4(), uuid4()
        await w.tell(before, lives.received(datetime.now(UTC)))
        await spines.eventually(lambda: clocks(w, before), what="its clocks")
        async with w.client("manager", "mara") as client:
            answer = await client.post("/v1/policies", content=SHORT.replace("limit: 1h", "limit: 2h"))
            assert answer.status_code == 201, answer.text
            assert (answer.json()["version"], answer.json()["created_by"]) == (2, "mara")
            listed = (await client.get("/v1/policies")).json()
            assert [p["version"] for p in listed] == [2, 1]
        await w.tell(after, lives.received(datetime.now(UTC)))
        new = await spines.eventually(lambda: clocks(w, after), what="its clocks")
        old = await clocks(w, before)
        assert [c["acknowledgement"]["version"] for c in (old, new)] == [1, 2]
        spans = [
            datetime.fromisoformat(c["acknowledgement"]["due_at"])
            - datetime.fromisoformat(c["acknowledgement"]["started_at"])
            for c in (old, new)
        ]
        assert spans == [timedelta(hours=1), timedelta(hours=2)]


async def test_a_wrong_pack_is_refused_with_its_line(client: Callable[..., httpx.AsyncClient]) -> None:
    async with client("manager") as manager:
        answer = await manager.post("/v1/policies", content=SHORT.replace("limit: 1h", "limit: 1 fortnight"))
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/clocks/0/limit"
        assert answer.json()["line"] == 10
        for body in (b"", b"[]", b"{", b"\xff\xfe", b"- " * 200_000, b"\x00", b"pack: *x", b'{"pack": 3}'):
            answer = await manager.post("/v1/policies", content=body)
            assert answer.status_code in (400, 413, 422), (body[:20], answer.status_code)
    async with client("handler") as handler:
        assert (await handler.post("/v1/policies", content=SHORT)).status_code == 403


async def test_the_shipped_packs_are_kept_once(client: Callable[..., httpx.AsyncClient]) -> None:
    async with client("auditor") as auditor:
        listed = (await auditor.get("/v1/policies")).json()
    assert len(listed) == 21
    assert {p["version"] for p in listed} == {1}
    assert [p["pack"] for p in listed if p["active"]] == ["house-tiered"]
    for row in (row for p in listed for row in p["clocks"]):
        assert row["notice"] == "Example configuration, not legal advice."
        assert row["source"]
        assert row["confidence"] in ("design", "seen", "seen second-hand", "from memory")


async def test_a_rung_is_acknowledged_once_with_who_and_why(world: World) -> None:
    async with world() as w:
        complaint = uuid4()
        await w.tell(complaint, lives.received(datetime.now(UTC)))
        ((rung,),) = await spines.eventually(lambda: w.rows("SELECT id FROM rung"), what="the rung")
        async with w.client("lead", "ada") as client:
            path = f"/v1/rungs/{rung}/acknowledge"
            assert (await client.post(path, json={"why": "x"})).status_code == 422
            done = await client.post(path, json={"why": "I call her now", "hours": 4})
            assert done.status_code == 200, done.text
            held = datetime.fromisoformat(done.json()["held_until"]) - datetime.now(UTC)
            assert timedelta(hours=3.9) < held <= timedelta(hours=4)
            assert (await client.post(path, json={"why": "once more"})).status_code == 409
            assert (await client.post(f"/v1/rungs/{uuid4()}/acknowledge", json={"why": "nobody"})).status_code == 404
        kept = await w.rows("SELECT acknowledged_by, why FROM rung")
        assert [tuple(r) for r in kept] == [("ada", "I call her now")]
        ((at,),) = await w.rows("SELECT fire_at FROM timer WHERE name = 'first_response/rung/2'")
        assert at > datetime.now(UTC) + timedelta(hours=3.9)


async def test_a_legal_rung_cannot_be_acknowledged_away(world: World) -> None:
    async with world(SHORT.replace("calendar: always", "calendar: always\nlegal: true")) as w:
        await w.tell(uuid4(), lives.received(datetime.now(UTC)))
        ((rung,),) = await spines.eventually(lambda: w.rows("SELECT id FROM rung"), what="the rung")
        async with w.client() as client:
            answer = await client.post(f"/v1/rungs/{rung}/acknowledge", json={"why": "let it be"})
        assert answer.status_code == 409


async def test_what_is_due_is_listed_the_overdue_first(world: World) -> None:
    async with world() as w:
        await w.tell(uuid4(), lives.received(datetime.now(UTC)))
        await spines.eventually(lambda: w.rows("SELECT 1 FROM clock WHERE state = 'breached'"), what="the breach")
        async with w.client() as client:
            near = (await client.get("/v1/due", params={"within": "30min"})).json()
            far = (await client.get("/v1/due", params={"within": "1cd"})).json()
            assert (await client.get("/v1/due", params={"within": "soon"})).status_code == 422
        assert [d["kind"] for d in near] == ["first_response"]
        assert [(d["kind"], d["state"]) for d in far] == [
            ("first_response", "breached"),
            ("acknowledgement", "running"),
        ]
        assert near[0]["remaining"] < 0


async def test_calendars_reckon_over_http(client: Callable[..., httpx.AsyncClient]) -> None:
    async with client("handler") as caller:
        answer = await caller.get(
            "/v1/calendars/cn-mainland/add", params={"from": "2025-09-30T16:40:00+08:00", "duration": "3wd"}
        )
        assert answer.json()["due_at"] == "2025-10-11T08:40:00Z"
        assert "10月11日（周六）为调休上班日" in answer.json()["explanation"]["zh"]
        answer = await caller.get(
            "/v1/calendars/mon-fri@Europe/London/between?from=2026-11-20T17:00:00Z&to=2026-11-23T10:00:00Z"
        )
        assert (answer.json()["working_seconds"], answer.json()["working_days"]) == (7200, 1)
        for path, status in (
            ("nothing/add?from=2026-11-20T17:00:00Z&duration=3wd", 404),
            ("always@Mars/Olympus/add?from=2026-11-20T17:00:00Z&duration=3wd", 422),
            ("always/add?from=yesterday&duration=3wd", 422),
            ("always/add?from=0000-01-01T00:00:00Z&duration=3wd", 422),
            ("always/add?from=9999-12-31T23:00:00Z&duration=3wd", 422),
            ("always/add?from=99999-01-01T00:00:00Z&duration=3wd", 422),
            ("always/add?from=2026-11-20T17:00:00Z&duration=9999999h", 422),
            ("always/add?from=2026-11-20T17:00:00Z&duration=3%00wd", 422),
            ("always/add?duration=3wd", 422),
        ):
            assert (await caller.get(f"/v1/calendars/{path}")).status_code == status, path


async def test_a_batch_makes_a_constant_number_of_statements(world: World) -> None:
    counted: list[str] = []

    def count(*arguments: Any) -> None:
        counted.append(arguments[2])

    async with world() as w:
        store, pools = Store(PolicyBook(builtin())), w.pools
        event.listen(pools.work.sync_engine, "before_cursor_execute", count)
        escalation, made = Escalation(store.book), []
        for n in (1, 40):
            ids = [uuid4() for _ in range(n)]
            async with pools.transaction() as tx:
                cases = await store.load(tx, ids)
                for case in cases.values():
                    list(escalation.machine.settle(_received(case, store), datetime.now(UTC), rematch=True))
                counted.clear()
                await store.load(tx, ids)
                await store.save(tx, list(cases.values()))
            made.append(list(counted))
        assert made[0] == made[1]
        assert len(made[0]) <= 8


def _received(case: Any, store: Store) -> Any:
    case.received_at, case.channel = datetime.now(UTC), "web"
    case.pins = store.book.pins(case.received_at)
    return case


LONG = SHORT.replace("limit: 1s", "limit: 5h").replace("pack: house", "pack: house\nactive: true")


def _preview(w: Running, path: Path, text: str) -> str:
    """The command line's answer."""
    assert w.service is not None
    path.write_text(text, encoding="utf-8")
    url = w.service.settings.database_url.get_secret_value()
    answer = CliRunner().invoke(policy, ["preview", str(path)], env={"AMENDS_DATABASE_URL": url})
    assert answer.exit_code == 0, answer.output
    return answer.output


async def test_a_version_is_previewed_and_applied_and_loosens_only_with_flag_and_reason(
    world: World, tmp_path: Path
) -> None:
    async with world(LONG) as w:
        complaints = [uuid4() for _ in range(3)]
        now = datetime.now(UTC)
        for complaint in complaints:
            await w.tell(complaint, lives.received(now))
        await w.tell(complaints[0], lives.letter("acknowledgement", now))
        await spines.eventually(lambda: w.rows("SELECT 1 FROM clock HAVING count(*) = 6"), what="every clock")
        await spines.eventually(lambda: w.rows("SELECT 1 FROM clock WHERE state = 'met'"), what="the letter")
        tighter, looser = LONG.replace("5h", "2h"), LONG.replace("5h", "9h").replace("limit: 1h", "limit: 30min")
        async with w.client("manager", "mara") as client:
            seen = (await client.post("/v1/policies/house/preview", content=tighter)).json()
            assert (seen["version"], seen["open"], seen["tightened"], seen["breaching"]) == (2, 3, 3, 0)
            assert {c["kind"] for c in seen["clocks"]} == {"first_response"}
            assert (await client.post("/v1/policies/other/preview", content=tighter)).status_code == 422
            assert (await client.post("/v1/policies/nothing/preview")).status_code == 404
            said = await asyncio.to_thread(_preview, w, tmp_path / "tighter.yaml", tighter)
            assert said.splitlines()[0] == "house: 3 open complaints; clocks: 3 tightened"
            assert (await client.post("/v1/policies", content=looser)).status_code == 201
            seen = (await client.post("/v1/policies/house/preview")).json()
            assert (seen["tightened"], seen["relaxed"]) == (2, 3)
            assert (await client.post("/v1/policies/house/apply", json={"loosen": True})).status_code == 422
            body = {"reason": "the new promises of December"}
            done = (await client.post("/v1/policies/house/apply", json=body)).json()
            assert (done["tightened"], done["kept"], done["relaxed"]) == (2, 3, 0)
            done = (await client.post("/v1/policies/house/apply", json=body | {"loosen": True})).json()
            assert (done["tightened"], done["relaxed"]) == (0, 3)
        for complaint in complaints:
            found = (await clocks(w, complaint))["first_response"]
            assert datetime.fromisoformat(found["due_at"]) == now + timedelta(hours=9)
            assert found["history"][-1]["why"].startswith("house version 2 applied by mara: the new promises")
        assert (await clocks(w, complaints[0]))["acknowledgement"]["state"] == "met"
        async with w.client("handler") as client:
            assert (await client.post("/v1/policies/house/apply", json=body)).status_code == 403


async def test_a_wait_is_ended_by_hand_and_a_remedy_confirmed_by_a_second_person(world: World) -> None:
    pausable = LONG + "  - {clock: decision, limit: 5h, pausable: true}\n"
    async with world(pausable) as w:
        complaint, now = uuid4(), datetime.now(UTC)
        await w.tell(complaint, lives.received(now), lives.asked(now + timedelta(hours=9)))
        await spines.eventually(lambda: w.rows("SELECT 1 FROM clock WHERE state = 'paused'"), what="the pause")
        async with w.client("handler", "h1") as client:
            path = f"/v1/complaints/{complaint}"
            assert (await client.post(f"{path}/resume", json={})).status_code == 422
            answer = await client.post(f"{path}/resume", json={"why": "she told me on the phone"})
            assert [c["state"] for c in answer.json()] == ["running"]
            assert "waiting ended by h1: she told me" in answer.json()[0]["history"][1]["why"]
            assert (await client.post(f"{path}/resume", json={"why": "once more"})).status_code == 409
            await w.tell(complaint, lives.decided(), lives.promised(now + timedelta(hours=8)))
            await w.tell(complaint, lives.remedy_done(now, evidence="done", by="h1"))
            claimed = "SELECT 1 FROM complaint WHERE document ? 'claims'"
            await spines.eventually(lambda: w.rows(claimed), what="the claim")
            assert (await client.post(f"{path}/remedies/r1/confirm")).status_code == 409
        async with w.client("lead", "ada") as client:
            assert (await client.post(f"{path}/remedies/r2/confirm")).status_code == 404
            answer = await client.post(f"{path}/remedies/r1/confirm")
            assert answer.json()["state"] == "met"


async def test_what_lasts_longer_than_past_ones_of_its_kind_is_listed_before_any_clock_is_in_danger(
    world: World,
) -> None:
    async with world(LONG) as w:
        now = datetime.now(UTC)
        for n in range(25):  # past ones were triaged within 1 to 25 minutes
            past, began = uuid4(), now - timedelta(hours=3)
            await w.tell(past, lives.received(began))
            async with w.source.work.unit([past]) as unit:
                unit.service, unit.source = "routing", source_of(DEPLOYMENT, "routing")
                unit.add(past, uuid4(), [Emit(lives.triaged(), began + timedelta(minutes=n + 1))])
            await w.tell(past, lives.closed(now))
        slow, quick = uuid4(), uuid4()
        await w.tell(slow, lives.received(now - timedelta(minutes=40)))
        await w.tell(quick, lives.received(now - timedelta(minutes=2)))
        await spines.eventually(lambda: w.rows("SELECT 1 FROM complaint HAVING count(*) = 27"), what="all of them")
        known = "SELECT 1 FROM stage WHERE stage = 'triage' AND took IS NOT NULL HAVING count(*) = 25"
        await spines.eventually(lambda: w.rows(known), what="the past ones")
        async with w.client() as client:
            found = (await client.get("/v1/early-warnings")).json()
            assert [f["complaint_id"] for f in found] == [str(slow)]
            assert (found[0]["stage"], found[0]["compared_with"], found[0]["in_danger"]) == ("triage", 25, False)
            assert found[0]["usual"] == pytest.approx(20.2 * 60, abs=1)
            assert found[0]["lasts"] == pytest.approx(40 * 60, abs=60)
            due = (await client.get("/v1/due?within=1h")).json()
        assert str(slow) in {d["complaint_id"] for d in due}, "its acknowledgement, in 20 minutes: not warned yet"


PAGED = SHORT.replace("action: notify, to: lead", "action: page, to: manager")


@pytest.mark.parametrize("form", ["webhook", "alertmanager"])
async def test_a_rung_pages_the_on_call_once_signed_and_again_until_it_is_taken(world: World, form: str) -> None:
    secret = "whsec_of_the_on_call"
    async with receiver() as phone:
        phone.answers = [503]
        more = {"on_call_url": phone.url, "on_call_secret": secret, "on_call_networks": ["127.0.0.0/8"]}
        async with world(PAGED, on_call_format=form, **more) as w:
            complaint = uuid4()
            await w.tell(complaint, lives.received(datetime.now(UTC), tier="top"))
            waits = "SELECT 1 FROM webhook WHERE state = 'retry'"
            await spines.eventually(lambda: w.rows(waits), what="the first attempt")
            async with w.pools.transaction() as tx:
                await tx.execute(text("UPDATE webhook SET next_try_at = now()"))
            taken = "SELECT 1 FROM webhook WHERE state = 'sent'"
            await spines.eventually(lambda: w.rows(taken), what="the second attempt")
            ((rung,),) = await w.rows("SELECT id FROM rung")
        first, second = phone.posts
        assert first.headers["amends-delivery"] == second.headers["amends-delivery"] == str(rung)
        assert signing.verify(secret.encode(), second.headers["amends-signature"], second.body, datetime.now(UTC))
        body = json.loads(second.body)
        if form == "webhook":
            assert (body["complaint_id"], body["clock"], body["tier"]) == (str(complaint), "first_response", "top")
        else:
            (alert,) = body
            assert alert["labels"]["alertname"] == "AmendsRungReached"
            assert alert["labels"]["complaint_id"] == str(complaint)
            assert alert["startsAt"] < alert["endsAt"]


def test_a_pager_without_a_secret_or_with_a_wrong_address_is_refused_at_the_start(tmp_path: Path) -> None:
    base: dict[str, Any] = {
        "database_url": "postgresql://x", "deployment_id": DEPLOYMENT, "kafka_bootstrap": "127.0.0.1:1",
        "token_key": KEY,
    }  # fmt: skip
    with pytest.raises(Refused, match="AMENDS_ON_CALL_SECRET"):
        build(Settings(**base, on_call_url="https://pager.example/hook"))
    for wrong in ("ftp://pager", "pager", "https://user:pw@pager.example"):
        with pytest.raises(ValueError, match="on_call_url"):
            Settings(**base, on_call_url=wrong)
