"""A few worker processes that parse mail, each replaced after some hundred mails, a crash or an overstepped limit."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from dataclasses import dataclass

from . import mailworker
from .mail import Mail
from .metrics import RESTARTS


class Unparsable(Exception):
    """The worker died or overstepped a limit on this mail; the message says which."""


@dataclass(slots=True)
class _Worker:
    process: Process
    parsed: int = 0


class Parsers:
    """`parse` runs a mail through a worker. `seconds` and `memory` (bytes) bound a mail, `recycle` a worker's life."""

    def __init__(self, *, workers: int = 1, seconds: float = 5.0, memory: int = 768 << 20, recycle: int = 500) -> None:
        self._seconds, self._memory, self._recycle = seconds, memory, recycle
        self._free: deque[_Worker] = deque()
        self._slots = asyncio.Semaphore(workers)

    async def parse(self, raw: bytes) -> Mail:
        """What the mail says. Raises Unparsable."""
        async with self._slots:
            worker = self._free.popleft() if self._free else await self._start()
            try:
                answer = await self._ask(worker, raw)
            except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
                RESTARTS.labels("limit" if isinstance(error, TimeoutError) else "crash").inc()
                await self._end(worker)
                raise Unparsable(f"the parser ended: {type(error).__name__}") from None
            except BaseException:
                await self._end(worker)  # cancelled between question and answer: the pipe is out of step
                raise
            await self._give_back(worker)
        if answer.startswith(b'{"limit"'):
            RESTARTS.labels("limit").inc()
            raise Unparsable("the parser overstepped its time or memory")
        return mailworker.unpack(answer)

    async def close(self) -> None:
        """End all workers."""
        while self._free:
            await self._end(self._free.popleft())

    async def _start(self) -> _Worker:
        # The worker's own alarm strikes first and keeps the process; ours is for one that hangs outside Python.
        arguments = (str(self._memory), str(self._seconds))
        module = "services.intake.mailworker"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE
        )
        return _Worker(process)

    async def _ask(self, worker: _Worker, raw: bytes) -> bytes:
        into, out = worker.process.stdin, worker.process.stdout
        assert into
        assert out
        worker.parsed += 1
        async with asyncio.timeout(mailworker.allowed(len(raw), self._seconds) + 2):
            into.write(len(raw).to_bytes(mailworker.LENGTH, "big") + raw)
            await into.drain()
            size = int.from_bytes(await out.readexactly(mailworker.LENGTH), "big")
            return await out.readexactly(size)

    async def _give_back(self, worker: _Worker) -> None:
        if worker.parsed >= self._recycle:
            RESTARTS.labels("age").inc()
            await self._end(worker)
        else:
            self._free.append(worker)

    @staticmethod
    async def _end(worker: _Worker) -> None:
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()
        await worker.process.wait()
