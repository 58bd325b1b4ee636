"""Many rows in one statement: INSERT … SELECT FROM unnest(…), made once per table from its columns."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg
import pydantic_core
from sqlalchemy import ARRAY, Column, ColumnElement, Table, Uuid, any_, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from .db import driver_of

Row = Mapping[str, Any]
_NAME = re.compile(r"(?<!:):(\w+)")


class Record(asyncpg.Record):  # type: ignore[misc]
    """A row whose columns are attributes. A jsonb column is decoded."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Statement:
    """SQL with named parameters (`:name`) that goes straight to the driver, for what runs in each transaction.

    It is prepared once per connection. The same through SQLAlchemy costs some 0.1 ms of processor time more.
    """

    def __init__(self, sql: str) -> None:
        self.names = tuple(dict.fromkeys(_NAME.findall(sql)))
        self.sql = _NAME.sub(lambda m: f"${self.names.index(m[1]) + 1}", sql)

    async def rows(self, tx: AsyncConnection, arguments: Mapping[str, Any] = MappingProxyType({})) -> list[Any]:
        """Run it; its rows. Raises asyncpg.PostgresError."""
        values = [arguments[name] for name in self.names]
        found: list[Any] = await driver_of(tx).fetch(self.sql, *values, record_class=Record)
        return found


def any_of(column: Column[Any], ids: Sequence[UUID]) -> ColumnElement[bool]:
    """`column = ANY(ids)`: one bound array whatever the number of ids, so the statement is prepared once."""
    return column == any_(bindparam(None, list(ids), type_=ARRAY(Uuid())))


def to_json(value: Any) -> str:
    """JSON text for a jsonb column; what JSON does not know becomes its `str`."""
    return pydantic_core.to_json(value, fallback=str).decode()


@lru_cache(maxsize=1024)  # compiling a type costs more than sending a row
def _element(column: Column[Any]) -> tuple[str, str]:
    """The array's element type that is sent, and the expression that turns an element into the column's type."""
    kind = column.type.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    if kind in ("JSONB", "JSON"):
        return "text", f"u.{column.name}::{kind}"
    if kind.endswith("[]"):  # unnest would flatten an array of arrays, so inner arrays travel as JSON
        return "text", f"ARRAY(SELECT jsonb_array_elements_text(u.{column.name}::jsonb))::{kind}"
    if kind in ("BIGSERIAL", "SERIAL"):
        kind = "BIGINT"
    return kind, f"u.{column.name}"


@lru_cache(maxsize=256)
def _statement(table: Table, names: tuple[str, ...], conflict: str, returning: str) -> Statement:
    columns = [table.c[name] for name in names]
    parts = [_element(c) for c in columns]
    arrays = ", ".join(f"CAST(:{c.name} AS {kind}[])" for c, (kind, _) in zip(columns, parts, strict=True))
    sql = (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {', '.join(expr for _, expr in parts)} "
        f"FROM unnest({arrays}) WITH ORDINALITY AS u({', '.join(names)}, ord_) ORDER BY u.ord_"
    )
    return Statement(sql + conflict + (f" RETURNING {returning}" if returning else ""))


def _arrays(table: Table, names: Sequence[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for name in names:
        kind, _ = _element(table.c[name])
        as_text = kind == "text" and not _is_text(table.c[name])
        out[name] = [_as_json(row[name]) if as_text else row[name] for row in rows]
    return out


def _is_text(column: Column[Any]) -> bool:
    return not isinstance(column.type, (postgresql.JSONB, postgresql.JSON, ARRAY))


def _as_json(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else to_json(value)


async def insert(
    tx: AsyncConnection, table: Table, rows: Sequence[Row], *, ignore: str = "", returning: str = ""
) -> Any:
    """Insert rows (all with the same keys) in one statement, in their order.

    `ignore` names the columns of a unique constraint whose conflicts are passed over. `returning` is a column list;
    the result then has the rows that were really inserted. A jsonb value is given as an object or as JSON text.
    """
    if not rows:
        return []
    names = tuple(rows[0])
    conflict = f" ON CONFLICT ({ignore}) DO NOTHING" if ignore else ""
    return await _statement(table, names, conflict, returning).rows(tx, _arrays(table, names, rows))


async def upsert(tx: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows or, where the primary key exists, set every given column to the new value: one statement."""
    if not rows:
        return
    names = tuple(rows[0])
    keys = [c.name for c in table.primary_key.columns]
    sets = ", ".join(f"{n} = EXCLUDED.{n}" for n in names if n not in keys)
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO " + (f"UPDATE SET {sets}" if sets else "NOTHING")
    await _statement(table, names, conflict, "").rows(tx, _arrays(table, names, rows))
