"""A lean mail server that notes when each mail arrived. `python -m tests.bench.sink FILE` prints its port and serves.

FILE gets one line per mail: the time at which its content had come, its reference (from Reply-To), and its Message-ID.
"""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

FLUSH_SECONDS = 0.1
_REFERENCE = re.compile(rb"^Reply-To: [^\r\n]*?\+([^@\s]+)@", re.MULTILINE | re.IGNORECASE)
_MESSAGE_ID = re.compile(rb"^Message-ID: ([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_END = b"\r\n.\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"  # as Postfix, Exim and Exchange say it
_ANSWERS = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n", b"EHLO": _HELLO}


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self, arrived: list[str]) -> None:
        self._arrived = arrived
        self._read = b""
        self._in_content = False
        self._transport: Any = None  # uvloop's is no asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._read += data
        while True:
            end = _END if self._in_content else b"\r\n"
            part, found, rest = self._read.partition(end)
            if not found:
                return
            self._read = rest
            if self._in_content:
                self._mail(part)
            else:
                self._command(part[:4].upper())

    def _command(self, verb: bytes) -> None:
        self._in_content = verb == b"DATA"
        self._transport.write(_ANSWERS.get(verb, b"250 ok\r\n"))
        if verb == b"QUIT":
            self._transport.close()

    def _mail(self, content: bytes) -> None:
        now = time.time()
        self._in_content = False
        self._transport.write(b"250 kept\r\n")
        head = content[:2000]
        reference, message_id = _REFERENCE.search(head), _MESSAGE_ID.search(head)
        names = (found[1].decode() if found else "?" for found in (reference, message_id))
        self._arrived.append("\t".join((f"{now:.6f}", *names)) + "\n")


async def main(file: Path) -> None:
    """Serve until SIGTERM."""
    arrived: list[str] = []
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Sink(arrived), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    with file.open("a") as out:
        while not stop.is_set():
            await asyncio.sleep(FLUSH_SECONDS)
            out.writelines(arrived)
            arrived.clear()
            out.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1])))
