"""What every `amends` command does alike: one line for a failure, one connection for its work."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import typer
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from .config import Settings, load
from .db import Database
from .errors import Refused

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class DatabaseSettings(Settings):
    """For one service's own schema."""

    database_url: SecretStr


def fail(message: str, code: int = 1) -> NoReturn:
    """End with one line on standard error: 1 when the answer is no, 2 for misuse."""
    print(f"amends: {message}", file=sys.stderr)
    raise SystemExit(code)


def with_database(service: str, run: Callable[[Database], Awaitable[T]]) -> T:
    """Run with a service's database; one that cannot be used is one line on standard error."""

    async def go() -> T:
        database = Database(load(DatabaseSettings).database_url.get_secret_value(), service, work_pool=1, api_pool=1)
        try:
            return await run(database)
        finally:
            await database.close()

    try:
        return asyncio.run(go())
    except Refused as error:
        fail(str(error))
    except (SQLAlchemyError, OSError) as error:
        fail(f"the database cannot be used: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
