"""Mail that begins nothing, looked at by people: a sample of each day, and the way back when it was misjudged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from shared.base.db import Database
from shared.base.errors import NotFound, Problem
from shared.spine import totals

from . import accounting
from .mail import Mail
from .parsers import Parsers, Unparsable
from .store import review as store
from .store.review import Doubtful

BEGINNING = 600


@dataclass(frozen=True, slots=True)
class Review:
    """`sample` shows, `rescue` gives a mail back to the sweep, which decides anew with the same ids and times."""

    db: Database
    parsers: Parsers
    keep: timedelta

    async def sample(self, outcome: str, day: date | None, size: int) -> list[dict[str, Any]]:
        """Some mails with this outcome, the same all day for everybody; without a day the newest ones."""
        async with self.db.read() as tx:
            found = await store.sample(tx, outcome, day, size)
        return [await self._shown(one) for one in found]

    async def counts(self) -> Sequence[dict[str, Any]]:
        """How many mails began nothing, by day and outcome, the newest day first."""
        async with self.db.read() as tx:
            return await store.counts(tx)

    async def show(self, raw_id: UUID) -> dict[str, Any]:
        """One mail. Raises NotFound."""
        async with self.db.read() as tx:
            one = await store.one(tx, raw_id)
        if one is None:
            raise NotFound("mail")
        return await self._shown(one)

    async def rescue(self, raw_id: UUID, *, by: str) -> None:
        """Let the mail be decided again, as a person's.

        Raises NotFound, and Problem 409 for mail that began something.
        """
        async with self.db.transaction() as tx:
            was = await store.rescue(tx, raw_id, by, self.keep)
            if was is None:
                if await store.one(tx, raw_id) is None:
                    raise NotFound("mail")
                raise Problem(409, "Conflict", "Only quarantined mail, spam, bounces and automatic answers come back.")
            await totals.add(tx, accounting.mail_taken_back(*was))

    async def _shown(self, one: Doubtful) -> dict[str, Any]:
        try:
            mail = await self.parsers.parse(one.content)
        except Unparsable:
            mail = Mail(text="(cannot be read)")
        return {
            "raw_id": one.raw_id,
            "source": one.source,
            "seen_at": one.seen_at,
            "outcome": one.outcome,
            "reason": one.reason or "",
            "rescued_by": one.rescued_by,
            "size": one.size,
            "from": mail.sender,
            "subject": mail.subject,
            "beginning": mail.text[:BEGINNING],
        }
