"""Mail in two transactions: first the bytes, then what becomes of them. Between the two nothing can be lost.

    keep (bytes, "seen") → parse in a worker → judge → settle (claim the content, do what follows, the outcome)

A crash anywhere leaves an arrival without outcome; the sweep finds it, three times, then it is quarantined.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from shared.base.db import is_transient
from shared.base.errors import Problem
from shared.base.loops import LoopControl

from . import classify, identity
from .mail import Mail
from .parsers import Parsers, Unparsable
from .requests import MailOut
from .settling import Settling
from .store import mails as store
from .store.mails import Arrival, Outcome

log = structlog.get_logger()
TRIES = 3
SWEEP = 50
RETRY = timedelta(seconds=10)
AT_ONCE, WAITING = 4, 256


@dataclass(slots=True)
class Mailroom:
    """`receive` takes a mail's bytes; `run` is the sweep."""

    settling: Settling
    parsers: Parsers
    answer_within: float = 5.0
    _running: set[asyncio.Task[Outcome | None]] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _arriving: int = 0

    async def receive(self, raw: bytes, *, source: str) -> MailOut:
        """Keep the bytes, then wait a little for the outcome: `pending` when it does not come in time.

        Raises Problem 503 when too many mails arrive at once; the bytes are not kept then.
        """
        if self._arriving >= WAITING:
            raise Problem(503, "Busy", "Too many mails at once; send it again.", headers={"Retry-After": "2"})
        self._arriving += 1
        try:
            arrival = await self._keep(raw, source)
        finally:
            self._arriving -= 1
        task = asyncio.create_task(self._decide(arrival))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait({task}, timeout=self.answer_within)
        found = task.result() if task.done() else None
        if found is None:
            return MailOut(outcome="pending", raw_id=arrival.raw_id)
        return MailOut.model_validate(found._asdict())

    async def _keep(self, raw: bytes, source: str) -> Arrival:
        raw_id, digest = identity.uuid7(), hashlib.sha256(raw).digest()
        life = self.settling.admission.keep
        async with self._slots, self.settling.work.db.transaction() as tx:
            seen_at = await store.keep(tx, raw_id, digest, raw, source, RETRY, life)
        return Arrival(raw_id, source, seen_at, 1, raw)

    async def run(self, control: LoopControl) -> None:
        """The sweep: arrivals without outcome are tried again."""
        while not control.stopping:
            async with self.settling.work.db.transaction() as tx:
                waiting = await store.due(tx, SWEEP)
            for raw_id in waiting:
                control.beat()
                async with self.settling.work.db.transaction() as tx:
                    arrival = await store.try_again(tx, raw_id, RETRY)
                if arrival:
                    await self._decide(arrival)
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
            async with self._slots:
                verdict = await self._judge(mail)
                return await self.settling.settle(arrival, mail, verdict)
        except Unparsable as error:
            return await self._failed(arrival, str(error))
        except Exception as error:
            if is_transient(error):
                return None
            log.error("a mail was not understood", raw_id=str(arrival.raw_id), error=type(error).__name__)
            return await self._failed(arrival, f"deciding failed: {type(error).__name__}")

    async def _judge(self, mail: Mail) -> classify.Verdict:
        ids = [*mail.replies_to, *([mail.bounce.message_id] if mail.bounce and mail.bounce.message_id else [])]
        async with self.settling.work.db.transaction() as tx:
            by_letter, by_reference = await store.known(tx, ids, classify.quoted_references(mail))
            known_sender = bool(mail.sender) and await store.is_customer(tx, mail.sender)
        return classify.judge(mail, by_letter, by_reference, known_sender=known_sender)

    async def _failed(self, arrival: Arrival, reason: str) -> Outcome | None:
        if arrival.tries < TRIES:
            return None
        try:
            return await self.settling.settle(arrival, Mail(), classify.Verdict("quarantined", reason=reason))
        except Exception as error:
            if not is_transient(error):
                raise
            return None
