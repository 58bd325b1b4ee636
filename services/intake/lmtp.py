"""LMTP (RFC 2033): what a mail server hands over. An answer for each recipient, 250 only after the commit.

No mail is refused for what it holds. When it cannot be kept the answer is 4xx, and the server tries again later.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from shared.base.db import is_transient
from shared.base.errors import Problem
from shared.base.loops import LoopControl

from .mailroom import Mailroom
from .metrics import RECIPIENTS

log = structlog.get_logger()
SOURCE = "lmtp"
CHUNK = 256 << 10
KEPT, LATER, TOO_LARGE = "250 2.0.0 kept", "451 4.3.0 cannot be kept now", "452 4.3.1 too large to be kept"
# What it would say holds addresses, which do not belong into a log.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class Conversation(LMTP):  # type: ignore[misc]
    """One connection. Only the reading of content is ours: no limit of a line, one answer a recipient."""

    line_length_limit = CHUNK  # of the reader's buffer; longer lines come in pieces

    async def smtp_DATA(self, arg: str | None) -> None:
        """Read the content and give each recipient's answer."""
        if await self.check_helo_needed():
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 no recipient yet")
            return
        await self.push("354 end with a dot on a line of its own")
        content = await self._content()
        answers = [await self._answer(recipient, content) for recipient in self.envelope.rcpt_tos]
        self._set_post_data_state()
        await self.push("\r\n".join(answers))

    async def _content(self) -> bytes | None:
        """The content without its stuffed dots; None when it is larger than we keep (it is read to its end)."""
        content, at_start, fits = bytearray(), True, True
        handler: Handler = self.event_handler
        while True:
            try:
                piece = await self._reader.readuntil(b"\r\n")
            except asyncio.LimitOverrunError as overrun:
                piece = await self._reader.readexactly(overrun.consumed)
            if at_start and piece == b".\r\n":
                return bytes(content) if fits else None
            if fits:
                content += piece[1:] if at_start and piece.startswith(b".") else piece
                if len(content) > handler.most:
                    content, fits = bytearray(), False
            at_start = piece.endswith(b"\r\n")

    async def _answer(self, recipient: str, content: bytes | None) -> str:
        assert self.envelope is not None
        handler: Handler = self.event_handler
        answer = TOO_LARGE if content is None else await handler.take(self.envelope.mail_from or "", recipient, content)
        RECIPIENTS.labels(answer[:3]).inc()
        return answer


@dataclass(frozen=True, slots=True)
class Handler:
    """What a conversation calls. `most` is the largest mail in bytes."""

    mailroom: Mailroom
    most: int

    async def take(self, sender: str, recipient: str, content: bytes) -> str:
        """Keep the mail for one recipient, with its envelope on top as a delivering server writes it."""
        envelope = f"Return-Path: <{sender.strip('<>')}>\r\nDelivered-To: {recipient}\r\n"
        raw = envelope.encode("utf-8", "surrogateescape") + content
        try:
            arrival = await self.mailroom.keep(raw, source=SOURCE)
        except Exception as error:
            if not (isinstance(error, Problem) or is_transient(error)):
                log.error("a mail could not be kept", error=type(error).__name__)
            return LATER
        if not self.mailroom.full:
            self.mailroom.decide_soon(arrival)
        return KEPT

    async def handle_MAIL(
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Bounces have the empty sender, which must not look like a sender that is missing."""
        envelope.mail_from = address or "<>"
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_exception(self, error: Exception) -> str:
        """A mistake of ours is no fault of the mail."""
        log.error("LMTP failed", error=type(error).__name__)
        return LATER


@dataclass(frozen=True, slots=True)
class Listener:
    """`run` is the loop that listens."""

    handler: Handler
    host: str
    port: int

    async def run(self, control: LoopControl) -> None:
        """Listen until stopped. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        name = socket.gethostname()

        def conversation() -> Conversation:
            return Conversation(
                self.handler, data_size_limit=None, enable_SMTPUTF8=True, hostname=name, ident="Amends", loop=loop
            )

        server = await loop.create_server(conversation, self.host, self.port, backlog=256)
        log.info("LMTP listens", host=self.host, port=self.port)
        try:
            while not control.stopping:
                await control.sleep(5.0)
        finally:
            server.close()
