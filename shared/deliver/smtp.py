"""Handing mails to a server over a few kept connections, and saying honestly what became of each.

What is known decides: before the content is sent a failure may be tried again; when the connection is lost between the
content and the server's answer nobody can know, and the outcome is `unknown`.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException

from .dialogue import Dialogue, Lost, Reply, stuffed
from .ledger import Outcome

_LOST = (OSError, EOFError, TimeoutError)
_GO_ON = 354
IDLE_SECONDS = 20.0
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


class BadUrl(ValueError):
    """The server's address cannot be read."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed over. `tls`: from the first byte; `start_tls`: asked for after the greeting.

    The server's certificate is always checked, against `ca` (a PEM file) or what the system trusts.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    start_tls: bool = False
    ca: str | None = None

    def context(self) -> ssl.SSLContext | None:
        """How the server is checked; None when the connection is plain. Raises BadUrl when `ca` cannot be read."""
        if not (self.tls or self.start_tls):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError):
            raise BadUrl(f"no certificates in {self.ca}") from None


def server(url: str) -> Server:
    """`smtp://[user:password@]host[:port][?starttls=1][&ca=FILE]` or `smtps://…[?ca=FILE]`. Raises BadUrl."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadUrl("not an smtp:// or smtps:// address") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadUrl("not an smtp:// or smtps:// address")
    tls = parts.scheme == "smtps"
    query = parse_qs(parts.query)
    start_tls = query.get("starttls", ["0"])[0] in ("1", "true")
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587 if start_tls else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        start_tls=start_tls,
        ca=query.get("ca", [None])[0],
    )


class NotReached(Exception):
    """No letter was handed over: the server refuses connections, or its greeting, TLS or login failed."""


class Connection:
    """One kept connection."""

    def __init__(self, target: Server, timeout: float, context: ssl.SSLContext | None) -> None:
        self._target, self._timeout, self._context = target, timeout, context
        self._dialogue: Dialogue | None = None
        self._used = 0.0

    async def deliver(self, sender: str, recipient: str, content: bytes) -> Outcome:
        """Hand over one mail; both addresses are plain ASCII without angle brackets, blanks and line breaks.

        Raises NotReached when the server cannot be spoken to.
        """
        envelope = (f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n")
        dialogue = await self._ready()
        try:
            refused = await self._envelope(dialogue, envelope)
        except Lost:
            # A kept connection may have died unnoticed. Nothing was said about this mail yet: once more, freshly.
            dialogue = await self._ready()
            try:
                refused = await self._envelope(dialogue, envelope)
            except Lost as lost:
                return Outcome("retry", detail=f"lost before the content: {lost}")
        if refused:
            return refused
        return await self._content(dialogue, content)

    async def _envelope(self, dialogue: Dialogue, lines: tuple[bytes, ...]) -> Outcome | None:
        """Name sender and recipient and ask to go on; why the server refuses, if it does."""
        refused: Reply | None = None
        for group in (b"".join(lines),) if dialogue.pipelining else lines:
            try:
                replies = await dialogue.ask(group, group.count(b"\n"))
            except Lost as lost:
                refused = next((r for r in lost.replies if not _goes_on(r)), None)
                if refused is None:
                    raise
                return refusal(refused.code, refused.text)
            refused = next((r for r in replies if not _goes_on(r)), None)
            if refused:
                # A server that waits for the content all the same is left; without its end it takes nothing.
                await self._after_refusal(dialogue, leave=refused.code == 421 or replies[-1].code == _GO_ON)
                return refusal(refused.code, refused.text)
        return None

    async def _content(self, dialogue: Dialogue, content: bytes) -> Outcome:
        try:
            (reply,) = await dialogue.ask(stuffed(content))
        except Lost as lost:
            return Outcome("unknown", detail=f"no answer after DATA: {lost}")
        if not 200 <= reply.code < 300:
            await self._after_refusal(dialogue, leave=reply.code == 421)
            return refusal(reply.code, reply.text)
        self._used = asyncio.get_running_loop().time()
        return Outcome("sent", reply.code)

    async def _after_refusal(self, dialogue: Dialogue, *, leave: bool) -> None:
        if leave:
            dialogue.abort()
            return
        with suppress(Lost):
            await dialogue.ask(b"RSET\r\n")

    async def _ready(self) -> Dialogue:
        now = asyncio.get_running_loop().time()
        if self._dialogue and self._dialogue.open and now - self._used < IDLE_SECONDS:
            return self._dialogue
        await self.close()
        target = self._target
        client = SMTP(
            hostname=target.host,
            port=target.port,
            username=target.username,
            password=target.password,
            use_tls=target.tls,
            start_tls=target.start_tls,
            tls_context=self._context,
            timeout=self._timeout,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except SMTPAuthenticationError as error:
            client.close()
            raise NotReached(f"login refused with {error.code}") from None
        except (SMTPException, *_LOST) as error:
            client.close()
            raise NotReached(type(error).__name__) from None
        if client.transport is None:
            raise NotReached("disconnected")
        pipelining = client.supports_extension("pipelining")
        self._dialogue, self._used = Dialogue(client.transport, timeout=self._timeout, pipelining=pipelining), now
        return self._dialogue

    async def close(self) -> None:
        """Leave the server, politely when it still listens."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue:
            await dialogue.quit()


def _goes_on(reply: Reply) -> bool:
    return reply.code in (250, 251, _GO_ON)


def refusal(code: int, message: str = "") -> Outcome:
    """What a refusing reply code means: 5xx is for good, 4xx for now (RFC 5321, 4.2.1).

    Of the server's words only the enhanced status code (RFC 3463) is kept: the rest may hold anything.
    """
    status = _STATUS.match(message)
    return Outcome("failed" if 500 <= code < 600 else "retry", code, status[1] if status else "")


def no_such_address(outcome: Outcome) -> bool:
    """Whether the server said for good that nobody has this address (RFC 3463: X.1.z is about addresses)."""
    return outcome.state == "failed" and outcome.detail.startswith("5.1.")


class Pool:
    """A fixed number of connections; the one used last is used first, so that few stay open when little is sent."""

    def __init__(self, target: Server, *, size: int, timeout: float) -> None:
        self.size = size
        context = target.context()
        self._free = [Connection(target, timeout, context) for _ in range(size)]
        self._all = tuple(self._free)
        self._slots = asyncio.Semaphore(size)

    async def deliver(self, sender: str, recipient: str, content: bytes) -> Outcome:
        """Hand over one mail over a free connection; a server that cannot be reached is a reason to retry."""
        async with self._slots:
            connection = self._free.pop()
            try:
                return await connection.deliver(sender, recipient, content)
            except NotReached as error:
                return Outcome("retry", detail=f"not reached: {error}")
            finally:
                self._free.append(connection)

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(c.close() for c in self._all))
