"""What is said to a mail server for each mail, on a connection that is greeted, encrypted and logged in.

Opening a connection is the library's work; for each mail its commands, locks and tasks cost more than the mail.
"""

import asyncio
from dataclasses import dataclass
from typing import cast

LONGEST_LINE = 8192


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer to one command: its code, and the words of its last line."""

    code: int
    text: str


class Lost(Exception):
    """The connection ended, or the server said nothing in time or nothing sensible. `replies` came before that."""

    def __init__(self, why: str, replies: list[Reply]) -> None:
        super().__init__(why)
        self.replies = replies


class Dialogue(asyncio.Protocol):
    """Questions and answers on one connection, one question at a time. `timeout`: seconds to wait for an answer.

    `pipelining`: the server takes several commands in one go (RFC 2920).
    """

    def __init__(self, transport: asyncio.BaseTransport, *, timeout: float, pipelining: bool) -> None:
        self.pipelining = pipelining
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)
        self._read = b""
        self._replies: list[Reply] = []
        self._wanted = 0
        self._answered: asyncio.Future[list[Reply]] | None = None
        self._transport.set_protocol(self)

    @property
    def open(self) -> bool:
        """Whether the server can still be spoken to, as far as is known."""
        return not self._transport.is_closing()

    async def ask(self, words: bytes, replies: int = 1, *, within: float | None = None) -> list[Reply]:
        """Say this and wait for so many replies. Raises Lost; the connection is of no use then."""
        self._wanted, self._replies = replies, []
        if not self.open:
            raise Lost("closed", [])
        self._answered = self._loop.create_future()
        late = self._loop.call_later(within or self._timeout, self._end, "timeout")
        try:
            self._transport.write(words)
            return await self._answered
        except BaseException:
            # Also when the caller gives up: an answer that comes later would be taken for the next one.
            self._transport.abort()
            raise
        finally:
            late.cancel()
            self._answered = None

    def data_received(self, data: bytes) -> None:
        *lines, self._read = (self._read + data).split(b"\n")
        for line in lines:
            if self._answered is None or self._answered.done() or not line[:3].isdigit():
                self._end("unexpected words")  # whatever was answered before holds
                return
            if line[3:4] != b"-":
                self._replies.append(Reply(int(line[:3]), line[4:].decode("utf-8", "replace").strip()))
                if len(self._replies) == self._wanted:
                    self._answered.set_result(self._replies)
        if len(self._read) > LONGEST_LINE:
            self._end("unexpected words")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("disconnected")

    def _end(self, why: str) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(Lost(why, self._replies))
        self._transport.abort()

    def abort(self) -> None:
        """Leave without a word."""
        self._transport.abort()

    async def quit(self) -> None:
        """Take leave when the server still listens, and close."""
        if self.open:
            try:
                await self.ask(b"QUIT\r\n", within=2.0)
            except Lost:
                return
        self._transport.close()


def stuffed(content: bytes) -> bytes:
    """A mail as it travels after DATA: a dot before each line that begins with one, and its end (RFC 5321, 4.5.2).

    The content has CRLF line ends.
    """
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
