"""The load generator, a process of its own: HTTP/1.1 over raw sockets, because a full client costs more than a server.

`python -m tests.bench.load JSON` posts complaints and prints what was answered; what was accepted goes to the file
`out`. With `rate` it is open-loop: requests leave when they are due whatever became of earlier ones, and a wait for a
free connection counts. Without it `connections` callers post one after the other for `seconds`.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.measure import cpu_between, cpu_seconds

MOST_CONNECTIONS = 512
WORDS = (
    "The washing machine stopped in the middle of its program on the third day and leaves water in the drum. I called "
    "the shop twice, wrote once, and was promised a visit that never took place; two days of leave are lost. "
)


def body(n: int, run: str) -> bytes:
    """The n-th complaint of a run as JSON of 1.3 kB, of a customer of its own."""
    complaint = {
        "channel": "web",
        "customer": {"name": f"Ada Example {n}", "email": f"{run}.{n}@customers.example", "language": "en"},
        "subject": f"Washing machine {n}",
        "text": WORDS * 5,
        "wanted": {"kind": "repair", "text": "A working machine this week."},
        "order_ref": f"W-{run}-{n:06}",
        "product": "Washing machine",
    }
    return json.dumps(complaint).encode()


class Caller(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None  # uvloop's is no asyncio.Transport
        self._read = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def post(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises ConnectionError when the server hangs up."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._read += data
        head = self._read.find(b"\r\n\r\n")
        if head < 0 or self._answer is None:
            return
        at = self._read.find(b"content-length:", 0, head)
        length = int(self._read[at + 15 : self._read.find(b"\r\n", at)])
        if len(self._read) < head + 4 + length:
            return
        status, content = int(self._read[9:12]), bytes(self._read[head + 4 :])
        self._read.clear()
        if not self._answer.done():
            self._answer.set_result((status, content))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False  # a server ends connections that were idle for long
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


class Load:
    """What is posted and what came back: statuses, and for each accepted complaint reference, seconds due, answered."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.host, self.port, self.token = given["host"], given["port"], given["token"]
        self.run, self.seconds = given["run"], given["seconds"]
        self.statuses: Counter[int] = Counter()
        self.accepted: list[tuple[str, float, float]] = []
        self._n = 0

    def request(self) -> bytes:
        """The next request."""
        self._n += 1
        content = body(self._n, self.run)
        head = (
            f"POST /v1/complaints HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Idempotency-Key: {self.run}-{self._n}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    async def connect(self) -> Caller:
        """A new connection."""
        _, caller = await asyncio.get_running_loop().create_connection(Caller, self.host, self.port)
        return caller

    async def one(self, caller: Caller, due: float) -> None:
        """Post one complaint and remember the answer; `due` is when it should have left."""
        status, content = await caller.post(self.request())
        answered = time.time()
        self.statuses[status] += 1
        if status == 201:
            self.accepted.append((json.loads(content)["reference"], due, answered))

    async def closed(self, connections: int) -> None:
        """So many callers, each waiting for its answer before it posts again."""
        callers = [await self.connect() for _ in range(connections)]
        end = time.time() + self.seconds

        async def call(caller: Caller) -> None:
            while (now := time.time()) < end:
                await self.one(caller, now)
            caller.close()

        await asyncio.gather(*map(call, callers))

    async def open(self, rate: float) -> None:
        """So many posts per second, at their times."""
        free: deque[Caller] = deque()
        room = asyncio.Semaphore(MOST_CONNECTIONS)

        async def call(due: float) -> None:
            async with room:
                while free and not free[-1].open:
                    free.pop()
                caller = free.pop() if free else await self.connect()
                await self.one(caller, due)
                free.append(caller)

        start = time.time() + 0.1
        async with asyncio.TaskGroup() as group:
            for n in range(round(rate * self.seconds)):
                due = start + n / rate
                if (wait := due - time.time()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(call(due))
        for caller in free:
            caller.close()


async def main(load: Load, given: dict[str, Any]) -> dict[str, Any]:
    """Post; `statuses`, when it was `begun` and `ended`, CPU seconds `cpu` by process."""
    pids = {**given["pids"], "load": os.getpid()}
    before, begun = cpu_seconds(pids), time.time()
    if "rate" in given:
        await load.open(given["rate"])
    else:
        await load.closed(given["connections"])
    ended, cpu = time.time(), cpu_between(before, cpu_seconds(pids))
    return {"statuses": load.statuses, "begun": begun, "ended": ended, "cpu": cpu}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        arguments = json.loads(sys.argv[1])
        posts = Load(arguments)
        said = runner.run(main(posts, arguments))
    Path(arguments["out"]).write_text(json.dumps(posts.accepted))
    print(json.dumps(said))
