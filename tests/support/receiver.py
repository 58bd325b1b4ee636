"""An HTTP server that takes posts, answers what it is told to, and remembers them: a customer's system, for real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Post:
    """One request as it came over the wire; header names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are used up in order, then it answers `last`: a status, or a whole reply as bytes."""

    port: int = 0
    answers: list[int | bytes] = field(default_factory=list)
    last: int | bytes = 204
    posts: list[Post] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests one after the other until the client leaves."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.posts.append(Post(first.split(" ")[1], headers, body))
                answer = self.answers.pop(0) if self.answers else self.last
                whole = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % answer if isinstance(answer, int) else answer
                if not whole:
                    break
                writer.write(whole)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback until the block ends."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
