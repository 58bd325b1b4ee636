"""Mail in two transactions: first the bytes, then what becomes of them. Between the two nothing can be lost.

    keep (bytes, "seen") → parse in a worker → judge → settle (claim the content, do what follows, the outcome)

A crash anywhere leaves an arrival without outcome; the sweep finds it, three times, then it is quarantined. Mails that
come while a transaction runs share the next one.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.db import is_transient
from shared.base.errors import Problem
from shared.base.loops import LoopControl
from shared.spine import totals

from . import accounting, answers, identity
from .batches import Batches
from .cleaning import Cleaning
from .mail import Mail
from .parsers import Parsers, Unparsable
from .requests import MailOut
from .settling import Parsed, Settling
from .store import mails as store
from .store.mails import Arrival, New, Outcome

log = structlog.get_logger()
TRIES = 3
SWEEP = 50
RETRY = timedelta(seconds=10)
WAITING = 256
FORGET_SECONDS = 3600


@dataclass(slots=True)
class Mailroom:
    """`receive` takes a mail's bytes and waits for the outcome, `keep` only takes them; `run` is the sweep."""

    settling: Settling
    parsers: Parsers
    cleaning: Cleaning
    answer_within: float = 5.0
    _running: set[asyncio.Task[Outcome | None]] = field(default_factory=set)
    _arriving: int = 0
    _keeping: Batches[New, Arrival] = field(init=False)
    _deciding: Batches[Parsed, Outcome] = field(init=False)

    def __post_init__(self) -> None:
        self._keeping = Batches(self._keep, weigh=lambda new: len(new.content))
        self._deciding = Batches(self.settling.settle, weigh=lambda parsed: len(parsed.arrival.content))

    async def receive(self, raw: bytes, *, source: str) -> MailOut:
        """Keep the bytes, then wait a little for the outcome: `pending` when it does not come in time.

        Raises Problem 503 when too many mails arrive at once; the bytes are not kept then.
        """
        arrival = await self.keep(raw, source=source)
        task = self.decide_soon(arrival)
        await asyncio.wait({task}, timeout=self.answer_within)
        found = task.result() if task.done() else None
        if found is None:
            return MailOut(outcome="pending", raw_id=arrival.raw_id)
        return MailOut.model_validate({**found._asdict(), "raw_id": arrival.raw_id})

    async def keep(self, raw: bytes, *, source: str) -> Arrival:
        """The first transaction: when this returns, the bytes are committed.

        Raises Problem 503 when too many mails arrive at once; the bytes are not kept then.
        """
        if self._arriving >= WAITING:
            raise Problem(503, "Busy", "Too many mails at once; send it again.", headers={"Retry-After": "2"})
        self._arriving += 1
        try:
            return await self._keeping.put(New(identity.uuid7(), source, raw))
        finally:
            self._arriving -= 1

    def decide_soon(self, arrival: Arrival) -> asyncio.Task[Outcome | None]:
        """Begin to decide about mail that is kept. The task gives None when the sweep has to try again."""
        task = asyncio.create_task(self._decide(arrival))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    @property
    def full(self) -> bool:
        """Whether so many mails are being decided that further ones are better left to the sweep."""
        return len(self._running) >= WAITING

    async def _keep(self, new: Sequence[New]) -> list[Arrival]:
        async with self.settling.work.db.transaction() as tx:
            return await self.keep_in(tx, new)

    async def keep_in(self, tx: AsyncConnection, new: Sequence[New]) -> list[Arrival]:
        """Keep mails in the caller's transaction; those that are kept already are not in the answer."""
        kept = await store.keep(tx, new, retry=RETRY, life=self.settling.admission.retention.of("raw_mail"))
        await totals.add(tx, accounting.mails_seen(arrival.source for arrival in kept))
        return kept

    async def run(self, control: LoopControl) -> None:
        """The sweep: arrivals without outcome are tried again, a few at a time."""
        forget_at = 0.0
        while not control.stopping:
            async with self.settling.work.db.transaction() as tx:
                waiting = await store.due(tx, SWEEP)
                if time.monotonic() >= forget_at:
                    await store.forget_answered(tx, answers.PAUSE)
                    forget_at = time.monotonic() + FORGET_SECONDS
            for raw_id in waiting:
                control.beat()
                async with self.settling.work.db.transaction() as tx:
                    arrival = await store.try_again(tx, raw_id, RETRY)
                if arrival:
                    self.decide_soon(arrival)
                while len(self._running) >= SWEEP and not control.stopping:
                    await asyncio.wait(self._running, timeout=1, return_when=asyncio.FIRST_COMPLETED)
                    control.beat()
            await control.sleep(0.0 if len(waiting) == SWEEP else 2.0)

    async def finish(self) -> None:
        """Wait for what is being decided; what is not done is the next sweep's."""
        if self._running:
            await asyncio.wait(self._running, timeout=self.answer_within)
        await self.parsers.close()

    async def _decide(self, arrival: Arrival) -> Outcome | None:
        """One try, counted before it began. None: no outcome yet, and the arrival stays for the sweep."""
        try:
            mail = await self.parsers.parse(arrival.content)
            if mail.files:
                await self.cleaning.of_mail(mail)
            return await self._deciding.put(Parsed(arrival, mail))
        except Unparsable as error:
            return await self._failed(arrival, str(error))
        except Exception as error:
            if is_transient(error):
                return None
            log.error("a mail was not understood", raw_id=str(arrival.raw_id), error=type(error).__name__)
            return await self._failed(arrival, f"deciding failed: {type(error).__name__}")

    async def _failed(self, arrival: Arrival, reason: str) -> Outcome | None:
        if arrival.tries < TRIES:
            return None
        try:
            return await self._deciding.put(Parsed(arrival, Mail(), failed=reason))
        except Exception as error:
            if not is_transient(error):
                raise
            return None
