"""A real SMTP server on loopback that misbehaves on purpose, as the local part of the recipient tells it to."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from ssl import SSLContext
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

_AFTER_CONTENT = {
    "space452": "452 4.3.1 No space left",
    "full552": "552 5.2.2 Mailbox full",
    "spam554": "554 5.7.1 Refused",
}


@dataclass
class Server:
    """What was taken, and how often each recipient was tried.

    Recipients: `busy450@` is put off once, `always450@` for ever, `space452@` put off after the content, `gone550@`
    refused, `full552@` and `spam554@` refused after the content, `shutting421@` sent away, `closing421@` once and
    without a word, `cut@` loses the connection at its name, `drop@` instead of an answer to the content (which was
    taken), `slow@` is answered late, `mute@` never answered at its name; everybody else is served. `logins` are those
    that were tried, `secure` says of each taken mail whether it came encrypted. With
    `pipelining` it says that it takes several commands at once.
    """

    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    connections: int = 0
    most_at_once: int = 0
    at_once: int = 0
    slow_seconds: float = 0.3
    logins: list[str] = field(default_factory=list)
    secure: list[bool] = field(default_factory=list)
    pipelining: bool = True

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
        more = ["250-PIPELINING"] if self.pipelining else []
        return [*responses[:-1], *more, responses[-1]]

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        local = address.partition("@")[0]
        self.tries[address] = self.tries.get(address, 0) + 1
        match local:
            case "always450":
                return "450 4.2.0 Later please"
            case "busy450" if self.tries[address] == 1:
                return "450 4.2.0 Later please"
            case "shutting421":
                return "421 4.3.2 Shutting down"
            case "mute":
                await asyncio.sleep(3600)
            case "cut":
                server.transport.abort()
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
            if local in _AFTER_CONTENT:
                return _AFTER_CONTENT[local]
            if local == "slow":
                await asyncio.sleep(self.slow_seconds)
            self.taken.append(envelope.original_content or envelope.content)
            self.recipients.append(envelope.rcpt_tos[0])
            self.secure.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
            if local == "drop":
                server.transport.abort()
            return "250 OK"
        finally:
            self.at_once -= 1


@asynccontextmanager
async def serving(
    port: int = 0, *, tls: SSLContext | None = None, implicit: bool = False, login: tuple[str, str] | None = None
) -> AsyncIterator[Server]:
    """The server, until the block ends; connections still open are cut.

    With `tls` it wants STARTTLS, or TLS from the first byte when `implicit`; with `login` it wants name and password.
    """
    naughty = Server()
    options: dict[str, Any] = {}
    if tls and not implicit:
        options = {"tls_context": tls, "require_starttls": True}
    if login:
        options |= {"auth_required": True, "auth_require_tls": False, "authenticator": _keeper(naughty, login)}
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        protocols.append(SMTP(naughty, hostname="localhost", ident="test", **options))
        return protocols[-1]

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=tls if implicit else None)
    naughty.port = server.sockets[0].getsockname()[1]
    try:
        yield naughty
    finally:
        server.close()
        for one in protocols:
            if one.transport is not None:
                one.transport.abort()


def _keeper(naughty: Server, login: tuple[str, str]) -> Any:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        naughty.logins.append(data.login.decode())
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    return check
