"""Mailboxes of a real Dovecot: everything is fetched once, kept before it is marked, and counted against the server."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from deploy.local.ports import Ports
from services.intake import mailboxes
from shared.base.security import issue
from tests.integration.test_intake import TOKEN_KEY, Intake, running
from tests.support.dovecot import Dovecot
from tests.support.servers import Database

OLD = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)


def mail(id: str, words: str = "Nobody refunds me.") -> bytes:
    return f"From: Ada <ada@example.com>\r\nMessage-ID: <{id}@example.com>\r\nSubject: {id}\r\n\r\n{words}\r\n".encode()


@pytest.fixture(scope="module")
def dovecot(server_folder: Path, server_ports: Ports) -> Iterator[Dovecot]:
    server = Dovecot(server_folder / "dovecot", server_ports.get("imap"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def user() -> str:
    return f"u{uuid4().hex[:10]}"


@pytest.fixture
def fetching(database: Callable[..., Database], dovecot: Dovecot, user: str) -> Any:
    """Starts an intake that fetches the user's mailbox; twice gives two of them on one database."""
    own = database()

    def start(**more: Any) -> AbstractAsyncContextManager[Intake]:
        given = {"mailbox_poll": 30, "mailbox_compare": 600, **more}
        return running(own, mailboxes=[dovecot.url(user)], **given)

    return start


async def decided(intake: Intake, n: int, seconds: float = 15) -> list[Any]:
    """The n arrivals with their outcomes, in the order of their UIDs."""
    for _ in range(int(seconds * 20)):
        rows = await intake.rows("SELECT uid, outcome, received_at, seen_at FROM mail ORDER BY seen_at, uid")
        if len(rows) >= n and all(row.outcome for row in rows):
            assert len(rows) == n
            return rows
        await asyncio.sleep(0.05)
    pytest.fail(f"{len(rows)} of {n} mails came: {rows}")


async def until(check: Callable[[], Any], seconds: float = 15) -> None:
    for _ in range(int(seconds * 10)):
        if await asyncio.to_thread(check):
            return
        await asyncio.sleep(0.1)
    pytest.fail("it does not come")


async def account(intake: Intake) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {issue(TOKEN_KEY, name='o', role='ops')}"}
    answer = await intake.client.get("/v1/reconciliation", headers=bearer)
    return next(row for row in answer.json()["sources"] if row["source"].startswith("imap:"))


async def test_mail_older_than_an_outage_is_fetched_with_the_time_at_which_the_server_took_it(
    dovecot: Dovecot, user: str, fetching: Any
) -> None:
    dovecot.deliver(user, *(mail(f"old{n}") for n in range(60)), at=OLD)
    async with fetching() as intake:
        await decided(intake, 60)
        times = {body["received_at"] for _, body in await intake.events()}
        assert times == {OLD.isoformat().replace("+00:00", "Z")}
        await until(lambda: dovecot.unseen(user) == 0)
        seen = await account(intake)
        assert (seen["seen"], seen["accepted"], seen["gap"]) == (60, 60, 0)
    dovecot.deliver(user, mail("while away"))
    async with fetching() as intake:
        rows = await decided(intake, 61)
        assert [row.uid for row in rows] == list(range(1, 62))


async def test_the_server_tells_of_new_mail_and_nobody_waits_for_the_poll(
    dovecot: Dovecot, user: str, fetching: Any
) -> None:
    async with fetching(mailbox_poll=60) as intake:
        await asyncio.sleep(1.5)
        dovecot.deliver(user, mail("new"))
        [row] = await decided(intake, 1, seconds=8)
        assert row.outcome == "complaint"


async def test_mail_is_marked_only_when_it_is_kept_and_counts_as_a_gap_until_then(
    dovecot: Dovecot, user: str, fetching: Any
) -> None:
    dovecot.deliver(user, mail("one"), mail("two"))
    async with fetching(mailbox_poll=0.2, mailbox_compare=0.2) as intake:
        await decided(intake, 2)
        async with intake.admin.transaction() as tx:
            await tx.execute(text("ALTER TABLE mail ADD CONSTRAINT later CHECK (uid < 3)"))
        dovecot.deliver(user, mail("three"))
        await until_gap(intake, 1)
        assert dovecot.unseen(user) == 1
        async with intake.admin.transaction() as tx:
            await tx.execute(text("ALTER TABLE mail DROP CONSTRAINT later"))
        await decided(intake, 3, seconds=30)
        await until_gap(intake, 0)
        assert dovecot.unseen(user) == 0


async def until_gap(intake: Intake, gap: int) -> None:
    for _ in range(200):
        if (await account(intake))["gap"] == gap:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the gap does not become {gap}")


async def test_what_is_missing_below_the_cursor_is_found_by_comparing_and_a_lost_mark_is_set_again(
    dovecot: Dovecot, user: str, fetching: Any
) -> None:
    dovecot.deliver(user, mail("one"), mail("two"), mail("three"))
    async with fetching() as intake:
        await decided(intake, 3)
        await until(lambda: dovecot.unseen(user) == 0)
        await intake.rows("DELETE FROM mail WHERE uid = 2 RETURNING 1")
    with dovecot.inbox(user) as client:
        client.remove_flags([1, 2, 3], [rb"\Seen"])
    async with fetching() as intake:
        rows = await decided(intake, 3)
        assert sorted((row.uid, row.outcome) for row in rows) == [(1, "complaint"), (2, "duplicate"), (3, "complaint")]
        await until(lambda: dovecot.unseen(user) == 0)


async def test_new_uids_for_old_mail_make_duplicates_and_no_complaints(
    dovecot: Dovecot, user: str, database: Callable[..., Database]
) -> None:
    own, url = database(), dovecot.url(user, "Complaints")
    client = dovecot.client(user)
    for round_, ids in enumerate((["a", "b"], ["a", "b", "c"])):
        client.create_folder("Complaints")
        for id in ids:
            client.append("Complaints", mail(id))
        async with running(own, mailboxes=[url]) as intake:
            rows = await decided(intake, 2 + 3 * round_)
        client.delete_folder("Complaints")
        await asyncio.sleep(1.1)  # UIDVALIDITY is made of seconds
    client.logout()
    assert [row.outcome for row in rows].count("complaint") == 3
    assert [row.outcome for row in rows].count("duplicate") == 2


async def test_one_of_two_replicas_fetches_and_the_other_goes_on_when_it_stops(
    dovecot: Dovecot, user: str, fetching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "LEASE", timedelta(seconds=3))
    async with fetching() as second:
        async with fetching() as first:
            dovecot.deliver(user, *(mail(f"m{n}") for n in range(10)))
            await decided(first, 10)
            holders = await second.rows("SELECT DISTINCT holder FROM mailbox")
            assert len(holders) == 1
        dovecot.deliver(user, mail("later"))
        await decided(second, 11)
        assert (await second.types()).count("complaint.received.v1") == 11


async def test_a_server_that_goes_away_is_dialled_again(dovecot: Dovecot, user: str, fetching: Any) -> None:
    async with fetching() as intake:
        dovecot.deliver(user, mail("before"))
        await decided(intake, 1)
        dovecot.stop()
        await asyncio.sleep(1.5)
        dovecot.start()
        dovecot.deliver(user, mail("after"))
        await decided(intake, 2, seconds=20)
