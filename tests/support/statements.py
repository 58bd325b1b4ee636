"""Which statements a database of the product is sent, whichever way they go."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from shared.base.db import Database
from shared.base.sql import Statement


@contextmanager
def watched(db: Database) -> Iterator[list[str]]:
    """The statements of the work pool, in order, also those of other tasks."""
    sent: list[str] = []
    rows = Statement.rows

    async def watched_rows(self: Statement, tx: Any, *arguments: Any) -> list[Any]:
        sent.append(self.sql)
        return await rows(self, tx, *arguments)

    def through_the_dialect(*arguments: Any) -> None:
        sent.append(arguments[2])

    engine = db.work.sync_engine
    event.listen(engine, "before_cursor_execute", through_the_dialect)
    Statement.rows = watched_rows  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        Statement.rows = rows  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", through_the_dialect)
