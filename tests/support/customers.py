"""Customers who do not give up: each complaint has a key, and is posted under it until it is answered with 201."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.checker import Accepted
from tests.support.house import House

TEXTS = (
    ("en", "My phone does not charge since Monday, although it was repaired twice."),
    ("zh", "我新买的手机充不进电，客服一直不回复，请尽快处理。"),
    ("en", "I was charged twice for the same bill and nobody answers my calls."),
    ("zh", "宽带断了三天，报修后没有人上门。"),
)


class Customers:
    """What they have been told so far is in `accepted`; a refusal that is no outage is an error of the test."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.accepted: dict[UUID, Accepted] = {}
        self.outages = 0
        self._numbers = itertools.count()
        self._headers = house.bearer("web", "service")

    async def complain(self, *, tier: str | None = None, reachable: bool = True, language: str = "") -> UUID:
        """One complaint, accepted; gives its id."""
        n = next(self._numbers)
        language, words = next(t for t in TEXTS[n % len(TEXTS) :] + TEXTS if t[0] == (language or t[0]))
        customer = {"name": f"Pat Example{n}", "language": language}
        customer |= {"email": f"customer{n}@example.org"} if reachable else {}
        customer |= {"tier": tier} if tier else {}
        return await self.post({"channel": "web", "customer": customer, "text": words}, str(uuid4()))

    async def post(self, body: dict[str, Any], key: str) -> UUID:
        """A complaint in these words under this key, accepted; gives its id."""
        id_ = UUID((await self._post("/v1/complaints", body, key))["complaint_id"])
        self.accepted.setdefault(id_, Accepted(id_, "email" in body["customer"]))
        return id_

    async def reply(self, complaint: UUID, words: str = "One more thing") -> None:
        """One more word."""
        text = f"{words}: {uuid4()}"
        await self._post(f"/v1/complaints/{complaint}/messages", {"text": text}, str(uuid4()))
        self.accepted[complaint].replies.append(text)

    async def withdraw(self, complaint: UUID) -> None:
        """Take it back."""
        await self._post(f"/v1/complaints/{complaint}/withdraw", {}, str(uuid4()))
        self.accepted[complaint].withdrawn = True

    async def _post(self, path: str, body: dict[str, Any], key: str) -> Any:
        while True:
            try:
                async with httpx.AsyncClient(timeout=10) as client:
                    answer = await client.post(
                        self.house.url("intake") + path, json=body, headers=self._headers | {"Idempotency-Key": key}
                    )
                if answer.status_code < 500:
                    assert answer.status_code == 201, answer.text
                    return answer.json()
                assert answer.status_code == 503, answer.text
            except httpx.TransportError:
                pass
            self.outages += 1
            await asyncio.sleep(0.1)

    async def one(self) -> None:
        """A customer: every fifth replies, every seventh gave no address, every eleventh withdraws."""
        n = len(self.accepted)
        complaint = await self.complain(reachable=n % 7 != 3)
        if n % 5 == 0:
            await self.reply(complaint)
        if n % 11 == 5:
            await self.withdraw(complaint)

    async def at_rest(self) -> None:
        """Nothing is on its way any more, and the checker has nothing to say."""
        await self.house.quiet()
        findings = await self.house.findings(self.accepted)
        assert not findings, "\n".join(findings)

    @asynccontextmanager
    async def flowing(self, *, pause: float = 0.15) -> AsyncIterator[None]:
        """Customers keep coming until the block ends; then the last are waited for."""
        coming, stop = set(), asyncio.Event()

        async def come() -> None:
            while not stop.is_set():
                coming.add(asyncio.create_task(self.one()))
                await asyncio.sleep(pause)

        source = asyncio.create_task(come())
        try:
            yield
        finally:
            stop.set()
            await source
            await asyncio.gather(*coming)
