"""A commit whose answer was lost with the connection: PostgreSQL still knows what became of the transaction.

What is undone by its own identity (an event in the inbox, a key that is taken) may simply be repeated. What is not,
a command without a version or the claim of a letter, would be done twice or be forgotten: there the server is asked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from . import sql
from .db import Database, InDoubt, is_transient, sqlstate

ASKED_FOR = 15.0  # seconds; a server that was killed is back by then
_XID = sql.Statement("SELECT pg_current_xact_id_if_assigned() AS xid")
_STATUS = sql.Statement("SELECT pg_xact_status(:xid) AS status")
_NEVER_GIVEN = "22023"  # the server's numbers have not come so far: it is a standby that never saw the transaction


@asynccontextmanager
async def certain(db: Database) -> AsyncIterator[AsyncConnection]:
    """`db.transaction()` which does not fail when it was committed. Raises InDoubt when that cannot be found out."""
    xid: int | None = None
    try:
        async with db.transaction() as tx:
            yield tx
            xid = (await _XID.rows(tx))[0].xid  # None when nothing was written
    except Exception as error:
        if not await committed(db, xid, error):
            raise


async def committed(db: Database, xid: int | None, error: Exception) -> bool:
    """Whether the transaction was committed although its COMMIT ended with this error.

    `xid` is pg_current_xact_id(), None when the COMMIT was not sent. Raises InDoubt when the server cannot be asked.
    """
    if xid is None or not is_transient(error):
        return False
    until = asyncio.get_running_loop().time() + ASKED_FOR
    while asyncio.get_running_loop().time() < until:
        try:
            async with db.single() as tx:
                status = (await _STATUS.rows(tx, {"xid": xid}))[0].status
            if status in ("committed", "aborted"):
                return bool(status == "committed")
        except Exception as failed:
            if sqlstate(failed) == _NEVER_GIVEN:
                return False
            if not is_transient(failed):
                raise
        await asyncio.sleep(0.1)
    raise InDoubt("The connection was lost at a commit, and the server cannot be asked what became of it.") from error
