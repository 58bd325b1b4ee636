"""`amends purge`: erase what has lived its time, count it, and keep what the law wants to see."""

import json
from typing import Annotated

import typer

from shared.base.commands import Json, fail, with_database
from shared.base.db import Database

from . import purge as job
from . import reference as references
from .store import purge as store

purge = typer.Typer(help="Erase what has lived its time.")


@purge.callback(invoke_without_command=True)
def purge_(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    as_json: Json = False,
) -> None:
    """Erase all that is due and print what went, by sort."""
    if context.invoked_subcommand:
        return
    gone = with_database("intake", job.counted if dry_run else job.purge)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "gone": gone}))
        return
    for name, count in gone.items():
        print(f"{name:>12}  {count}")


Reference = Annotated[str, typer.Argument(help="The complaint's reference.")]


@purge.command("hold")
def purge_hold(reference: Reference) -> None:
    """Keep everything of a complaint, however old, until it is released."""
    _set(reference, held=True)


@purge.command("release")
def purge_release(reference: Reference) -> None:
    """End a hold."""
    _set(reference, held=False)


def _set(reference: str, *, held: bool) -> None:
    parsed = references.parse(reference)
    if parsed is None:
        fail(f"{reference!r} is no reference", 2)

    async def change(database: Database) -> bool:
        async with database.transaction() as tx:
            return await store.hold(tx, parsed, held=held)

    if not with_database("intake", change):
        fail(f"there is no complaint {parsed}")
    print(f"{parsed} is {'held' if held else 'released'}")
