"""What has lived its time goes, what is held stays, and the account and the keys stay true. Probes."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from services.intake import cli_purge
from tests.integration.test_intake import Intake, complaint, running
from tests.integration.test_intake_cli import COMMANDS, amends
from tests.support.servers import Database

COMMANDS["purge"] = cli_purge.purge
FILE = {"name": "bill.txt", "media_type": "text/plain", "content": "aGVsbG8="}


async def purged(own: Database, *arguments: str) -> dict[str, int]:
    ended = await amends(own, "purge", "--json", *arguments)
    assert ended.exit_code == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1])["gone"])


async def old(intake: Intake, *references: str) -> None:
    """As if these complaints, and everything that has an age, had lived their time."""
    async with intake.admin.transaction() as tx:
        for table in ("complaint", "file", "raw_mail", "call", "message", "attachment"):
            statement = f"UPDATE {table} SET delete_after = now() - interval '1 s'"
            if table == "complaint":
                await tx.execute(text(f"{statement} WHERE reference = ANY(:r)"), {"r": list(references)})
            else:
                await tx.execute(text(statement))


async def post(intake: Intake, n: int, **more: Any) -> dict[str, Any]:
    person = {"name": f"Ada {n}", "email": f"ada{n}@example.com"}
    answer = await intake.post(complaint(customer=person, attachments=[FILE], **more), f"k{n}")
    return dict(answer.json())


async def test_what_has_lived_its_time_goes_and_what_is_held_or_open_stays(database: Callable[..., Database]) -> None:
    own = database()
    async with running(own) as intake:
        ended, held, going = [await post(intake, n) for n in range(3)]
        for mark in (b"Subject: x\r\nX-Spam-Flag: YES\r\n", b"Subject: y\r\n"):
            await intake.mail(mark + b"From: eve@example.com\r\n\r\nRefund me.")
        [life] = await intake.rows(
            "SELECT round(extract(epoch FROM min(delete_after) - now()) / 86400) AS d FROM raw_mail"
        )
        assert life.d == 90, "what was marked as spam"
        for one in (ended, held):
            await intake.client.post(f"/v1/complaints/{one['complaint_id']}/withdraw", headers=intake.bearer())
        assert (await amends(own, "purge", "hold", held["reference"])).exit_code == 0
        assert sum((await purged(own)).values()) == 0, "nothing is due yet"
        ops = intake.staff("ops")
        account = (await intake.client.get("/v1/reconciliation", headers=ops)).json()["total"]
        await old(intake, ended["reference"], held["reference"], going["reference"])
        expected = {"complaints": 1, "attachments": 1, "messages": 1, "timelines": 1, "raw mails": 1, "customers": 1}
        counted = await purged(own, "--dry-run")
        assert expected.items() <= counted.items()
        gone = await purged(own)
        assert expected.items() <= gone.items()
        assert sum((await purged(own)).values()) == 0, "twice finds nothing more"
        assert (await intake.client.get("/v1/reconciliation", headers=ops)).json()["total"] == account
        left = {row.reference: row for row in await intake.rows("SELECT * FROM complaint")}
        assert (left[ended["reference"]].body, left[ended["reference"]].email) == ("{}", None)
        assert "parcel" in left[held["reference"]].body
        assert "parcel" in left[going["reference"]].body
        assert len(await intake.rows("SELECT 1 FROM raw_mail")) == 1, "that of an open complaint"
        nameless = await intake.rows("SELECT 1 FROM message WHERE delete_after IS NULL AND class <> 'erased'")
        assert nameless == [], "everything knows its day"
        assert await intake.rows("SELECT 1 FROM file"), "others still have the same bytes"
        assert await intake.rows("SELECT 1 FROM contact WHERE value = 'ada0@example.com'") == []
        again = await intake.post(complaint(text="Another body."), "k0")
        assert again.status_code == 422, "a key that was used stays used"
        assert (await amends(own, "purge", "release", held["reference"])).exit_code == 0
        assert (await purged(own))["complaints"] == 1


async def test_a_mystery_customer_is_ordinary_until_the_end(database: Callable[..., Database]) -> None:
    async with running(database()) as intake:
        quality, handler = intake.staff("quality"), intake.staff("handler")
        mystery = (await intake.post(complaint(probe="mystery"))).json()
        await intake.post(complaint(probe="pipeline"))
        await intake.post(complaint())
        assert [p["probe"] for p in (await intake.client.get("/v1/probes", headers=quality)).json()] == ["pipeline"]
        shown = (await intake.client.get(f"/v1/complaints/{mystery['complaint_id']}", headers=handler)).text
        assert "mystery" not in shown
        await intake.client.post(f"/v1/complaints/{mystery['complaint_id']}/withdraw", headers=intake.bearer())
        revealed = (await intake.client.get("/v1/probes", headers=quality)).json()
        assert {p["probe"] for p in revealed} == {"pipeline", "mystery"}
        assert (await intake.client.get("/v1/probes", headers=handler)).status_code == 403
        bodies = [body for kind, body in await intake.events() if kind == "complaint.received.v1"]
        assert bodies[-1]["customer"]["complaints_12m"] == 0, "probes are out of statistics"
        total = (await intake.client.get("/v1/reconciliation", headers=intake.staff("ops"))).json()["total"]
        assert total["seen"] == 3, "and in the account"
