"""A channel's client that runs inside the image: sends complaints at a steady rate and repeats what was not answered.

Arguments: intake's address, number, complaints per second. Prints one line of JSON: accepted ids, how often a request
was repeated, and answers that no repeat can mend. AMENDS_TOKEN_KEY signs the token.
"""

import asyncio
import json
import os
import sys
import uuid
from typing import Any

import httpx

from shared.base.security import issue

ATTEMPTS = 160  # four a second: a service that begins anew on a busy machine may take half a minute


async def send(client: httpx.AsyncClient, number: int, report: dict[str, Any]) -> None:
    """One complaint, repeated under its key until it is answered."""
    body = {
        "channel": "web",
        "customer": {"name": f"Sender {number}", "email": f"sender{number}@example.com", "language": "en"},
        "subject": f"Parcel {number}",
        "text": f"Parcel {number} came to the wrong house. Please fetch it and send it to mine.",
    }
    key = str(uuid.uuid4())
    for attempt in range(ATTEMPTS):
        if attempt:
            report["repeated"] += 1
            await asyncio.sleep(0.25)
        try:
            answer = await client.post("/v1/complaints", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            continue
        if answer.status_code == 503:
            continue
        if answer.status_code == 201:
            report["accepted"].append(answer.json()["complaint_id"])
        else:
            report["refused"].append(answer.status_code)
        return
    report["gave_up"] += 1


async def main(intake: str, number: str, rate: str) -> None:
    """Send them all, then say what became of them."""
    token = issue(os.environ["AMENDS_TOKEN_KEY"], name="client", role="service", scopes=["complaints"], days=1)
    report: dict[str, Any] = {"accepted": [], "repeated": 0, "refused": [], "gave_up": 0}
    # A connection is used once, so that each complaint takes the Service's choice of a pod anew.
    limits = httpx.Limits(max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(base_url=intake, headers=headers, timeout=10, limits=limits)
    async with client, asyncio.TaskGroup() as group:
        for index in range(int(number)):
            group.create_task(send(client, index, report))
            await asyncio.sleep(1 / float(rate))
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
