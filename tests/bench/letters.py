"""How many letters a second are composed, linted, rendered, recorded and sent; the reference sends prebuilt bytes."""

import sys
import tempfile
from asyncio import create_subprocess_exec, subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from shared.base.kafka import create_topics
from shared.events.envelope import TOPIC
from tests.bench import measure, servers

LETTERS = 3_000
EMPTY = ("TRUNCATE notifier.matter, notifier.letter, notifier.promise, notifier.stream, notifier.outbox", "CHECKPOINT")
SENT = (
    "SELECT count(*) AS letters, count(*) FILTER (WHERE state = 'sent') AS sent, "
    "(SELECT count(*) FROM notifier.promise) AS promises FROM notifier.letter"
)
WHAT = (
    f"Letters/s: {LETTERS:,} acknowledgements (half Chinese, half English) are owed by an event each, composed, "
    "linted, rendered as text and HTML, recorded with their promises, sent over the 24 connections of the default "
    "settings to a bare SMTP sink that announces PIPELINING, and settled; LetterSent and PromiseMade go through the "
    "outbox to Kafka. Reference: the same number of prebuilt mails of the same kind, handed over by aiosmtplib's "
    "sendmail over 8 reused connections, nothing recorded."
)


async def run(rounds: int) -> measure.Result:
    """Ours and reference in turn, then what one letter costs."""
    with servers.stack() as stack:
        await create_topics(stack.kafka_bootstrap, TOPIC, partitions=12, replication=1)
        pairs = await measure.in_turn(lambda: _side(stack, "ours"), lambda: _side(stack, "bare"), rounds)
    costs = await servers.worker("letter_writer", {"side": "costs"})
    line = ", ".join(f"{kind} {ms:.2f} ms" for kind, ms in costs.items())
    measure.say(f"compose + lint + MIME, CPU per letter: {line}")
    return measure.compare("letters", pairs, f"{WHAT} CPU for compose + lint + MIME of one letter: {line}.")


async def _side(stack: Stack, side: str) -> measure.Run:
    await servers.execute(stack, *EMPTY)
    async with _sink() as (port, pid):
        arguments = {
            "side": side, "letters": LETTERS, "port": port, "database": stack.database_url("notifier"),
            "bootstrap": stack.kafka_bootstrap, "deployment": stack.keys.deployment_id,
            "servers": {**{n: p for n, p in servers.pids(stack).items() if n in ("postgres", "kafka")}, "sink": pid},
        }  # fmt: skip
        done = measure.Run(**await servers.worker("letter_writer", arguments))
    if side == "ours":
        (row,) = await servers.execute(stack, SENT)
        if (row["letters"], row["sent"]) != (LETTERS, LETTERS) or row["promises"] < LETTERS:
            raise AssertionError(f"{row['letters']} letters, {row['sent']} sent, {row['promises']} promises")
    return done


@asynccontextmanager
async def _sink() -> AsyncIterator[tuple[int, int]]:
    """A mail server of this round's own: its port and process. Raises when a mail came twice or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrived"
        sink = await create_subprocess_exec(
            sys.executable, "-m", "tests.bench.sink", str(file), stdout=subprocess.PIPE, cwd=ROOT
        )
        assert sink.stdout is not None
        try:
            yield int(await sink.stdout.readline()), sink.pid
        finally:
            sink.terminate()
            await sink.wait()
        arrived = [line.split("\t")[2] for line in file.read_text().splitlines()]
        if (len(arrived), len(set(arrived))) != (LETTERS, LETTERS):
            raise AssertionError(f"{len(arrived)} mails, {len(set(arrived))} Message-IDs")
