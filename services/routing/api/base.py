"""What the routes share: the composed parts, who acts, and how a command reaches a case."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.requests import Request

from shared.base.errors import NotFound, Problem, Stalled
from shared.base.security import Role, caller
from shared.spine.effects import Effect
from shared.spine.spine import Spine

from ..accounts import Accounts
from ..handlers import Ending, Offers
from ..handlers.flow import Actor, Unchanged
from ..intake import Intake
from ..model import Case, Handler, Presence
from ..news import NewsRoom
from ..notifier import Notifier
from ..policy import Policy
from ..settings import Settings
from ..store import Store, offers, people

READERS: tuple[Role, ...] = ("handler", "lead", "manager", "approver", "auditor", "quality", "service")
WORKERS: tuple[Role, ...] = ("handler", "lead", "manager")
GONE = ("break", "away")  # who is on a call or wraps up answers his offers a little later
STAFFERS: tuple[Role, ...] = ("lead", "manager", "ops", "service")


@dataclass(frozen=True)
class Desk:
    """The composed parts that routes call."""

    spine: Spine[Case]
    store: Store
    policy: Policy
    offers: Offers
    ending: Ending
    wake: Callable[[], None]  # starts a round: somebody came, or may do more than before
    settings: Settings
    accounts: Accounts
    news: NewsRoom
    notifier: Notifier
    intake: Intake
    drawing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))  # pictures, one at a time

    async def actor(self, request: Request) -> Actor:
        """Who acts, with their entry in the staff list."""
        who = caller(request)
        async with self.spine.db.read() as tx:
            return Actor(who.name, who.role, await people.get(tx, who.name))

    async def case(self, complaint_id: UUID) -> Case:
        """One case as it is. Raises NotFound."""
        async with self.spine.db.read() as tx:
            case = (await self.store.load(tx, [complaint_id]))[complaint_id]
        if not case.known:
            raise NotFound("case")
        return case

    async def present(self, handler_id: str, presence: Presence) -> Handler | None:
        """Say whether a handler is there; what he was offered and leaves behind goes to others. None: no such one."""
        async with self.spine.db.transaction() as tx:
            if not await people.set_presence(tx, handler_id, presence):
                return None
        if presence in GONE:
            await self._left(handler_id)
        self.wake()
        async with self.spine.db.read() as tx:
            return await people.get(tx, handler_id)

    async def _left(self, handler_id: str) -> None:
        async with self.spine.db.read() as tx:
            mine = await offers.open_of(tx, handler_id)
        for offer_id, complaint_id in mine:
            # A parked case answers nothing; its offer expires.
            with suppress(Stalled):
                await self.command(complaint_id, lambda case, now, o=offer_id: self.offers.leave(case, o, now))  # type: ignore[misc]

    async def command(
        self,
        complaint_id: UUID,
        decide: Callable[[Case, datetime], Iterable[Effect]],
        *,
        expected: int | None = None,
    ) -> Case:
        """Apply one command; a command that was carried out before gives the case as it is."""

        def known(case: Case, now: datetime) -> Iterable[Effect]:
            if not case.known:
                raise NotFound("case")
            return list(decide(case, now))

        try:
            return await self.spine.work.command(complaint_id, known, expected=expected)
        except Unchanged:
            return await self.case(complaint_id)


def expected(request: Request, version: int | None) -> int | None:
    """The version that the caller saw: from the body, or from `If-Match`. Raises Problem 400 for another tag."""
    tag = request.headers.get("if-match")
    if version is not None or tag is None or tag == "*":
        return version
    plain = tag.removeprefix("W/").strip('"')
    if not plain.isdecimal():
        raise Problem(400, "Bad request", 'If-Match takes the version of the case: "3".')
    return int(plain)


def tagged(case: Case) -> dict[str, Any]:
    """The headers that carry the version."""
    return {"ETag": f'"{case.version}"'}
