"""A real SMTP server on loopback that misbehaves on purpose, as the local part of the recipient tells it to."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP


@dataclass
class Server:
    """What was taken, and how often each recipient was tried.

    Recipients: `busy450@` is put off once, `always450@` for ever, `gone550@` refused, `full552@` refused after the
    content, `closing421@` sent away once with a closed connection, `drop@` loses the connection instead of an answer to
    the content (which was taken), `slow@` answers late; everybody else is served.
    """

    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    most_at_once: int = 0
    at_once: int = 0
    slow_seconds: float = 0.3

    def to(self, address: str) -> list[EmailMessage]:
        """The mails that one recipient got, parsed, oldest first."""
        return [mail for mail, to in zip(self.mails(), self.recipients, strict=True) if to == address]

    def mails(self) -> list[EmailMessage]:
        """The taken mails, parsed."""
        policy = email.policy.default
        return [email.message_from_bytes(raw, policy=policy) for raw in self.taken]  # type: ignore[misc]

    async def handle_EHLO(self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        local = address.partition("@")[0]
        self.tries[address] = self.tries.get(address, 0) + 1
        match local:
            case "always450":
                return "450 4.2.0 Later please"
            case "busy450" if self.tries[address] == 1:
                return "450 4.2.0 Later please"
            case "gone550":
                return "550 5.1.1 No such user"
            case "closing421" if self.tries[address] == 1:
                server.transport.close()
                return "421 4.3.2 Closing"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            local = envelope.rcpt_tos[0].partition("@")[0]
            if local == "full552":
                return "552 5.2.2 Mailbox full"
            if local == "slow":
                await asyncio.sleep(self.slow_seconds)
            self.taken.append(envelope.original_content or envelope.content)
            self.recipients.append(envelope.rcpt_tos[0])
            if local == "drop":
                server.transport.abort()
            return "250 OK"
        finally:
            self.at_once -= 1


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[Server]:
    """The server, until the block ends; connections still open are cut."""
    naughty = Server()
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        protocols.append(SMTP(naughty, hostname="localhost", ident="test"))
        return protocols[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    naughty.port = server.sockets[0].getsockname()[1]
    try:
        yield naughty
    finally:
        server.close()
        for one in protocols:
            if one.transport is not None:
                one.transport.abort()
