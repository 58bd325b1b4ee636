"""A withdrawal that staff wrote down, from the desk to the customer's letter, their page, and the end of the case."""

import asyncio
import email
import re
from collections.abc import Callable
from email import policy
from pathlib import Path

from deploy.local.kafka import Kafka
from services.notifier.app import build
from services.notifier.settings import Settings
from shared.base.runtime import Supervisor
from tests.integration.test_intake import complaint, running
from tests.support import naughty_smtp
from tests.support.notifier import KEY, POLICY
from tests.support.servers import DEPLOYMENT, Database
from tests.support.spines import eventually, topic_of_its_own

LINK = re.compile(r"https?://\S+/track/AM-[0-9A-Z]{10}\?t=[0-9a-z.]+")


def words(raw: bytes) -> tuple[str, str]:
    """Subject and text of a letter."""
    message = email.message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain",))
    assert body
    return str(message["subject"]), str(body.get_content())


async def test_the_customer_confirms_behind_the_link_of_our_letter_what_staff_wrote_down(
    database: Callable[..., Database], kafka: Kafka, tmp_path: Path
) -> None:
    own, topic = database(), await topic_of_its_own(kafka.bootstrap)
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    async with naughty_smtp.serving() as smtp, running(own, kafka.bootstrap, topic=topic) as intake:
        service = build(
            Settings(
                database_url=own.url("notifier"), deployment_id=DEPLOYMENT, kafka_bootstrap=kafka.bootstrap,
                topic=topic, token_key=KEY, notifier_policy=tmp_path / "policy.yaml", smtp_url=f"smtp://127.0.0.1:{smtp.port}",
            )  # type: ignore[arg-type]
        )  # fmt: skip
        supervisor = Supervisor(service)
        task = asyncio.create_task(supervisor.run())
        kept = (await intake.post(complaint())).json()
        where = f"/v1/complaints/{kept['complaint_id']}"
        asked = await intake.client.post(f"{where}/withdraw", headers=intake.staff("handler"))
        assert asked.status_code == 202

        async def found() -> str | None:
            told = (words(raw) for raw in smtp.taken)
            return next((text for subject, text in told if "withdraw" in f"{subject} {text}".lower()), None)

        letter = await eventually(found, what="the letter", seconds=30)
        link = LINK.search(letter)
        assert link, letter
        path, _, token = link[0].partition("/track/")[2].partition("?t=")
        page = await intake.client.get(f"/track/{path}?t={token}")
        assert "Do you want to withdraw?" in page.text
        assert (await intake.client.get(where, headers=intake.bearer())).json()["open"] is True
        await intake.client.post(f"/track/{path}/withdraw", data={"t": token, "key": "w"})
        shown = (await intake.client.get(where, headers=intake.bearer())).json()
        assert (shown["status"], shown["open"]) == ("withdrawn", False)

        async def confirmed() -> bool:
            return sum("withdr" in words(raw)[1].lower() for raw in smtp.taken) >= 2

        await eventually(confirmed, what="the confirmation", seconds=30)
        supervisor.request_stop()
        await task
        await service.closed()
