"""PostgreSQL: two pools per service, and the only place that begins and commits a transaction."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
from pydantic_core import from_json
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .errors import Problem
from .telemetry import POOL_SIZE, POOL_USED

T = TypeVar("T")

# Serialization failure, deadlock, lock not available, cannot connect now, too many connections, shutdowns. A server
# that is still recovering, or is no longer the primary, says 25006.
_TRANSIENT_STATES = ("25006", "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "57014")

# What a statement's failure is raised as: wrapped by the dialect, or by the driver itself.
STATEMENT_ERRORS = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class InDoubt(ConnectionError):
    """A transaction may have been committed: its end was lost with the connection, and nobody can be asked."""


def dialect_url(url: str) -> str:
    """The SQLAlchemy form of a plain postgresql:// URL."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+asyncpg://" + url.removeprefix(prefix)
    return url


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a statement's error, whether the dialect wrapped it or the driver raised it; "" for others."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None) or ""


def is_transient(error: BaseException) -> bool:
    """Whether repeating the whole transaction may help: a lost connection, a deadlock, a timeout."""
    if isinstance(error, (OSError, TimeoutError, PoolTimeout, InterfaceError, OperationalError)):
        return True
    if isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return True
    state = sqlstate(error)
    return state in _TRANSIENT_STATES or state.startswith("08")


def _engine(url: str, schema: str, *, size: int, wait: float, role: str, **settings: str) -> AsyncEngine:
    return create_async_engine(
        dialect_url(url),
        isolation_level="AUTOCOMMIT",  # transactions are the driver's own: see `transaction`
        pool_size=size,
        max_overflow=0,
        pool_timeout=wait,
        pool_use_lifo=True,
        json_deserializer=from_json,  # in half the time of the standard library's
        hide_parameters=True,  # an error's text must not carry a customer's data into a log
        connect_args={
            "timeout": 10,
            "server_settings": {
                "application_name": f"amends-{schema}-{role}",
                "search_path": schema,
                "timezone": "UTC",
                "statement_timeout": "30000",
                "lock_timeout": "15000",
                "idle_in_transaction_session_timeout": "60000",
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
                "tcp_user_timeout": "20000",
                "jit": "off",  # statements here are short: compiling them costs more than running them
                **settings,
            },
        },
    )


def driver_of(tx: AsyncConnection) -> asyncpg.Connection:
    """The driver's connection under a connection of SQLAlchemy's."""
    assert tx.sync_connection is not None
    return tx.sync_connection.connection.driver_connection


async def _let_go(tx: AsyncConnection, driver: asyncpg.Connection, error: BaseException) -> None:
    """A connection that was lost, or of which nobody knows where it stands, must not be handed out again."""
    if driver.is_closed() or isinstance(error, asyncpg.InternalClientError):
        await tx.invalidate()


class Database:
    """The two pools of one service: `work` for its loops and commands, `api` for reads on behalf of callers."""

    def __init__(self, url: str, schema: str, *, work_pool: int, api_pool: int) -> None:
        self.schema = schema
        # A plan that was made while a table was empty is a scan of the whole, and a kept connection keeps its plans.
        self.work = _engine(url, schema, size=work_pool, wait=30.0, role="work", enable_seqscan="off")
        self.api = _engine(url, schema, size=api_pool, wait=1.0, role="api", default_transaction_read_only="on")
        for role, engine, size in (("work", self.work, work_pool), ("api", self.api, api_pool)):
            POOL_SIZE.labels(schema, role).set(size)
            POOL_USED.labels(schema, role).set_function(engine.pool.checkedout)  # type: ignore[attr-defined]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction of the work pool: committed when the block ends, rolled back when it raises.

        It is begun at the driver, so that statements may go through SQLAlchemy or straight to it (sql.Statement).
        """
        async with self.work.connect() as tx:
            driver = driver_of(tx)
            try:
                async with driver.transaction():
                    yield tx
            except BaseException as error:
                await _let_go(tx, driver, error)
                raise

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the work pool on which each statement is a transaction of its own."""
        async with self.work.connect() as tx:
            driver = driver_of(tx)
            try:
                yield tx
            except BaseException as error:
                await _let_go(tx, driver, error)
                raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only connection of the API pool. Raises Problem 503 when none is free within a second."""
        try:
            async with self.api.connect() as tx:
                yield tx
        except PoolTimeout:
            raise Problem(503, "Busy", "No database connection is free.", headers={"Retry-After": "1"}) from None

    async def retrying(self, attempt: Callable[[], Awaitable[T]], *, tries: int = 5) -> T:
        """Run a whole transaction again after a transient failure, with backoff and jitter. Raises InDoubt at once."""
        for n in range(1, tries):
            try:
                return await attempt()
            except Exception as error:
                if not is_transient(error) or isinstance(error, InDoubt):
                    raise
                await asyncio.sleep(random.uniform(0.5, 1.0) * 0.02 * 2**n)
        return await attempt()

    async def close(self) -> None:
        """Close both pools."""
        await self.work.dispose()
        await self.api.dispose()
