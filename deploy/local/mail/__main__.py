"""The mail catcher as a process: SMTP and HTTP on one event loop, on loopback."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.mail.page import application
from deploy.local.mail.store import Store

LOOPBACK = "127.0.0.1"
LARGEST_MAIL = 50 << 20


class Handler:
    """Answers 250 only once the mail is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        try:
            await self._store.keep(envelope.mail_from or "", envelope.rcpt_tos, raw)
        except sqlite3.Error as error:
            return f"451 4.3.0 Not kept: {error}"
        return "250 2.0.0 Kept"


async def serve(smtp_port: int, http_port: int, file: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = Store(file)
    handler = Handler(store)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(
            handler, hostname="localhost", ident="Amends mail catcher", enable_SMTPUTF8=True,
            data_size_limit=LARGEST_MAIL, loop=loop,
        ),
        LOOPBACK, smtp_port, backlog=1024,
    )  # fmt: skip
    web = uvicorn.Server(uvicorn.Config(application(store), host=LOOPBACK, port=http_port, log_level="warning"))
    async with smtp:
        await web.serve()


def main(
    smtp_port: Annotated[int, typer.Option(help="TCP port for SMTP.")],
    http_port: Annotated[int, typer.Option(help="TCP port of the page and the JSON interface.")],
    store: Annotated[Path, typer.Option(help="SQLite file that keeps the mails.")],
) -> None:
    """Catch every mail that arrives by SMTP on loopback and show it over HTTP."""
    uvloop.run(serve(smtp_port, http_port, store))


if __name__ == "__main__":
    typer.run(main)
