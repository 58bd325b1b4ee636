"""Mail that began nothing: seen by people, given back by command or call, with the ids and times it always had."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from deploy.local.services import AMENDS
from shared.base.security import issue
from tests.integration.test_intake import TOKEN_KEY, Intake, running
from tests.support.servers import Database

RECEIVED = b"Received: from x by mx.example.net; Wed, 3 Jun 2026 17:00:00 +0800\r\n"
SPAM = (
    RECEIVED + b"From: eve@example.com\r\nMessage-ID: <s1@example.com>\r\nSubject: Offer\r\nX-Spam-Flag: YES\r\n\r\n"
    b"You never refunded me.\r\n"
)


@pytest.fixture
async def intake(database: Callable[..., Database]) -> AsyncIterator[Intake]:
    own = database()
    async with running(own, trusted_gateways=["mx.example.net"]) as made:
        made.database_url = own.url("intake")  # type: ignore[attr-defined]
        yield made


def role(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(TOKEN_KEY, name='o', role=name)}"}  # type: ignore[arg-type]


async def command(intake: Intake, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        str(AMENDS), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "AMENDS_DATABASE_URL": intake.database_url},  # type: ignore[attr-defined]
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_spam_is_sampled_and_what_was_none_becomes_a_complaint_of_its_own_time(intake: Intake) -> None:
    raw_id = (await intake.mail(SPAM)).json()["raw_id"]
    day = datetime.now(UTC).date().isoformat()
    sample = await intake.client.get(f"/v1/mails?outcome=spam&day={day}", headers=role("quality"))
    [shown] = sample.json()["mails"]
    assert (shown["raw_id"], shown["from"], shown["beginning"]) == (raw_id, "eve@example.com", "You never refunded me.")
    assert (await intake.client.get("/v1/mails", headers=role("handler"))).status_code == 403
    back = await intake.client.post(f"/v1/mails/{raw_id}/rescue", headers=role("quality"))
    assert back.status_code == 202
    row = await decided(intake, raw_id)
    assert (row.outcome, row.rescued_by) == ("complaint", "o")
    [(_, body)] = await intake.events()
    assert body["received_at"] == "2026-06-03T09:00:00Z"
    again = await intake.client.post(f"/v1/mails/{raw_id}/rescue", headers=role("quality"))
    assert again.status_code == 409
    assert (await intake.mail(SPAM)).json()["outcome"] == "duplicate"
    account = await intake.client.get("/v1/reconciliation", headers=role("ops"))
    total = account.json()["total"]
    assert (total["seen"], total["accepted"], total["duplicate"], total["gap"]) == (2, 1, 1, 0)
    life = await intake.rows("SELECT delete_after > now() + interval '1 year' AS long FROM raw_mail")
    assert [row.long for row in life] == [True]


async def test_what_was_taken_for_spam_hinders_no_later_mail_that_says_the_same(intake: Intake) -> None:
    """Whether the first one was rescued or not, and whether the later one is taken for spam or not."""
    spam = [(await intake.mail(SPAM)).json() for _ in range(2)]
    assert [one["outcome"] for one in spam] == ["spam", "spam"], "each is in the sample, nothing followed from either"
    unmarked = SPAM.replace(b"X-Spam-Flag: YES\r\n", b"")
    person = (await intake.mail(unmarked)).json()
    assert (person["outcome"], bool(person["complaint_id"])) == ("complaint", True)
    for raw in (unmarked, SPAM):
        again = (await intake.mail(raw)).json()
        assert (again["outcome"], again["complaint_id"]) == ("duplicate", person["complaint_id"])
    back = await intake.client.post(f"/v1/mails/{spam[0]['raw_id']}/rescue", headers=role("quality"))
    assert back.status_code == 202
    assert (await decided(intake, spam[0]["raw_id"])).outcome == "duplicate", "its complaint is there already"
    assert len(await intake.types()) == 1
    total = (await intake.client.get("/v1/reconciliation", headers=role("ops"))).json()["total"]
    assert [total[name] for name in ("seen", "accepted", "duplicate", "not_complaint", "gap")] == [5, 1, 3, 1, 0]


async def test_of_the_same_words_at_once_with_and_without_the_mark_one_is_a_complaint(intake: Intake) -> None:
    raws = [SPAM, SPAM.replace(b"X-Spam-Flag: YES\r\n", b"")] * 4
    outcomes = [answer.json()["outcome"] for answer in await asyncio.gather(*map(intake.mail, raws))]
    assert outcomes.count("complaint") == 1
    assert set(outcomes) <= {"complaint", "duplicate", "spam"}


async def decided(intake: Intake, raw_id: str) -> Any:
    sweep = next(loop for loop in intake.service.loops if loop.name == "mail sweep")
    for _ in range(200):
        [row] = await intake.rows("SELECT outcome, rescued_by FROM mail WHERE raw_id = :id", id=raw_id)
        if row.outcome:
            return row
        sweep.control.wake.set()
        await asyncio.sleep(0.05)
    pytest.fail("no outcome")


async def test_what_was_quarantined_by_a_mistake_of_ours_is_replayed_with_the_same_id(intake: Intake) -> None:
    mail = RECEIVED + b"From: ada@example.com\r\nMessage-ID: <q1@example.com>\r\n\r\nNever refunded.\r\n"
    async with intake.admin.transaction() as tx:  # as if a mistake kept this mail from being settled
        await tx.execute(text("ALTER TABLE complaint ADD CONSTRAINT mistake CHECK (came_by <> 'mail')"))
    raw_id = (await intake.mail(mail)).json()["raw_id"]
    for _ in range(2):
        await intake.rows("UPDATE mail SET retry_at = now() WHERE outcome IS NULL RETURNING 1")
        await asyncio.sleep(2.3)
    [row] = await intake.rows("SELECT outcome, reason, tries FROM mail")
    assert (row.outcome, row.tries) == ("quarantined", 3)
    assert row.reason.startswith("deciding failed: ")
    code, out, _ = await command(intake, "mail", "list", "--json")
    assert code == 0
    assert [one["raw_id"] for one in json.loads(out)] == [raw_id]
    code, _, err = await command(intake, "reconcile", "--replay", "x")
    assert (code, err) == (2, "amends: 'x' is no raw_id; `amends mail list` shows them\n")
    async with intake.admin.transaction() as tx:
        await tx.execute(text("ALTER TABLE complaint DROP CONSTRAINT mistake"))
    code, out, err = await command(intake, "reconcile", "--replay", raw_id, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["outcome"] == "complaint"
    [(kind, body)] = await intake.events()
    assert (kind, body["received_at"]) == ("complaint.received.v1", "2026-06-03T09:00:00Z")
    first = (await intake.mail(mail)).json()
    assert (first["outcome"], first["complaint_id"]) == ("duplicate", answer["complaint_id"])
    code, _, err = await command(intake, "reconcile", "--replay", raw_id)
    assert (code, err.count("\n")) == (1, 1)
