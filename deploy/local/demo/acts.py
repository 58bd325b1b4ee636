"""The single acts of the story: what customers, the lead and operations do. Each raises Missing when it fails."""

import asyncio
import json
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from .sender import Sender
from .world import Missing, World

TOPIC = "complaints.v1"
CONSUMERS = ("routing", "escalation", "notifier")  # of complaint.received.v1


async def promise_in_seconds(world: World) -> None:
    """Post the demo's policy pack, so that complaints received from now on have its deadlines."""
    pack = Path(__file__).with_name("policy.yaml").read_text("utf-8")
    headers = {"Content-Type": "application/yaml"}
    await world.call("manager", "POST", "escalation", "/v1/policies", content=pack.encode(), headers=headers)


async def replay(world: World, sender: Sender, record: dict[str, Any]) -> None:
    """The same complaint with the same key is the same complaint."""
    answer = await sender.web(record)
    same = answer.json()["complaint_id"] == world.told[record["id"]]
    if not same or answer.headers.get("Idempotent-Replayed") != "true":
        raise Missing("an idempotent replay")


async def reused_key(sender: Sender, record: dict[str, Any]) -> None:
    """The same key with another body is refused."""
    other = record | {"body": record["body"] | {"text": record["body"]["text"] + "补充：我改主意了。"}}
    answer = await sender.web(other)
    if answer.status_code != 422:
        raise Missing(f"a reused key refused (answered {answer.status_code})")


async def reply_to_letter(world: World, sender: Sender, record: dict[str, Any]) -> None:
    """The customer answers our mail, and the answer joins its complaint."""
    address = record["body"]["customer"]["email"]

    async def first_letter() -> dict[str, Any] | None:
        return next(iter(await world.mails(address)), None)

    letter = await world.until(f"a letter to the customer of {record['id']}", first_letter)
    mail = EmailMessage()
    mail["From"] = f"{record['body']['customer']['name']} <{address}>"
    mail["To"] = letter["headers"].get("Reply-To") or letter["from"]
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{uuid4()}@example.com>"
    mail["In-Reply-To"] = mail["References"] = letter["message_id"]
    mail["Subject"] = f"Re: {letter['subject']}"
    mail.set_content("Thank you. The direct debit was set up while I was on the phone, at about ten in the morning.\n")
    answer = (await sender.email(mail.as_bytes())).json()
    if answer.get("outcome") != "reply" or answer.get("complaint_id") != world.told[record["id"]]:
        raise Missing(f"a customer's reply joined to its complaint (was {answer.get('outcome')})")


async def withdraw(world: World, record: str) -> None:
    """The customer takes the complaint back."""
    await says(world, record, "withdraw", "已经问清楚了，不用再办，谢谢。")


async def reopen(world: World, record: str) -> None:
    """The matter comes back after the case was closed."""
    await world.in_state(world.told[record], ("closed",), within=100)
    await says(world, record, "reopen", "今天的详单里旧流量包又出现了，请再查一次。")


async def says(world: World, record: str, what: str, text: str) -> None:
    """A later word of the customer about a complaint."""
    path = f"/v1/complaints/{world.told[record]}/{what}"
    await world.call("web", "POST", "intake", path, json={"text": text}, headers={"Idempotency-Key": str(uuid4())})


async def undecodable(world: World, sender: Sender, other: dict[str, Any]) -> None:
    """A record nobody understands: parked by each that reads its type, shown, discarded with a reason; others go on."""
    await _put_undecodable(world)

    async def everywhere() -> dict[str, list[dict[str, Any]]] | None:
        lists = await asyncio.gather(*(_amends(world, service, "list", "--json") for service in CONSUMERS))
        found = {service: json.loads(text) for service, text in zip(CONSUMERS, lists, strict=True)}
        return found if all(found.values()) else None

    parked = await world.until("an undecodable record parked", everywhere, within=20)
    await _not_delayed(world, sender, other)
    for service, rows in parked.items():
        for row in rows:
            if "this is not json" not in await _amends(world, service, "show", str(row["id"])):
                raise Missing("the undecodable record shown")
            reason = ("--by", "ops", "--discard", "a test tool wrote to the wrong topic")
            await _amends(world, service, "release", str(row["id"]), *reason)


async def _put_undecodable(world: World) -> None:
    complaint = str(uuid4())
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(uuid4()).encode()),
        ("ce_source", b"/amends/unknown/test-tool"),
        ("ce_type", b"complaint.received.v1"),
        ("ce_subject", complaint.encode()),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=world.stack.kafka_bootstrap, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, b"this is not json", key=complaint.encode(), headers=headers)
    finally:
        await producer.stop()


async def _amends(world: World, service: str, *arguments: str) -> str:
    """`amends parked …` of one service, in a thread: the handlers go on answering meanwhile."""
    order = ("parked", *arguments, "--service", service)
    return await asyncio.to_thread(world.stack.amends, *order, service=service)


async def _not_delayed(world: World, sender: Sender, record: dict[str, Any]) -> None:
    """While the record is parked, a new complaint gets its acknowledgement as fast as ever."""
    await send(world, sender, record)
    address = record["body"]["customer"]["email"]

    async def acknowledged() -> bool:
        return bool(await world.mails(address))

    await world.until("a complaint acknowledged while a record is parked", acknowledged, within=10)


async def send(world: World, sender: Sender, record: dict[str, Any]) -> None:
    """Send one record and remember which complaint it became."""
    answer = await sender.send(record)
    if not answer.is_success:
        raise Missing(f"{record['id']} accepted (answered {answer.status_code} {answer.text[:200]})")
    if complaint := answer.json().get("complaint_id"):
        world.told[record["id"]] = complaint
