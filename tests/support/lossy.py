"""A way to PostgreSQL that loses the connection at a COMMIT: before the server has it, or after it.

Both look alike to the client. What is between is the real protocol of real servers; only the wire is cut.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

_COMMIT = b"COMMIT;\0"
Loss = Literal["unsent", "unanswered"]


class Wire:
    """Passes everything on, except that for each entry of `losses` one COMMIT goes wrong."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.losses: deque[Loss] = deque()
        self.lost = 0
        self.refuse_after_loss = False
        self.port = 0

    @property
    def url(self) -> str:
        """The database's address by this way."""
        netloc = f"{self._parts.username}:{self._parts.password}@127.0.0.1:{self.port}"
        return urlunsplit(self._parts._replace(netloc=netloc))

    async def carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.lost and self.refuse_after_loss:
            to_client.close()
            return
        server, to_server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        back = asyncio.create_task(_copy(server, to_client))
        try:
            while data := await client.read(1 << 16):
                if data.endswith(_COMMIT) and self.losses:
                    self.lost += 1
                    back.cancel()
                    await asyncio.wait([back])
                    if self.losses.popleft() == "unanswered":
                        to_server.write(data)
                        await server.read(1 << 16)  # answered: it is committed
                    break
                to_server.write(data)
        except OSError:
            pass
        finally:
            back.cancel()
            to_client.close()
            to_server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(1 << 16):
            target.write(data)
    except OSError:
        target.close()
    else:
        target.close()


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """A way to the server of this address, until the block ends."""
    made = Wire(url)
    listener = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = listener.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listener.close()
