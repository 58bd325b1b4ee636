"""A mail server that can be shut, and told to refuse everybody for a while."""

import asyncio
from typing import Any

from aiosmtpd.smtp import SMTP

from deploy.local.ports import LOOPBACK

REFUSAL = "554 5.7.1 Your server is on a blocklist"


class MailServer:
    """Takes mail at a port that stays its own; `taken` are the recipients so far. `smtp_port` as a Catcher has it."""

    def __init__(self, port: int) -> None:
        self.smtp_port, self.refusing = port, False
        self.taken: list[str] = []
        self._server: asyncio.Server | None = None
        self._open: list[SMTP] = []

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refusing:
            return REFUSAL
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.taken += envelope.rcpt_tos
        return "250 OK"

    async def open(self) -> None:
        """Take connections."""

        def protocol() -> SMTP:
            self._open.append(SMTP(self, hostname="localhost"))
            return self._open[-1]

        self._server = await asyncio.get_running_loop().create_server(protocol, LOOPBACK, self.smtp_port)

    def shut(self) -> None:
        """Take none any more; those that are open are cut."""
        if self._server is not None:
            self._server.close()
        for one in self._open:
            if one.transport is not None:
                one.transport.abort()
        self._open.clear()
