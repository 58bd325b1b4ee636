"""`amends mail list|show` and `amends reconcile --replay`: mail that began nothing, and the way back."""

import asyncio
import getpass
import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from shared.base.commands import Json, fail, with_database
from shared.base.config import Settings, load
from shared.base.db import Database
from shared.base.errors import Problem

from . import retention
from .parsers import Parsers
from .review import Review
from .store import mails as store
from .store.review import OUTCOMES

mails = typer.Typer(help="Mail that began nothing: spam, quarantine, automatic answers, bounces.", no_args_is_help=True)
PATIENCE = 15.0


class KeepSettings(Settings):
    """How long what comes back is kept."""

    retention: Path | None = None
    phone_region: str = "CN"


def _review(database: Database) -> Review:
    settings = load(KeepSettings)
    return Review(database, Parsers(), retention.load(settings.retention, settings.phone_region).of("raw_mail"))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        fail(f"{text!r} is no raw_id; `amends mail list` shows them", 2)


@mails.command("list")
def list_(
    outcome: Annotated[str, typer.Option(help=f"One of {', '.join(OUTCOMES)}.")] = "quarantined",
    day: Annotated[str, typer.Option(help="A sample of this day (UTC, YYYY-MM-DD); without it the newest.")] = "",
    size: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Show some mails with an outcome. For one day the sample is the same for everybody."""
    if outcome not in OUTCOMES:
        fail(f"no outcome {outcome!r}; there are {', '.join(OUTCOMES)}", 2)
    try:
        chosen = date.fromisoformat(day) if day else None
    except ValueError:
        fail(f"{day!r} is no day like 2026-11-22", 2)

    async def read(database: Database) -> list[dict[str, Any]]:
        review = _review(database)
        try:
            return await review.sample(outcome, chosen, size)
        finally:
            await review.parsers.close()

    found = with_database("intake", read)
    if as_json:
        print(json.dumps(found, default=str, ensure_ascii=False))
        return
    for one in found:
        print(f"{one['raw_id']}  {one['seen_at']:%Y-%m-%d %H:%M}  {one['from']:30.30}  {one['subject']:40.40}", end="")
        print(f"  {one['reason']}")


@mails.command("show")
def show(raw_id: Annotated[str, typer.Argument(help="The raw_id.")], as_json: Json = False) -> None:
    """Show one mail: what became of it and why, who wrote, and its beginning."""
    id = _id(raw_id)

    async def read(database: Database) -> dict[str, Any]:
        review = _review(database)
        try:
            return await review.show(id)
        finally:
            await review.parsers.close()

    try:
        found = with_database("intake", read)
    except Problem as problem:
        fail(problem.detail)
    if as_json:
        print(json.dumps(found, default=str, ensure_ascii=False))
        return
    for name, value in found.items():
        print(f"{name:>11}  {value if value is not None else ''}")


def replay(raw_id: str, *, as_json: bool) -> None:
    """Decide a mail anew with the same ids and times, and wait a little for what becomes of it."""
    id = _id(raw_id)

    async def run(database: Database) -> store.Outcome | None:
        await _review(database).rescue(id, by=f"command line ({getpass.getuser()})")
        until = datetime.now().timestamp() + PATIENCE
        while datetime.now().timestamp() < until:
            async with database.read() as tx:
                outcome = await store.outcome_of(tx, id)
            if outcome:
                return outcome
            await asyncio.sleep(0.2)
        return None

    try:
        became = with_database("intake", run)
    except Problem as problem:
        fail(problem.detail)
    answer: dict[str, Any] = {"raw_id": str(id), **(became._asdict() if became else {"outcome": "pending"})}
    if as_json:
        print(json.dumps(answer, default=str))
    else:
        print(" ".join(str(answer[name]) for name in ("raw_id", "outcome", "reference") if answer.get(name)))
