"""Many posts, one transaction. It flushes at once when idle; what comes while flushes run is the next batch.

Under load requests gather behind the commit by themselves, and a lone caller never waits: only who came while a flush
ran may wait a few milliseconds for company. The flush runs in its own task, so a client that goes away undoes nothing.
"""

import asyncio
import contextvars
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from shared.base import tracing
from shared.base.db import STATEMENT_ERRORS, is_transient
from shared.base.errors import Problem
from shared.base.loops import LoopControl
from shared.events.codec import TooLarge
from shared.spine.unit import Work

from . import accounting
from .admission import Admission
from .entry import Entry, same_body
from .metrics import BATCH, WAITING
from .model import Case
from .store import cases, entries

log = structlog.get_logger()
# A transaction mostly waits for the database. While one does, enough new posts are worth another one beside it.
LANES = 3
WORTH_A_LANE = 16
# A transaction costs the same for one post as for ten: small ones that come back to back begin so many seconds apart.
APART = 0.015
KEY_REUSED = "Idempotency key reused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told: their complaint, and whether it was kept by this very post."""

    entry: Entry
    reference: str
    tracking_url: str
    replayed: bool
    anonymous: bool


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    done: asyncio.Future[Answer]
    traceparent: str | None


class Coalescer:
    """`put` waits for the transaction that kept the entry; `run` is the loop that makes these transactions."""

    def __init__(
        self, work: Work[Case], admission: Admission, *, rows: int = 256, size: int = 4 << 20, queue: int = 2048
    ) -> None:
        self._work, self._admission = work, admission
        self._rows, self._size, self._limit, self._bytes_limit = rows, size, queue, 16 * size
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._flights: set[asyncio.Task[None]] = set()
        self._looks: asyncio.Handle | None = None
        self._began = 0.0  # the last flush, in the event loop's time
        self._context: contextvars.Context | None = None  # the loop's; before it runs nothing is flushed

    async def put(self, entry: Entry) -> Answer:
        """Keep an entry. Raises Problem: 422 when its key was used with another body, 503 when the queue is full."""
        if len(self._queue) >= self._limit or self._bytes >= self._bytes_limit:
            raise Problem(503, "Busy", "Too many complaints at once; send it again.", headers={"Retry-After": "1"})
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future(), tracing.current())
        self._queue.append(waiting)
        self._bytes += entry.size
        if self._looks and len(self._queue) == WORTH_A_LANE:
            self._looks.cancel()  # it may be a later one
            self._looks = None
        self._look()
        return await waiting.done

    async def run(self, control: LoopControl) -> None:
        """Let flushes begin until stopped; what waits then is still flushed."""
        self._context = contextvars.copy_context()
        while not control.stopping:
            self._look()
            await control.sleep(5)
        while self._queue or self._flights:
            control.beat()
            self._look()
            await asyncio.sleep(APART)

    def _look(self, after: float = 0) -> None:
        """Soon, once for all posts of this turn of the event loop, see whether a flush may begin."""
        if self._looks is None and self._context:
            loop = asyncio.get_running_loop()
            self._looks = loop.call_later(after, self._depart, context=self._context)

    def _depart(self) -> None:
        self._looks = None
        while self._queue and len(self._flights) < LANES and len(self._queue) >= WORTH_A_LANE * len(self._flights):
            flight = asyncio.create_task(self._answer(self._take()))
            self._began = asyncio.get_running_loop().time()
            self._flights.add(flight)
            flight.add_done_callback(self._landed, context=self._context)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if self._queue:
            few = len(self._queue) < WORTH_A_LANE and not self._flights
            self._look(max(0.0, self._began + APART - asyncio.get_running_loop().time()) if few else 0)

    def _take(self) -> list[_Waiting]:
        """The next batch: at least one, else as many as fit. A larger body makes its own transaction."""
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < self._rows:
            entry = self._queue[0].entry
            if batch and size + entry.size > self._size:
                break
            batch.append(self._queue.popleft())
            size += entry.size
        self._bytes -= size
        WAITING.set(len(self._queue))
        return batch

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        BATCH.observe(len(batch))
        try:
            answers = await self._work.db.retrying(lambda: self._flush(batch))
        except Exception as error:
            if is_transient(error):
                log.warning("posts could not be kept", rows=len(batch), error=type(error).__name__)
                self._refuse(batch, Problem(503, "Unavailable", "We cannot store now.", headers={"Retry-After": "2"}))
            elif len(batch) > 1:
                # One entry is at fault: halves find it, and the others are kept.
                await self._answer(batch[: len(batch) // 2])
                await self._answer(batch[len(batch) // 2 :])
            else:
                self._refuse(batch, _at_fault(error))
            return
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.done.done():
                continue
            if isinstance(answer, Problem):
                waiting.done.set_exception(answer)
            else:
                waiting.done.set_result(answer)

    @staticmethod
    def _refuse(batch: Sequence[_Waiting], problem: Problem) -> None:
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_exception(problem)

    async def _flush(self, waiting: Sequence[_Waiting]) -> list[Answer | Problem]:
        batch = [w.entry for w in waiting]
        firsts: dict[object, Entry] = {}
        for entry in batch:
            firsts.setdefault(entry.id, entry)
        async with self._work.unit(ask_now=False) as unit:
            unit.traces |= {w.entry.id: w.traceparent for w in waiting if w.traceparent}
            fresh = await self._admission.admit(unit, list(firsts.values()))
            others = [e for e in batch if e.id not in fresh or firsts[e.id] is not e]
            kept = await entries.kept(unit.tx, [e.id for e in others]) if others else {}
            bodies = {e.id: await cases.body_of(unit.tx, e.id) for e in others if kept[e.id].body_hash != e.body_hash}
            answers: list[Answer | Problem] = []
            replays: Counter[str] = Counter()
            for entry in batch:
                if entry.id in fresh and firsts[entry.id] is entry:
                    anonymous = not entry.reachable
                    answers.append(Answer(entry, entry.reference, fresh[entry.id], False, anonymous))
                elif entry.id in bodies and not same_body(bodies[entry.id] or "", entry.body):
                    answers.append(_reused())
                else:
                    first = kept[entry.id]
                    replays[entry.source] += 1
                    unit.count(*accounting.replay(entry.source))
                    url = self._admission.links.url(first.reference, first.created_at)
                    answers.append(Answer(entry, first.reference, url, True, first.anonymous))
            await entries.count_replays(unit.tx, replays)
        return answers


def _at_fault(error: Exception) -> Problem:
    """What the sender of the one entry is told that cannot be written."""
    if isinstance(error, (*STATEMENT_ERRORS, TooLarge)):
        log.warning("a post cannot be stored", error=type(error).__name__)
        return Problem(422, "Unprocessable content", "This content cannot be stored.")
    log.error("a post failed", exc_info=error)
    return Problem(500, "Internal error", "This is our fault; it was written down.")


def _reused() -> Problem:
    return Problem(
        422,
        KEY_REUSED,
        "This key was used before with another body; nothing was changed.",
        errors=[{"pointer": "", "detail": "differs from the body that this key was first used with"}],
    )
