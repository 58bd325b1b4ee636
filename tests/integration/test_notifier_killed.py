"""A notifier that is killed in the middle of a backlog leaves two letters per connection unknown, and no more."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import asyncpg

from tests.bench.letter_writer import settings
from tests.support import naughty_smtp
from tests.support.servers import DEPLOYMENT, Database

LETTERS, ENOUGH = 1500, 150


async def test_a_killed_sender_leaves_two_letters_per_connection_unknown(database: Callable[..., Database]) -> None:
    made = database()
    async with naughty_smtp.serving() as smtp:
        given: dict[str, Any] = {
            "database": made.url("notifier"), "deployment": DEPLOYMENT, "port": smtp.port, "letters": LETTERS,
            "servers": {}, "bootstrap": "127.0.0.1:1",
        }  # fmt: skip
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.letter_writer", json.dumps({**given, "side": "ours"}),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                while len(smtp.taken) < ENOUGH:
                    await asyncio.sleep(0.01)
        finally:
            writer.send_signal(signal.SIGKILL)
            await writer.wait()
    link = await asyncpg.connect(made.admin_url.replace("+asyncpg", ""))
    try:
        states = dict(await link.fetch("SELECT state, count(*) FROM notifier.letter GROUP BY 1"))
    finally:
        await link.close()
    assert ENOUGH <= len(smtp.taken) < LETTERS
    assert states["sending"] <= 2 * settings({}).smtp_connections
    # Whatever the server took is written down, or is one of those.
    assert len(smtp.taken) - states["sending"] <= states["sent"] <= len(smtp.taken)
