"""Each alert is caused, seen to fire in a real Prometheus, looked at and mended as its page says, and seen to end.

Times are shortened (tests/support/drills.py); the commands are those of docs/runbooks/alerts, as they stand there.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from deploy.local.keys import SERVICES
from deploy.local.postgres import Postgres
from tests.support import drills
from tests.support.day import CONTACT, MAIL, in_state, moment, poison, work
from tests.support.drilled import PARKED, drilled
from tests.support.spines import eventually

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
async def drill(
    postgres: Postgres, migrated_template: str, server_folder: Path, server_keys: Any
) -> AsyncIterator[drills.Drill]:
    async with drilled(postgres, migrated_template, server_folder, server_keys) as made:
        yield made


async def test_timers_that_another_session_holds(drill: drills.Drill) -> None:
    """OldestUnfiredTimer while they are held, TimerLate when they fire at last."""
    await drill.complain(3, tier="middle")
    count = "SELECT count(*) FROM escalation.timer"
    await eventually(lambda: more_than(drill, count, 2), what="timers")
    async with drill.holding("SELECT * FROM escalation.timer FOR UPDATE"):
        await drill.tried(
            "OldestUnfiredTimer", "a session that holds the rows",
            lambda: drill.look("OldestUnfiredTimer", "escalation", r"SELECT \* FROM escalation.timer FOR UPDATE"),
            "`pg_terminate_backend`", drill.end_session, service="escalation",
        )  # fmt: skip

    async def nothing() -> None:
        return None

    drill.cause()
    await drill.tried(
        "TimerLate", "the same, when they fire at last",
        lambda: drill.look("TimerLate", "escalation", r"count[^\n]*\n[^\n]*\n *0 "), "waiting: the burst drains",
        nothing, service="escalation",
    )  # fmt: skip


async def more_than(drill: drills.Drill, count: str, least: int) -> bool:
    return bool((await drill.house.query(count))[0][0] > least)


async def test_a_broker_that_is_away(drill: drills.Drill) -> None:
    """OutboxStuck of intake; complaints are accepted all the while."""
    drill.cause()
    drill.broker.child.stop()
    await drill.complain(2)

    async def back() -> None:
        drill.broker.launch()
        await asyncio.to_thread(drill.broker.wait_ready)

    await drill.tried(
        "OutboxStuck", "Kafka stopped", lambda: drill.look("OutboxStuck", "intake", r"amends: [^\n]*Kafka[^\n]*"),
        "starting it", back, service="intake",
    )  # fmt: skip
    await drill.customers.house.quiet(seconds=90)


async def test_a_service_that_is_gone(drill: drills.Drill) -> None:
    """SchedulerDead and ConsumerGone: nobody reads its state, nobody reads the topic for it."""
    drill.cause()
    drill.house.stop("notifier")
    await drills.fires(drill.prometheus, "ConsumerGone", service="notifier")

    async def start() -> None:
        await asyncio.to_thread(drill.house.start, "notifier")

    async def nothing() -> None:
        return None

    await drill.tried(
        "SchedulerDead", "a process that ended",
        lambda: drill.look("SchedulerDead", "notifier", r"curl: \(7\)[^\n]*"), "starting it", start, service="notifier",
    )  # fmt: skip
    drill.cause()
    drill.house.stop("routing")
    await drill.tried(
        "ConsumerGone", "a process that ended",
        lambda: drill.look("ConsumerGone", "routing", r"curl: \(7\)[^\n]*"), "starting it",
        lambda: asyncio.to_thread(drill.house.start, "routing"), service="routing",
    )  # fmt: skip


async def test_a_consumer_that_waits_for_a_lock(drill: drills.Drill) -> None:
    """LagGrowing: routing writes too slowly for what comes in."""
    stop = asyncio.Event()

    async def come() -> None:
        while not stop.is_set():
            await drill.customers.complain(language="en")
            await asyncio.sleep(0.1)

    async with drill.slowing("LOCK TABLE routing.history IN ACCESS EXCLUSIVE MODE"):
        coming = asyncio.create_task(come())

        async def mended() -> None:
            await drill.end_session()
            stop.set()
            await coming

        await drill.tried(
            "LagGrowing", "a session that locks a table again and again",
            lambda: drill.look("LagGrowing", "routing", r"amends-routing[^\n]*Lock[^\n]*"),
            "`pg_terminate_backend`", mended, service="routing",
        )  # fmt: skip
    await drill.house.quiet(seconds=90)


async def test_an_event_that_nobody_understands(drill: drills.Drill) -> None:
    """ParkedMessages, in each service."""
    drill.cause()
    await poison(drill.house)
    for service in SERVICES:
        await drills.fires(drill.prometheus, "ParkedMessages", service=service)
    await drill.tried(
        "ParkedMessages", "a record that is no event",
        lambda: drill.look("ParkedMessages", "routing", r"not[_ ]an[_ ]event|no event|invalid|Invalid|JSON"),
        "`amends parked release … --discard`", lambda: discard(drill), service="routing",
    )  # fmt: skip


async def discard(drill: drills.Drill) -> None:
    """What the page of ParkedMessages says, for everything that is parked anywhere."""
    (command,) = re.findall(
        r"`(amends parked release [^`]+--discard[^`]+)`", (drills.PAGES / "ParkedMessages.md").read_text()
    )
    for service in SERVICES:
        for row in await drill.house.query(f"SELECT id FROM {service}.parked WHERE state = 'parked'"):
            await drills.typed(command, drill.environment(service, ID=str(row[0])))


async def test_a_consumer_that_stops_itself(drill: drills.Drill) -> None:
    """ConsumerTripped: too many events that nobody understands; it goes on by itself when they are gone."""
    drill.cause()
    for _ in range(PARKED):
        await poison(drill.house)
    for service in SERVICES:
        await drills.fires(drill.prometheus, "ConsumerTripped", service=service)
    (waiting,) = await drill.complain(1)
    await drill.tried(
        "ConsumerTripped", f"{PARKED} records that are no events, the limit of this drill",
        lambda: drill.look("ConsumerTripped", "routing", r"missing or unknown 'ce_specversion'"),
        "`amends parked release … --discard`", lambda: discard(drill), service="routing",
    )  # fmt: skip
    for service in SERVICES:
        await drills.ends(drill.prometheus, "ConsumerTripped", service=service)
    await eventually(lambda: known(drill, waiting), seconds=60, what="the complaint that came meanwhile")


async def known(drill: drills.Drill, case: UUID) -> bool:
    return bool(await drill.house.query("SELECT 1 FROM routing.case_file WHERE complaint_id = $1", case))


async def test_a_mail_server_that_refuses_and_one_that_is_away(drill: drills.Drill) -> None:
    """LettersFailing, and the resend that the page tells; LettersWaiting."""
    drill.cause()
    drill.mail.refusing = True
    await drill.complain(6)

    async def sent_again() -> None:
        drill.mail.refusing = False
        (command,) = re.findall(r"`(curl [^`]+/resend[^`]+)`", (drills.PAGES / "LettersFailing.md").read_text())
        for row in await drill.house.query("SELECT id FROM notifier.letter WHERE state = 'failed'"):
            await drills.typed(command, drill.environment("notifier", ID=str(row[0])))
        await eventually(lambda: fewer_failed(drill), seconds=40, what="letters sent again")

    await drill.tried(
        "LettersFailing", "a mail server that answers 554",
        lambda: drill.look("LettersFailing", "notifier", r"failed[^\n]*554[^\n]*"), "`POST /v1/letters/{id}/resend`",
        sent_again,
    )  # fmt: skip
    drill.cause()
    drill.mail.shut()
    await drill.complain(2)
    await drill.tried(
        "LettersWaiting", "a mail server that is away",
        lambda: drill.look("LettersWaiting", "notifier", r"retry +\|[^\n]*"), "starting it", drill.mail.open,
    )  # fmt: skip


async def fewer_failed(drill: drills.Drill) -> bool:
    return not (await drill.house.query("SELECT 1 FROM notifier.letter WHERE state = 'failed'"))


async def test_a_mail_that_nothing_becomes_of(drill: drills.Drill) -> None:
    """ReconciliationGap: a mail is kept and its complaint cannot be written."""
    async with drill.holding("LOCK TABLE intake.complaint IN SHARE MODE"):
        headers = drill.house.bearer("web", "service") | {"Content-Type": "message/rfc822"}

        async def post() -> None:
            raw = MAIL.replace(b"<day@example.org>", f"<{uuid4()}@example.org>".encode())
            async with httpx.AsyncClient(timeout=60) as client:
                await client.post(f"{drill.house.url('intake')}/v1/emails", content=raw, headers=headers)

        posting = asyncio.create_task(post())
        await drill.tried(
            "ReconciliationGap", "a session that locks a table",
            lambda: drill.look("ReconciliationGap", "intake", r"LOCK TABLE intake.complaint IN SHARE MODE"),
            "`pg_terminate_backend`", drill.end_session,
        )  # fmt: skip
        await asyncio.gather(posting, return_exceptions=True)


async def test_nobody_is_there(drill: drills.Drill) -> None:
    """OldestUnassigned, and what follows for those who were promised an answer: SlaBurnFast."""
    drill.cause()
    await presence(drill, "away")
    cases = await drill.complain(8, tier="high")
    await eventually(lambda: in_state(drill.house, cases[0], "waiting"), what="a case that waits")
    await drill.tried(
        "OldestUnassigned", "every handler is away",
        lambda: drill.look("OldestUnassigned", "routing", r"away|present|nobody", ID=str(cases[0])),
        "`PUT /v1/handlers/{id}/presence`", lambda: presence(drill, "available"), tier="high",
    )  # fmt: skip

    async def answered() -> None:
        for case in cases:
            await work(drill.house, case, "contacts", {**CONTACT, "at": await moment(drill.house)})

    await drill.tried(
        "SlaBurnFast", "the same: eight complaints unanswered",
        lambda: drill.look("SlaBurnFast", "escalation", r'"?complaint_id"?[^,]*'), "answering them", answered,
        tier="high",
    )  # fmt: skip


async def test_one_promise_in_eight_and_one_in_two(drill: drills.Drill) -> None:
    """SlaBudgetSpent where SlaBurnSlow is quiet, then SlaBurnSlow where SlaBurnFast is."""
    for alert, in_time, missed, cause in (
        ("SlaBudgetSpent", 6, 1, "one complaint in seven unanswered"),
        ("SlaBurnSlow", 0, 6, "six complaints acknowledged and not answered"),
    ):
        drill.cause()
        await drill.complain(in_time, tier="top")
        cases = [await drill.customers.complain(tier="top", language="zh") for _ in range(missed)]

        async def answered(cases: list[UUID] = cases) -> None:
            for case in cases:
                await work(drill.house, case, "contacts", {**CONTACT, "at": await moment(drill.house)})

        await drill.tried(
            alert, cause, partial(drill.look, alert, "escalation", r"complaint_id[^,]*"), "answering them", answered,
            tier="top",
        )  # fmt: skip
    assert not await drills.firing(drill.prometheus, "SlaBurnFast", tier="top")


async def presence(drill: drills.Drill, what: str) -> None:
    answer = await drill.house.call(
        "routing", "PUT", "/v1/handlers/robin/presence", {"presence": what}, name="lead", role="lead"
    )
    assert answer.status_code == 200, answer.text
