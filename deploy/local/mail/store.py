"""Caught mails in one SQLite file: they survive a restart of the catcher."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  received_at REAL NOT NULL,
  sender TEXT NOT NULL,
  recipients TEXT NOT NULL,
  raw BLOB NOT NULL
)
"""


@dataclass(frozen=True)
class Caught:
    """One mail as it came: Unix time in seconds, the envelope's addresses, the raw message."""

    received_at: float
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    id: int = 0


class Store:
    """All mails. `keep` belongs to the event loop that made the store; reading may happen in any thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer = self._open()
        self._writer.executescript(_SCHEMA)
        file.chmod(0o600)
        self._waiting: list[tuple[Caught, asyncio.Future[None]]] = []

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=10)
        # Without waiting for the disk: a mail survives a killed process, not a power cut.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    def keep(self, sender: str, recipients: Sequence[str], raw: bytes) -> asyncio.Future[None]:
        """Write one mail; the result is there once it is committed. Mails of one turn of the loop share a commit."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._commit)
        self._waiting.append((Caught(time.time(), sender, tuple(recipients), raw), done))
        return done

    def _commit(self) -> None:
        batch, self._waiting = self._waiting, []
        rows = [(mail.received_at, mail.sender, json.dumps(mail.recipients), mail.raw) for mail, _ in batch]
        try:
            with self._writer:
                self._writer.execute("BEGIN")
                self._writer.executemany(
                    "INSERT INTO mail (received_at, sender, recipients, raw) VALUES (?, ?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            outcome: sqlite3.Error | None = error
        else:
            outcome = None
        for _, done in batch:
            if done.done():
                continue
            if outcome is None:
                done.set_result(None)
            else:
                done.set_exception(outcome)

    def read(self, *, after: int = 0, limit: int = -1, newest_first: bool = False) -> list[Caught]:
        """Mails with an id above `after`, at most `limit` of them (-1: all)."""
        order = "DESC" if newest_first else "ASC"
        return self._query(f"WHERE id > ? ORDER BY id {order} LIMIT ?", (after, limit))

    def one(self, number: int) -> Caught | None:
        """The mail with this id."""
        found = self._query("WHERE id = ?", (number,))
        return found[0] if found else None

    def count(self) -> int:
        """How many mails there are."""
        with closing(self._open()) as connection:
            return int(connection.execute("SELECT count(*) FROM mail").fetchone()[0])

    def clear(self) -> None:
        """Forget all mails; ids are not used again."""
        with closing(self._open()) as connection:
            connection.execute("DELETE FROM mail")

    def _query(self, where: str, values: tuple[int, ...]) -> list[Caught]:
        with closing(self._open()) as connection:
            rows = connection.execute(f"SELECT id, received_at, sender, recipients, raw FROM mail {where}", values)
            return [
                Caught(at, sender, tuple(json.loads(recipients)), raw, number)
                for number, at, sender, recipients, raw in rows
            ]
