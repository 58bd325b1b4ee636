"""Panels tell the truth: a day with a known outcome, scraped by a real Prometheus, compared with the databases.

In the middle of the day processes are killed right after commits, before anybody could have collected what these made
true: the totals must be right all the same.
"""

import asyncio
import json
import math
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from deploy.grafana import complaint
from deploy.grafana.build import VALUES
from deploy.local.kafka import Kafka
from deploy.local.keys import SERVICES
from deploy.local.mail.catcher import Catcher
from deploy.local.postgres import Postgres
from deploy.prometheus.alerts import ALERTS
from tests.support import truth
from tests.support.customers import Customers
from tests.support.house import PACK, House
from tests.support.prometheus import Answer, Prometheus, scraping
from tests.support.servers import Database
from tests.support.spines import eventually, topic_of_its_own

pytestmark = pytest.mark.timeout(240)
LADDER = "{clock: first_response, when: {tier: middle}, limit: 6s, ladder: [{at: 100%, action: notify, to: lead}]}"
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


@pytest.fixture(scope="module")
async def day(
    postgres: Postgres, migrated_template: str, kafka: Kafka, running_catcher: Catcher, server_folder: Path,
    server_keys: Any,
) -> AsyncIterator[tuple[House, Prometheus]]:  # fmt: skip
    """The four services after a day, and a Prometheus that watched it from the beginning."""
    name = f"panels_{secrets.token_hex(4)}"
    database = Database(name, postgres.create_database(name, migrated_template), server_keys)
    folder = server_folder / name
    folder.mkdir()
    house = House(database, kafka.bootstrap, await topic_of_its_own(kafka.bootstrap), running_catcher, folder)
    (folder / "pack.yaml").write_text(re.sub(r"\{clock: first_response, when: \{tier: middle\}[^\n]*", LADDER, PACK))
    targets = {service: f"127.0.0.1:{house.ports.get(service)}" for service in SERVICES}
    try:
        async with scraping(targets, folder, house.ports.get("prometheus")) as prometheus:
            house.start()
            await eventually(
                lambda: prometheus.scraped("count(amends_state_collected_timestamp_seconds) == 4"),
                what="the first reading of every service",
            )
            await play(house, Customers(house))
            await house.quiet()
            await collected(house, prometheus)
            yield house, prometheus
    finally:
        house.stop()
        postgres.drop_database(name)
        shutil.rmtree(folder, ignore_errors=True)


async def collected(house: House, prometheus: Prometheus) -> None:
    """Every leader has read what is true now, and Prometheus has seen it."""
    ((now,),) = await house.query("SELECT extract(epoch FROM now())::float8")
    seen = f"count(max by (service) (amends_state_collected_timestamp_seconds) > {now + 0.5}) == 4"
    await eventually(lambda: prometheus.scraped(seen), seconds=60, what="a reading after the day")


async def play(house: House, customers: Customers) -> None:
    """The day. What it leads to stands in the databases; nothing here is compared with."""
    for handler in ("robin", "sam"):
        await house.hire(handler)
    answered, late, missed = [
        [await customers.complain(tier="middle", language="en") for _ in range(n)] for n in (3, 2, 2)
    ]
    quick = await customers.complain(tier="high", language="en")
    await house.crash_at("escalation", "consumer/after-commit", "timers/after-commit")
    await house.crash_at("notifier", "settler/after-commit", "consumer/after-commit")
    plain, doubtful, gone = [await customers.complain(tier="low", language="en") for _ in range(3)]
    await refused_and_repeated(house)
    for one in (*answered, quick):
        await work(house, one, "contacts", {**CONTACT, "at": await moment(house)})
    # First the deaths: a letter that is being sent when its sender dies is unknown, and no decision would be told.
    await eventually(lambda: dead(house), seconds=60, what="every death")
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
    await poison(house)


def dead(house: House) -> Any:
    deaths = {
        "escalation": ("consumer/after-commit", "timers/after-commit"),
        "notifier": ("settler/after-commit", "consumer/after-commit"),
    }
    return asyncio.sleep(0, not house.undied(deaths))


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
    headers = house.bearer("web", "service") | {"Idempotency-Key": str(uuid4())}
    async with httpx.AsyncClient(base_url=house.url("intake"), timeout=10) as client:
        answer = await client.post(
            f"/v1/complaints/{case}/{word}", json={"text": "That is not what happened."}, headers=headers
        )
    assert answer.status_code in (200, 201), answer.text


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


async def shown(house: House, sql: str) -> Answer:
    """What a statement says: labels, sorted → number."""
    rows = [tuple(row) for row in await house.query(sql)]
    return {tuple(sorted(map(str, row[:-1]))): float(row[-1]) for row in rows if row[-1] is not None}


def equal(expected: truth.Equal, true: Answer, found: Answer) -> bool:
    """Numbers agree; label sets that the databases do not name are 0 or absent."""
    slack = expected.slack
    near = isinstance(expected, truth.Near)
    for key in true.keys() | found.keys():
        want, got = true.get(key, 0.0), found.get(key, 0.0 if not true.get(key) else math.nan)
        if key not in true and slack >= 1 and abs(got) < 60:
            continue  # the age of something that does not wait: as old as its reading
        if not abs(want - got) <= (slack * max(want, 1e-9) if near else slack):
            return False
    return bool(found) or not any(true.values())


async def judged(house: House, expected: truth.Expected, found: Answer) -> tuple[bool, str]:
    """Whether an answer is the truth, and the truth in words."""
    if isinstance(expected, truth.Within):
        ok = len(found) >= expected.series and all(expected.low <= v <= expected.high for v in found.values())
        return ok, f"{expected.low:g} to {expected.high:g}"
    if isinstance(expected, truth.Bucket):
        return await in_bucket(house, expected, found)
    true = await shown(house, expected.sql)
    return equal(expected, true, found), words(true)


async def in_bucket(house: House, expected: truth.Bucket, found: Answer) -> tuple[bool, str]:
    groups: dict[tuple[str, ...], list[float]] = {}
    for row in await house.query(expected.sql):
        groups.setdefault(tuple(map(str, row[:-1])), []).append(float(row[-1]))
    limits: dict[tuple[str, ...], tuple[float, float]] = {}
    for key, values in groups.items():
        exact = sorted(values)[max(0, math.ceil(expected.q * len(values)) - 1)]
        above = [b for b in expected.bounds if b >= exact]
        below = [b for b in expected.bounds if b < exact]
        limits[key] = (max(below, default=0.0), min(above, default=math.inf))
    ok = limits.keys() == found.keys() and all(limits[k][0] <= v <= limits[k][1] for k, v in found.items())
    return ok, ", ".join(f"{' '.join(k)} {a:g}-{b:g}" for k, (a, b) in sorted(limits.items()))


def words(answer: Answer) -> str:
    parts = [f"{' '.join(key) or 'all'} {value:.4g}" for key, value in sorted(answer.items()) if value]
    return ", ".join(parts) or "0"


async def test_every_panel_says_what_the_databases_say(
    day: tuple[House, Prometheus], capsys: pytest.CaptureFixture[str]
) -> None:
    house, prometheus = day
    assert truth.unnamed() == []
    wrong, table = [], []
    for board, panel, n, expected in truth.questions():
        text = panel.queries[n].text
        found = await prometheus.ask(text)
        ok, true = await judged(house, expected, found)
        if panel.kind == "lines":
            assert await prometheus.over_time(text) > 0, f"{panel.title}: no line"
        table.append(f"| {board.removeprefix('Amends: ')} | {panel.title} | {words(found)} | {true} |")
        if not ok:
            wrong.append(f"{board}: {panel.title}\n  panel     {found}\n  databases {true}\n  {text}")
    with capsys.disabled():
        print("\n| board | panel | shows | databases |\n|---|---|---|---|\n" + "\n".join(table))
    assert wrong == [], "\n".join(wrong)


async def test_a_wrong_query_is_found(day: tuple[House, Prometheus]) -> None:
    """The comparison can fail: adding up what one leader and its past say, or counting missed clocks twice."""
    house, prometheus = day
    for text, expected in (
        ("sum by (kind) (amends_sla_outcome_total)", truth.SLA["How many promises were missed?"][0]),
        ("sum by (outcome) (increase(amends_letters_total[10s]))", truth.SLA["Do letters go out?"][0]),
        ("vector(1)", truth.LETTERS["What share is not upheld?"][0]),
    ):
        ok, _ = await judged(house, expected, await prometheus.ask(text))
        assert not ok, text


async def test_every_variable_offers_what_there_is(day: tuple[House, Prometheus]) -> None:
    house, prometheus = day
    for name, query in VALUES.items():
        found = re.fullmatch(r"label_values\((\w+), (\w+)\)", query)
        assert found, query
        values = await prometheus.values(found[1], found[2])
        if name == "namespace":
            assert values == set()  # a label that Kubernetes gives
        table, column = {"tier": ("routing.case_file", "tier"), "channel": ("intake.complaint", "channel")}.get(
            name, ("", "")
        )
        if table:
            assert {row[0] for row in await house.query(f"SELECT DISTINCT {column} FROM {table}")} <= values


async def test_alerts_fire_exactly_where_the_databases_say_so(day: tuple[House, Prometheus]) -> None:
    house, prometheus = day
    shares = await house.query(
        "SELECT tier, count(*) FILTER (WHERE state = 'breached')::float8 / count(*) AS missed, count(*) AS n "
        "FROM escalation.clock WHERE state IN ('met', 'breached') GROUP BY tier HAVING count(*) >= 5"
    )
    burning = {name for name, limit in (("SlaBurnFast", 0.72), ("SlaBurnSlow", 0.3), ("SlaBudgetSpent", 0.05))
               if any(row["missed"] > limit for row in shares)}  # fmt: skip
    firing = {alert.name for alert in ALERTS if await prometheus.ask(alert.expr)}
    assert firing == {"ParkedMessages"} | burning


async def test_the_board_of_one_complaint_reads_what_its_role_may_read_and_no_words(
    day: tuple[House, Prometheus],
) -> None:
    house, _ = day
    ((reference,),) = await house.query("SELECT reference FROM routing.case_file WHERE state = 'closed' LIMIT 1")
    queries = [p.queries[0].text for p in complaint.BOARD.panels if p.queries]
    queries += [query for _, query in complaint.BOARD.annotations]
    role = f"amends_board_{secrets.token_hex(4)}"
    await house.query(
        complaint.GRANTS.replace("amends_board", role).replace("'choose one'", f"'{secrets.token_hex(8)}'")
    )
    try:
        for query in queries:
            text = query.replace("${reference:sqlstring}", f"'{reference}'")
            rows = await house.query_as(role, text)
            assert rows or "promise" in text, text
        for column in ("customer_name", "phone_digits", "document"):
            with pytest.raises(Exception, match="permission denied"):
                await house.query_as(role, f"SELECT {column} FROM routing.case_file")
    finally:
        await house.query(f"DROP OWNED BY {role}")
        await house.query(f"DROP ROLE {role}")


async def test_metrics_are_few_and_quick(day: tuple[House, Prometheus], capsys: pytest.CaptureFixture[str]) -> None:
    """Processor time of the service, so that a busy machine does not matter; what else it does meanwhile counts too."""
    house, _ = day
    for service in SERVICES:
        process = house.life(service)
        assert process
        before = sum(process.cpu_times()[:2])
        async with httpx.AsyncClient(base_url=house.url(service), timeout=20) as client:
            for _ in range(25):
                answer = await client.get("/metrics")
        each = (sum(process.cpu_times()[:2]) - before) / 25
        series = sum(not line.startswith("#") for line in answer.text.splitlines())
        with capsys.disabled():
            print(f"\n{service}: {series} series, {each * 1000:.0f} ms of processor time a scrape")
        assert series < 2500
        assert each <= 0.020


async def test_nothing_was_lost_or_counted_twice_by_dying_between_commit_and_collection(
    day: tuple[House, Prometheus],
) -> None:
    """The totals themselves against the rows, service by service, after four deaths right behind a commit."""
    house, _ = day
    for name, labels, sql in (
        (
            "amends_sla_outcome_total", 2,
            "SELECT state, count(*) FROM escalation.clock WHERE state IN ('met', 'cancelled') GROUP BY 1",
        ),
        ("amends_letters_total", 1, "SELECT state, count(*) FROM notifier.letter WHERE state = 'sent' GROUP BY 1"),
        ("amends_promises_total", 1, "SELECT 'made', count(*) FROM notifier.promise"),
    ):  # fmt: skip
        counted: dict[str, float] = {}
        schema = "escalation" if "sla" in name else "notifier"
        for row in await house.query(f"SELECT labels, n FROM {schema}.total WHERE metric = $1", name):
            label = json.loads(row["labels"])[labels]
            counted[label] = counted.get(label, 0) + row["n"]
        true = {row[0]: row[1] for row in await house.query(sql)}
        assert {k: counted.get(k) for k in true} == true, name
    out = await asyncio.to_thread(house.amends, "reconcile", "--json", service="intake")
    total = json.loads(out)["total"]
    kept = {json.loads(r["labels"])[1]: 0.0 for r in await house.query("SELECT labels FROM intake.total")}
    assert total["gap"] == 0
    assert kept
