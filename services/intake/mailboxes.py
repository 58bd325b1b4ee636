"""Mailboxes are fetched: the cursor moves in the transaction that keeps the mail, and only then is the mail marked.

    lease → open → compare the server's whole UID range with what is kept → fetch → wait (IDLE, a poll behind it) → …

Whoever holds the lease fetches; whoever loses it keeps nothing more. After an outage or a change of UIDVALIDITY
the comparison finds whatever is missing, however old. What was fetched twice is a duplicate by its content.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import structlog

from shared.base.db import is_transient
from shared.base.loops import LoopControl

from . import identity
from .imap import FAILURES, Address, Connection, Fetched
from .mailroom import Mailroom
from .metrics import CONTACT, ON_SERVER, UNREACHED
from .store import mailboxes as store
from .store.mailboxes import Cursor
from .store.mails import Arrival, New

log = structlog.get_logger()
T = TypeVar("T")
LEASE = timedelta(seconds=60)
SLICE = 1.0  # of waiting, after which a stop is noticed
DECIDED_WITHIN = 30.0


class LostLease(Exception):
    """Somebody else fetches this mailbox now."""


class Fetcher:
    """`run` is the loop that fetches one mailbox. `poll` and `compare` are seconds, `most` is the largest mail."""

    def __init__(
        self, where: Address, mailroom: Mailroom, *, holder: str, poll: float, compare: float, most: int
    ) -> None:
        self.name = where.name
        self._where, self._mailroom, self._holder, self._most = where, mailroom, holder, most
        self._poll, self._compare_every = poll, compare
        self._db = mailroom.settling.work.db
        self._thread: ThreadPoolExecutor
        self._validity = 0
        self._compared = 0.0

    async def run(self, control: LoopControl) -> None:
        """Fetch until stopped, with a new connection after each failure."""
        backoff = 1.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        try:
            while not control.stopping:
                try:
                    if await self._lease() is None:
                        await control.sleep(LEASE.total_seconds() / 6)
                        continue
                    await self._session(control)
                    backoff = 1.0
                except LostLease:
                    log.warning("a mailbox is fetched by somebody else now", mailbox=self.name)
                except FAILURES as error:
                    UNREACHED.labels(self.name).inc()
                    log.warning("a mailbox cannot be read", mailbox=self.name, error=type(error).__name__)
                    await control.sleep(backoff)
                    backoff = min(backoff * 2, 60.0)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            async with self._db.transaction() as tx:
                await store.release(tx, self.name, self._holder)

    async def _call(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _lease(self) -> Cursor | None:
        async with self._db.transaction() as tx:
            return await store.lease(tx, self.name, self._holder, LEASE)

    async def _session(self, control: LoopControl) -> None:
        connection = Connection(self._where)
        try:
            folder = await self._call(connection.open)
            self._validity = folder.uidvalidity
            self._compared = float("-inf")
            while not control.stopping:
                control.beat()
                cursor = await self._renew()
                if time.monotonic() - self._compared >= self._compare_every:
                    await self._compare(connection, control)
                else:
                    await self._fetch(connection, await self._call(connection.uids, cursor.uid + 1), control)
                CONTACT.labels(self.name).set_to_current_time()
                await self._wait(connection, control)
        finally:
            await self._call(connection.close)

    async def _renew(self) -> Cursor:
        cursor = await self._lease()
        if cursor is None:
            raise LostLease
        if cursor.uidvalidity == self._validity:
            return cursor
        async with self._db.transaction() as tx:
            if not await store.restart(tx, self.name, self._holder, self._validity):
                raise LostLease
        return Cursor(self._validity, 0)

    async def _compare(self, connection: Connection, control: LoopControl) -> None:
        """Fetch whatever the server has and we have not; mark what is kept and was not marked; write the numbers."""
        on_server = await self._call(connection.uids)
        missing = sorted(set(on_server) - await self._kept(on_server))
        await self._numbers(len(on_server), len(missing))
        await self._fetch(connection, missing, control)
        unseen = await self._call(connection.unseen)
        await self._call(connection.mark, sorted(await self._kept(unseen)))
        await self._numbers(len(on_server), len(set(missing) - await self._kept(missing)))
        self._compared = time.monotonic()

    async def _kept(self, uids: Sequence[int]) -> set[int]:
        async with self._db.read() as tx:
            return await store.kept(tx, self.name, self._validity, uids) if uids else set()

    async def _numbers(self, on_server: int, waiting: int) -> None:
        ON_SERVER.labels(self.name, "on_server").set(on_server)
        ON_SERVER.labels(self.name, "waiting").set(waiting)
        async with self._db.transaction() as tx:
            await store.compared(tx, self.name, on_server=on_server, waiting=waiting)

    async def _fetch(self, connection: Connection, uids: Sequence[int], control: LoopControl) -> None:
        """Keep these messages, group by group: commit, then mark, then decide."""
        for group in await self._call(lambda: list(connection.groups(uids, self._most))):
            if control.stopping:
                return
            control.beat()
            fetched = await self._call(connection.fetch, group)
            if not fetched:
                continue
            tasks = {self._mailroom.decide_soon(arrival) for arrival in await self._take(fetched)}
            await self._call(connection.mark, sorted(await self._kept([one.uid for one in fetched])))
            if tasks:
                await asyncio.wait(tasks, timeout=DECIDED_WITHIN)

    async def _take(self, fetched: Sequence[Fetched]) -> list[Arrival]:
        """Keep what can be kept. A mail that the database refuses stays on the server, as a gap in the account."""
        try:
            return await self._keep(fetched)
        except Exception as error:
            if is_transient(error) or isinstance(error, LostLease):
                raise
            if len(fetched) == 1:
                log.error("a mail cannot be kept", mailbox=self.name, uid=fetched[0].uid, error=type(error).__name__)
                return []
        return [arrival for one in fetched for arrival in await self._take([one])]

    async def _keep(self, fetched: Sequence[Fetched]) -> list[Arrival]:
        """The messages and the cursor, in one transaction. Raises LostLease, and nothing is kept then."""
        new = [
            New(identity.uuid7(), self.name, one.content, one.received_at, (self._validity, one.uid)) for one in fetched
        ]
        async with self._db.transaction() as tx:
            cursor = Cursor(self._validity, max(one.uid for one in fetched))
            if not await store.advance(tx, self.name, self._holder, cursor):
                raise LostLease
            return await self._mailroom.keep_in(tx, new)

    async def _wait(self, connection: Connection, control: LoopControl) -> None:
        """Until the server says that something came, or it is time to ask."""
        if not connection.can_idle:
            await control.sleep(self._poll)
            return
        until = time.monotonic() + min(self._poll, LEASE.total_seconds() / 3)
        await self._call(connection.idle)
        while not control.stopping and time.monotonic() < until:
            control.beat()
            if await self._call(connection.came, SLICE):
                break
        await self._call(connection.busy)
