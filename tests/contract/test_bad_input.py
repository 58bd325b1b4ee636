"""Bad input to every changing call of all four services, with a life in them: refused with the field, never a 500."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.keys import SERVICES
from services import outside
from tests.support.bad_input import Document, Wrong
from tests.support.house import House
from tests.support.houses import Houses
from tests.support.spines import eventually

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
WHO = ("handler", "lead", "manager", "service", "channel")
PROBLEM = "application/problem+json"
COMPLAINT = {
    "channel": "web", "customer": {"name": "Ada Lane", "email": "ada@example.com", "language": "en"},
    "subject": "Charged twice", "text": "You took 20 pounds twice for order 4711. Please return one of them.",
}  # fmt: skip


@pytest.fixture(scope="module")
async def house(houses: Houses) -> AsyncIterator[tuple[House, dict[str, str]]]:
    """The four services, and in them a case that a handler has accepted, with an enquiry and a letter."""
    async with houses("wrong") as made:
        await asyncio.to_thread(made.start)
        await made.hire()
        yield made, await alive(made)


async def alive(house: House) -> dict[str, str]:
    """What stands for each path parameter: things that are there, as far as there can be one."""
    answer = await house.call("intake", "POST", "/v1/complaints", COMPLAINT, name="web", role="service")
    assert answer.status_code == 201, answer.text
    complaint = answer.json()["complaint_id"]

    case = f"/v1/cases/{complaint}"

    async def owner() -> Any:
        return ((await house.call("routing", "GET", case, None, name="lead", role="lead")).json().get("handler")) or {}

    await eventually(owner)
    enquiry = {"to": "billing", "question": "Was it taken twice?", "due": "2099-01-04T10:00:00Z"}
    done = await house.call("routing", "POST", f"{case}/enquiries", enquiry, name="robin", role="handler")
    assert done.is_success, done.text

    async def letter() -> Any:
        return await house.query("SELECT id FROM notifier.letter WHERE complaint_id = $1 AND state = 'sent'", complaint)

    mail = await eventually(letter)
    enquiries = (await house.call("routing", "GET", case, None, name="robin", role="handler")).json()["enquiries"]
    known = {
        "complaint_id": complaint, "letter_id": str(mail[0]["id"]), "handler_id": "robin",
        "enquiry_id": enquiries[0]["enquiry_id"], "pack": "house-tiered", "language": "en", "decision": "accept",
        "external_id": "c-1", "given": answer.json()["reference"], "word": "messages", "name": "note", "what": "resend",
        "uuid": complaint,
    }  # fmt: skip
    others = (
        "offer_id",
        "link_id",
        "raw_id",
        "reply_id",
        "session_id",
        "remedy_id",
        "rung_id",
        "notice_id",
        "promise_id",
    )
    return known | {name: str(uuid4()) for name in others}


def role(service: str, wrong: Wrong) -> str:
    """One that may call."""
    for method, path, roles, _ in outside.routes(outside.application(service)):
        shape = re.sub(r"\\{\w+(\\:path)?\\}", "[^/]+", re.escape(path))
        if method == wrong.method and re.fullmatch(shape, wrong.path.partition("?")[0]):
            return next(who for who in WHO if roles is None or who in roles)
    return "lead"


def complaints_about(wrong: Wrong, answer: httpx.Response) -> str | None:
    """What is not as promised in an answer."""
    status = answer.status_code
    if status >= 500 and status != 503:
        return "a 5xx"
    refused = status >= 400
    told = PROBLEM if wrong.kind != "application/x-ndjson" else answer.headers["content-type"]  # a problem per line
    if refused and answer.headers["content-type"] != told:
        return f"a refusal as {answer.headers['content-type']}"
    if wrong.pointer is None:
        return None
    if not refused:
        return f"taken with {status}"
    said = [error["pointer"] for error in answer.json().get("errors", ())]
    parts = [part for part in wrong.pointer.split("/") if part]
    if status == 422 and not any(points_at(parts, one.split("/")) for one in said):
        return f"points at {said}"
    if status not in (400, 415, 422):
        return f"refused with {status}"
    return None


def points_at(parts: list[str], said: list[str]) -> bool:
    """Whether a pointer names these parts in their order; the name of a union's branch may stand between them."""
    rest = iter(said)
    return all(part in rest for part in parts)


@pytest.mark.parametrize("service", SERVICES)
async def test_bad_input_is_refused_with_its_field_and_never_breaks_anything(
    house: tuple[House, dict[str, str]], service: str
) -> None:
    made, known = house
    found, tried = [], 0
    async with httpx.AsyncClient(base_url=made.url(service), timeout=60) as client:
        api = (await client.get("/openapi.json")).json()
        for wrong in Document(api, known).wrong():
            headers = {**made.bearer("robin", role(service, wrong)), **wrong.headers, "Content-Type": wrong.kind}
            try:
                answer = await client.request(wrong.method, wrong.path, content=wrong.body, headers=headers)
            except httpx.TransportError as error:
                found.append(f"{wrong.method} {wrong.path[:120]} {wrong.what}: no answer: {error!r}")
                continue
            tried += 1
            if about := complaints_about(wrong, answer):
                found.append(f"{wrong.method} {wrong.path[:120]} {wrong.what}: {about}: {answer.text[:200]}")
        health = await client.get("/healthz")
    assert not found, f"{len(found)} of {tried}:\n" + "\n".join(found)
    assert health.json()["status"] == "ok"
    assert tried > 100
