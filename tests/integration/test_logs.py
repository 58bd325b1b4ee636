"""What services log while every sample complaint goes through them: ids, and nobody's name, address or number."""

import asyncio
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

import pytest

from deploy.local.demo import samples
from deploy.local.demo.sender import Sender
from shared.base import security
from tests.support.house import House
from tests.support.houses import Houses

pytestmark = pytest.mark.servers
PERSONAL = ("name", "given_name", "family_name", "email", "phone")
GATEWAY = "mx.amends.example"


def people(value: Any) -> Iterator[str]:
    """Everything in a record that names or reaches a person."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in PERSONAL and isinstance(item, str):
                yield item
            yield from people(item)
    elif isinstance(value, list):
        for item in value:
            yield from people(item)


def senders(raw: bytes) -> Iterator[str]:
    """The names and addresses in a mail's headers."""
    mail = message_from_bytes(raw, policy=policy.compat32)
    for header in ("From", "To", "Cc", "Reply-To", "Sender"):
        for name, address in getaddresses([str(v) for v in mail.get_all(header, [])]):
            yield from (word for word in (name, address) if word)


def sought(records: list[dict[str, Any]], mails: list[bytes]) -> set[str]:
    """Lower-case words that no log may hold; numbers also as digits alone."""
    found = set()
    for word in [w for r in records for w in people(r["body"])] + [w for m in mails for w in senders(m)]:
        word = word.strip().lower()
        digits = re.sub(r"\D", "", word)
        found |= {word} | ({digits} if len(digits) > 6 and "@" not in word else set())
    ours = {"care@amends.example", f"complaints@{GATEWAY}"}
    return {word for word in found - ours if len(word) > (2 if word.isascii() else 1)}


@pytest.fixture
async def house(houses: Houses, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """The four services, as talkative as they can be."""
    for name, value in (("LOG_LEVEL", "debug"), ("LOG_FORMAT", "json"), ("TRUSTED_GATEWAYS", f'["{GATEWAY}"]')):
        monkeypatch.setitem(os.environ, f"AMENDS_{name}", value)
    async with houses("logs") as made:
        await asyncio.to_thread(made.start)
        yield made


async def play(house: House) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Everything in samples/ through the public endpoints, and what may go wrong on the way."""
    key = house.database.keys.token_key
    tokens = {
        n: {"role": "channel", "token": security.issue(key, name=n, role="service")}
        for n in ("web", "hotline", "email")
    }
    client = Sender(house.url("intake"), tokens, GATEWAY, secrets.token_hex(3))
    records = [r for name in samples.FILES for r in samples.records(name)]
    mails = [raw for _, raw in samples.emails()]
    try:
        await asyncio.gather(*(client.send(record) for record in records[:40]))
        for record in records[40:]:
            await client.send(record)
        for raw in mails:
            await client.email(raw)
    finally:
        await client.close()
    broken = {"channel": "web", "customer": {"name": records[0]["body"]["customer"]["name"], "email": 7}, "text": "x"}
    answer = await house.call("intake", "POST", "/v1/complaints", broken, name="web", role="service")
    assert answer.status_code == 422
    await house.quiet(seconds=60)
    return records, mails


async def test_no_log_of_a_full_run_names_a_customer(house: House) -> None:
    await house.hire()
    records, mails = await play(house)
    lines = [line for path in house.folder.glob("*.log") for line in path.read_text().splitlines()]
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    handled = [e for e in entries if e["event"] == "event handled"]
    assert len(handled) > 500, "the services said too little for this to prove anything"
    assert all(e["complaint_id"] and e["event_id"] for e in handled)
    words = sought(records, mails)
    assert len(words) > 100
    text = "\n".join(lines).lower()
    # Ids are hexadecimal and times are digits: a word counts where it stands alone.
    found = {w for w in words if w in text and re.search(rf"(?<![0-9a-z]){re.escape(w)}(?![0-9a-z])", text)}
    assert not found, f"in the logs: {sorted(found)[:10]}"
