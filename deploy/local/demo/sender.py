"""An example client of the intake service: how a channel hands complaints over so that none is lost or doubled.

`python -m deploy.local.demo.sender --intake http://127.0.0.1:8001 --tokens .run/tokens.json` sends every sample.

Three things make it safe to repeat a request whose answer never came: an Idempotency-Key for posts, the call id for
hotline calls, and the Message-ID for e-mails. So the client repeats after a broken connection or a 503, waits as long
as Retry-After says, and gives up loudly after a bounded number of attempts.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from . import samples

ATTEMPTS = 8
LONGEST_WAIT = 10.0
AT_ONCE = 6


class Sender:
    """Sends complaints, calls and e-mails of one channel owner to the intake service at `intake`."""

    def __init__(self, intake: str, tokens: dict[str, dict[str, str]], gateway: str, run: str) -> None:
        self._client = httpx.AsyncClient(base_url=intake, timeout=30)
        self._tokens = tokens
        self._gateway = gateway
        self._run = run

    async def close(self) -> None:
        await self._client.aclose()

    async def web(self, record: dict[str, Any]) -> httpx.Response:
        """Posts a complaint. The key is the record's own number in this channel, so a repeat is recognised."""
        key = f"{record['id']}-{self._run}"
        return await self._post("web", "/v1/complaints", json=record["body"], headers={"Idempotency-Key": key})

    async def hotline(self, record: dict[str, Any]) -> httpx.Response:
        """Reports a call. Reporting the same call id again adds to the call."""
        body = record["body"] | {"call_id": f"{record['body']['call_id']}-{self._run}"}
        return await self._post("hotline", "/v1/hotline/calls", json=body)

    async def email(self, raw: bytes) -> httpx.Response:
        """Hands over a raw e-mail as the gateway received it."""
        mail = samples.stamped(raw, self._gateway)
        return await self._post("email", "/v1/emails", content=mail, headers={"Content-Type": "message/rfc822"})

    async def send(self, record: dict[str, Any]) -> httpx.Response:
        """Sends a record by the channel it names."""
        return await (self.hotline(record) if record["send"] == "hotline" else self.web(record))

    async def _post(
        self, channel: str, path: str, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        headers = (headers or {}) | {"Authorization": f"Bearer {self._token(channel)}"}
        for attempt in range(1, ATTEMPTS + 1):
            wait = min(LONGEST_WAIT, 0.2 * 2**attempt)
            try:
                answer = await self._client.post(path, headers=headers, **body)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code not in (429, 503):
                    return answer
                problem = f"answered {answer.status_code}"
                wait = min(LONGEST_WAIT, _seconds(answer.headers.get("Retry-After"), wait))
            if attempt < ATTEMPTS:
                await asyncio.sleep(wait)
        raise ConnectionError(f"{path} {problem}, {ATTEMPTS} times")

    def _token(self, channel: str) -> str:
        """The key of the channel itself, or of any channel when it has none of its own."""
        owned = [entry["token"] for entry in self._tokens.values() if entry["role"] == "channel"]
        return self._tokens[channel]["token"] if channel in self._tokens else owned[0]


def _seconds(retry_after: str | None, otherwise: float) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else otherwise


async def send_all(sender: Sender) -> Counter[str]:
    """Sends every sample; counts answers by what became of them."""
    seen: Counter[str] = Counter()
    room = asyncio.Semaphore(AT_ONCE)

    async def one(record: dict[str, Any]) -> None:
        async with room:
            _count(seen, record["send"], await sender.send(record))

    async def mails() -> None:
        for _, raw in samples.emails():  # one after the other: some of them are the same mail again
            _count(seen, "email", await sender.email(raw))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(mails())
        for name in samples.FILES:
            for record in samples.records(name):
                tasks.create_task(one(record))
    return seen


def _count(seen: Counter[str], channel: str, answer: httpx.Response) -> None:
    if answer.is_success:
        became = answer.json().get("outcome") or answer.json().get("status")
    else:
        became = f"refused ({answer.status_code})"
    seen[f"{channel} {became}"] += 1


async def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sender", description="Sends the sample complaints to an intake service.")
    parser.add_argument("--intake", required=True, help="address of the intake service")
    parser.add_argument("--tokens", required=True, type=Path, help="JSON file {name: {role, token}}")
    parser.add_argument("--gateway", default="gateway.amends.example", help="host that receives the mail")
    parser.add_argument(
        "--run", default=uuid4().hex[:8], help="makes this run's keys; the same again on the same day is a repeat"
    )
    chosen = parser.parse_args(arguments)
    try:
        tokens = json.loads(chosen.tokens.read_text())
    except (OSError, ValueError) as error:
        parser.error(f"--tokens: {error}")
    started = time.monotonic()
    sender = Sender(chosen.intake, tokens, chosen.gateway, chosen.run)
    try:
        seen = await send_all(sender)
    except ExceptionGroup as failed:
        print(f"gave up: {failed.exceptions[0]}", file=sys.stderr)
        return 1
    finally:
        await sender.close()
    parts = ", ".join(f"{number} {what}" for what, number in sorted(seen.items()))
    print(f"sent {sum(seen.values())} in {time.monotonic() - started:.1f} s: {parts}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
