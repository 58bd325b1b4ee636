"""What the story can reach: the public HTTP interfaces, the caught mails, and patience with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import httpx

from deploy.local.stack import Stack

T = TypeVar("T")
POLL_SECONDS = 0.25
BUSY_TRIES = 5


class Missing(Exception):
    """Something that the story contains did not happen; the message names it."""


class Refused(Exception):
    """The interface refused a request; `status` and the problem's text say how."""

    def __init__(self, what: str, answer: httpx.Response) -> None:
        super().__init__(f"{what}: {answer.status_code} {answer.text[:300]}")
        self.status = answer.status_code


@dataclass
class World:
    """The running stack as its users see it. `told` maps a sample's record id to its complaint id."""

    stack: Stack
    told: dict[str, str] = field(default_factory=dict)
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        pages = dict(self.stack.urls)
        if self.stack.mail_url:
            pages["mail"] = self.stack.mail_url
        self._clients = {name: httpx.AsyncClient(base_url=url, timeout=15) for name, url in pages.items()}
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def call(self, who: str, method: str, at: str, path: str, **body: Any) -> Any:
        """One request by the owner of the token `who` to the service `at`; its JSON. Raises Refused."""
        headers = {"Authorization": f"Bearer {self.stack.tokens[who]['token']}"} | body.pop("headers", {})
        for _ in range(BUSY_TRIES):
            answer = await self._clients[at].request(method, path, headers=headers, **body)
            if answer.status_code != 503:
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
        if not answer.is_success:
            raise Refused(f"{method} {at}{path}", answer)
        return answer.json() if answer.content else None

    async def mails(self, to: str | None = None, *, brief: bool = True) -> list[dict[str, Any]]:
        """The caught mails, oldest first; `to` chooses those for one address."""
        caught = (await self._clients["mail"].get("/api/messages", params={"brief": int(brief)})).json()
        return [mail for mail in caught if to is None or to in mail["to"]]

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]], within: float = 60.0) -> T:
        """The first truthy result of `look`. Raises Missing(`what`) after `within` seconds."""
        deadline = time.monotonic() + within
        while not (found := await look()):
            if time.monotonic() > deadline:
                raise Missing(what)
            await asyncio.sleep(POLL_SECONDS)
        return found

    def record(self, complaint: str) -> str:
        """The sample's record id of a complaint; empty for complaints that are no samples."""
        return next((record for record, told in self.told.items() if told == complaint), "")

    async def case(self, complaint: str) -> dict[str, Any]:
        """The case as the lead sees it."""
        found: dict[str, Any] = await self.call("lead", "GET", "routing", f"/v1/cases/{complaint}")
        return found

    async def in_state(self, complaint: str, states: Iterable[str], within: float = 60.0) -> None:
        """Wait until the case is in one of `states`. Raises Missing."""
        wanted = tuple(states)

        async def there() -> bool:
            try:
                return (await self.case(complaint))["state"] in wanted
            except Refused as refused:
                if refused.status != 404:  # routing has not heard of it yet
                    raise
                return False

        await self.until(f"case {complaint} in state {' or '.join(wanted)}", there, within)
