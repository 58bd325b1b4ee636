"""Panels tell the truth: a day with a known outcome, scraped by a real Prometheus, compared with the databases.

In the middle of the day processes are killed right after commits, before anybody could have collected what these made
true: the totals must be right all the same.
"""

import asyncio
import json
import math
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from deploy.grafana import complaint
from deploy.grafana.build import VALUES
from deploy.local.keys import SERVICES
from deploy.prometheus.alerts import ALERTS
from tests.support import answers, truth
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.prometheus import Answer, Prometheus
from tests.support.scale import FULL
from tests.support.watched import play_day, watched

pytestmark = pytest.mark.timeout(240)
PAGE = Path(__file__).parents[2] / "docs/results/panels.md"
HEAD = """\
# What the panels show, and what is true

Played on {today} by `tests/integration/test_panels.py`: a day of complaints with the four services, whose escalation
and notifier were killed twice each right behind a commit. A real Prometheus answered each panel's and each alert's
expression; the right column was computed from the databases, or, where only processes know the number and these lived
through the whole day, from the pages `/metrics` without Prometheus. A range such as `0-60` is the bucket that holds the
true quantile. `0 to 60` stands, with its reason, where nobody else knows the number.

"""

IDLE: dict[str, Answer] = {}  # what the expressions gave before anything had happened


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Tables of the module: printed at its end, and kept when the full tests run."""
    tables: list[str] = []
    yield tables
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + "\n\n".join(tables))
    if FULL and len(tables) == 3:
        PAGE.write_text(HEAD.format(today=date.today()) + "\n\n".join(tables) + "\n")


@pytest.fixture(scope="module")
async def day(houses: Houses) -> AsyncIterator[tuple[House, Prometheus]]:
    """The four services after a day, and a Prometheus that watched it from the beginning."""
    async with houses("panels") as house, watched(house) as prometheus:
        IDLE.update({query.text: await prometheus.ask(query.text) for _, panel, n, _ in truth.questions()
                     for query in (panel.queries[n],)})  # fmt: skip
        await play_day(house, prometheus)
        yield house, prometheus


async def shown(house: House, sql: str) -> Answer:
    """What a statement says: labels, sorted → number."""
    rows = [tuple(row) for row in await house.query(sql)]
    return {tuple(sorted(map(str, row[:-1]))): float(row[-1]) for row in rows if row[-1] is not None}


def equal(expected: answers.Equal, true: Answer, found: Answer) -> bool:
    """Numbers agree; label sets that the databases do not name are 0 or absent."""
    slack = expected.slack
    near = isinstance(expected, answers.Near)
    for key in true.keys() | found.keys():
        want, got = true.get(key, 0.0), found.get(key, 0.0 if not true.get(key) else math.nan)
        if key not in true and slack >= 1 and abs(got) < 60:
            continue  # the age of something that does not wait: as old as its reading
        if not abs(want - got) <= (slack * max(want, 1e-9) if near else slack):
            return False
    return bool(found) or not any(true.values())


async def judged(house: House, expected: answers.Expected, found: Answer) -> tuple[bool, str]:
    """Whether an answer is the truth, and the truth in words."""
    match expected:
        case answers.Within():
            ok = len(found) >= expected.series and all(expected.low <= v <= expected.high for v in found.values())
            return ok, f"{expected.low:g} to {expected.high:g} ({expected.why})"
        case answers.Bucket():
            return await in_bucket(house, expected, found)
        case answers.Exposed():
            true = await answers.exposed(house, expected)
            ok = true.keys() == found.keys() and all(math.isclose(found[k], v, rel_tol=1e-6) for k, v in true.items())
            return ok and bool(true), words(true)
        case answers.Partly():
            known, said = await judged(house, expected.known, {k: v for k, v in found.items() if k in expected.keys})
            other, bounds = await judged(house, expected.others, found)
            return known and other, f"{said}; others {bounds}"
        case _:
            true = await shown(house, expected.sql)
            return equal(expected, true, found), words(true)


async def in_bucket(house: House, expected: answers.Bucket, found: Answer) -> tuple[bool, str]:
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
    return ok, ", ".join(f"{' '.join(k) or 'all'} {a:g}-{b:g}" for k, (a, b) in sorted(limits.items()))


def words(answer: Answer) -> str:
    parts = [f"{' '.join(key) or 'all'} {value:.4g}" for key, value in sorted(answer.items()) if value]
    return ", ".join(parts) or "0"


async def test_every_panel_says_what_the_databases_say(day: tuple[House, Prometheus], report: list[str]) -> None:
    house, prometheus = day
    assert truth.unnamed() == []
    wrong, table = [], []
    for board, panel, n, expected in truth.questions():
        text = panel.queries[n].text
        # Right after a scrape that a busy machine made late a value is missing for a moment; and a process may have
        # said something else since it was read.
        for _ in range(20 if isinstance(expected, answers.Exposed) else 3):
            found = await prometheus.ask(text)
            ok, true = await judged(house, expected, found)
            if ok:
                break
            await asyncio.sleep(2)
        if panel.kind == "lines":
            assert await prometheus.over_time(text) > 0, f"{panel.title}: no line"
        table.append(f"| {board.removeprefix('Amends: ')} | {panel.title} | {words(found)} | {true} |")
        if not ok:
            wrong.append(f"{board}: {panel.title}\n  panel     {found}\n  databases {true}\n  {text}")
    report.append("\n".join(["| board | panel | shows | databases |", "|---|---|---|---|", *table]))
    assert wrong == [], "\n".join(wrong)


async def test_an_idle_system_shows_numbers_or_says_in_words_that_there_are_none(
    day: tuple[House, Prometheus],
) -> None:
    """Never "N/A" or "NaN": an expression without an answer has a panel that says what that means."""
    silent = {(panel.title, panel.none) for _, panel, n, _ in truth.questions() if not IDLE[panel.queries[n].text]}
    assert [title for title, words in silent if words == "nothing yet"] == []
    assert len(silent) < len(IDLE) / 2
    bad = {text: found for text, found in IDLE.items() if not all(map(math.isfinite, found.values()))}
    assert bad == {}


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


async def test_a_chosen_value_leaves_what_belongs_to_it(day: tuple[House, Prometheus]) -> None:
    house, prometheus = day
    for board, title, label, value in (
        (truth.SLA, "Do we keep our promises?", "tier", "high"),
        (truth.SLA, "How many promises were missed?", "tier", "middle"),
        (truth.PIPELINE, "What comes in?", "channel", "email"),
    ):
        (panel,) = [p for b, truths in truth.BOARDS if truths is board for p in b.panels if p.title == title]
        (expected,) = board[title]
        assert isinstance(expected, answers.Equal)
        sql = expected.sql.replace(" WHERE ", f" WHERE {label} = '{value}' AND ", 1)
        if sql == expected.sql:
            sql = sql.replace("GROUP BY", f"WHERE {label} = '{value}' GROUP BY")
        true, found = await shown(house, sql), await prometheus.ask(panel.queries[0].text, **{label: value})
        assert true
        assert equal(expected, true, found), f"{title}: {found} is not {true}"


async def test_alerts_fire_exactly_where_the_databases_say_so(day: tuple[House, Prometheus], report: list[str]) -> None:
    house, prometheus = day
    true = {name for name, sql in truth.ALERTS.items() if (await house.query(sql))[0][0]}
    firing = {alert.name: found for alert in ALERTS if (found := await prometheus.ask(alert.expr))}
    rows = [
        f"| {a.name} | {words(firing[a.name]) if a.name in firing else 'quiet'} | "
        f"{'fires' if a.name in true else 'quiet'} |"
        for a in ALERTS
    ]
    report.append("\n".join(["| alert | Prometheus | databases |", "|---|---|---|", *rows]))
    assert firing.keys() == true
    assert "ParkedMessages" in true


async def test_the_board_of_one_complaint_reads_what_its_role_may_read_and_no_words(
    day: tuple[House, Prometheus],
) -> None:
    house, _ = day
    ((reference,),) = await house.query("SELECT reference FROM routing.case_file WHERE state = 'closed' LIMIT 1")
    queries = [p.queries[0].text for p in complaint.BOARD.panels if p.queries]
    queries += [query for _, query in complaint.BOARD.annotations]
    role = f"amends_board_{secrets.token_hex(4)}"
    grants = complaint.GRANTS.replace("amends_board", role).replace("'choose one'", f"'{secrets.token_hex(8)}'")
    for statement in filter(str.strip, grants.split(";")):
        await house.query(statement)
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


async def test_metrics_are_few_and_quick(day: tuple[House, Prometheus], report: list[str]) -> None:
    """Processor time of the service, so that a busy machine does not matter; what else it does meanwhile counts too."""
    house, _ = day
    rows = []
    for service in SERVICES:
        process = house.life(service)
        assert process
        before = sum(process.cpu_times()[:2])
        async with httpx.AsyncClient(base_url=house.url(service), timeout=20) as client:
            for _ in range(25):
                answer = await client.get("/metrics")
        each = (sum(process.cpu_times()[:2]) - before) / 25
        series = sum(not line.startswith("#") for line in answer.text.splitlines())
        rows.append(f"| {service} | {series} | {each * 1000:.0f} ms |")
        assert series < 2500
        assert each <= 0.020
    report.append("\n".join(["| service | series | processor time of a scrape |", "|---|---|---|", *rows]))


async def test_probes_are_no_part_of_statistics(day: tuple[House, Prometheus]) -> None:
    """They were there, with letters and missed clocks of their own, and the totals are those of the others."""
    house, prometheus = day
    for table in ("escalation.clock", "notifier.letter"):
        theirs = f"SELECT count(*) FROM {table} WHERE NOT {truth.OURS}"
        assert (await house.query(theirs))[0][0] > 0, table
    (missed,) = [panel for panel in truth.BOARDS[0][0].panels if panel.title == "How many promises were missed?"]
    everybody = answers.Equal("SELECT kind, count(*) FROM escalation.clock WHERE state = 'breached' GROUP BY kind")
    ok, _ = await judged(house, everybody, await prometheus.ask(missed.queries[0].text))
    assert not ok, "the mystery customer's missed clock is counted"


async def test_nothing_was_lost_or_counted_twice_by_dying_between_commit_and_collection(
    day: tuple[House, Prometheus],
) -> None:
    """The totals themselves against the rows, after four deaths right behind a commit (day.DEATHS)."""
    house, _ = day
    for name, schema, label, taken_back, sql in (
        (
            "amends_sla_outcome_total", "escalation", 2, {"met": "reopened", "breached": "retracted"},
            f"SELECT state, count(*) FROM {truth.counted('escalation.clock')} "
            "WHERE state IN ('met', 'breached', 'cancelled') GROUP BY 1",
        ),
        (
            "amends_letters_total", "notifier", 1, {},
            f"SELECT state, count(*) FROM {truth.counted('notifier.letter')} "
            "WHERE state IN ('sent', 'unknown', 'failed') GROUP BY 1",
        ),
        (
            "amends_promises_total", "notifier", 1, {},
            f"SELECT 'made', count(*) FROM {truth.counted('notifier.promise')} UNION ALL SELECT state, count(*) "
            f"FROM {truth.counted('notifier.promise')} WHERE state IN ('kept', 'broken') GROUP BY state",
        ),
    ):  # fmt: skip
        counted: Counter[str] = Counter()
        for row in await house.query(f"SELECT labels, n FROM {schema}.total WHERE metric = $1", name):
            counted[json.loads(row["labels"])[label]] += row["n"]
        true = {row[0]: row[1] for row in await house.query(sql)}
        assert true, name
        assert {k: counted[k] - counted[taken_back.get(k, "")] for k in true} == true, name
    account = json.loads(await asyncio.to_thread(house.amends, "reconcile", "--json", service="intake"))["total"]
    (expected,) = truth.PIPELINE["What became of what we saw?"]
    assert isinstance(expected, answers.Equal)
    true = {key[0]: n for key, n in (await shown(house, expected.sql)).items()}
    assert {name: account[name] for name in true} == true
    assert account["gap"] == 0
