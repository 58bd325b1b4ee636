"""`amends people`: accounts and sessions. Passwords are asked for, or read from standard input; never arguments."""

import getpass
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.base.commands import Json, fail, with_database
from shared.base.db import Database

from . import accounts as rules
from .shiftplan import Plan
from .store import abilities, shifts
from .store import accounts as store

people = typer.Typer(help="Accounts of people who sign in, their sessions, shifts and teams.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name; of a handler his id.")]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
WRONG = {
    "password_short": f"a password needs at least {rules.LEAST} characters",
    "password_long": f"a password may have {rules.MOST} characters at most",
    "password_plain": "this password is too plain: not the name, and not a few characters repeated",
}


@people.command("add")
def add(
    name: Name,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(rules.PEOPLE)}.")],
    password_stdin: Stdin = False,
    subject: Annotated[
        str, typer.Option(help="Without a password: ISSUER SUBJECT at the identity provider, with one space between.")
    ] = "",
) -> None:
    """Make an account with a password, or for somebody whom the identity provider knows."""
    if not re.fullmatch(rules.NAME, name):
        fail("a name has letters, digits, dot, dash, underscore and @, 64 at most", 2)
    if role not in rules.PEOPLE:
        fail(f"no role {role!r}; there are {', '.join(rules.PEOPLE)}", 2)
    if subject and len(subject.split(" ")) != 2:
        fail("--subject: give issuer and subject with one space between", 2)
    stored = None if subject else rules.hashed(_password(name, password_stdin))

    async def put(database: Database) -> bool:
        async with database.transaction() as tx:
            return await store.add(tx, name, role, password=stored, subject=subject or None)

    if not with_database("routing", put):
        fail(f"there is an account {name} already" + (", or one of this subject" if subject else ""))
    print(f"{name} may sign in as {role}")


@people.command("set-password")
def set_password(name: Name, password_stdin: Stdin = False) -> None:
    """Another password; every sign-in of this person ends."""
    _change(name, "has a new password", password=rules.hashed(_password(name, password_stdin)))


@people.command("set-role")
def set_role(
    name: Name, role: Annotated[str, typer.Argument(help=f"One of {', '.join(rules.PEOPLE)}.")]
) -> None:  # fmt: skip
    """Another role, at once at the desk and within half a minute in the other services."""
    if role not in rules.PEOPLE:
        fail(f"no role {role!r}; there are {', '.join(rules.PEOPLE)}", 2)
    _change(name, f"is {role} now", sign_out=False, role=role)


@people.command("disable")
def disable(name: Name) -> None:
    """Nobody signs in as this person any more; every sign-in ends."""
    _change(name, "is disabled", disabled=True)


@people.command("enable")
def enable(name: Name) -> None:
    """Take `disable` back."""
    _change(name, "may sign in again", sign_out=False, disabled=False)


@people.command("sign-out")
def sign_out(name: Name) -> None:
    """End every sign-in of a person."""
    _change(name, "is signed out")


@people.command("list")
def list_accounts(as_json: Json = False) -> None:
    """Every account: role, how it signs in, whether it is disabled, how many sign-ins are open."""

    async def read(database: Database) -> list[Any]:
        async with database.read() as tx:
            return await store.accounts(tx)

    rows = with_database("routing", read)
    for row in rows:
        way = "password" if row.password else "provider"
        state = "disabled" if row.disabled_at else "active"
        found = {"name": row.name, "role": row.role, "way": way, "state": state, "sessions": row.sessions}
        print(json.dumps(found) if as_json else "{name:<24} {role:<9} {way:<9} {state:<9} {sessions}".format(**found))
    if not rows and not as_json:
        print("nobody; `amends people add NAME --role ROLE` makes an account")


@people.command("shifts")
def bring_in_shifts(
    file: Annotated[Path, typer.Argument(help="CSV: handler, days or date, start, end; zone, from, until.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Bring in a shift plan. Exit 1 with every mistake, as FILE:LINE:COLUMN; nothing is applied then."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", 2)

    async def put(database: Database) -> tuple[Plan, list[shifts.Changed]]:
        async with database.transaction() as tx:
            return await shifts.bring_in(tx, raw, dry_run=dry_run)

    plan, changed = with_database("routing", put)
    for w in plan.wrong:
        if as_json:
            print(json.dumps({"line": w.line, "column": w.column, "name": w.name, "detail": w.detail}))
        else:
            print(f"{file}:{w.line}:{w.column}: {w.name + ': ' if w.name else ''}{w.detail}", file=sys.stderr)
    if plan.wrong:
        raise SystemExit(1)
    for c in changed:
        words = f"{c.handler:<24} {c.before} -> {c.after} shifts, {c.zone}" + (f", until {c.until}" if c.until else "")
        print(json.dumps(vars(c)) if as_json else words)
    if not as_json:
        print(f"{len(changed)} handler(s) {'would change; nothing was applied' if dry_run else 'changed'}")


@people.command("lead")
def set_lead(
    name: Annotated[str, typer.Argument(help="The handler's id.")],
    lead: Annotated[str, typer.Argument(help="Who leads him; `-` for nobody.")],
) -> None:
    """Say who leads a handler: the two, and nobody else, see his ability sheet."""
    if lead != "-" and (not re.fullmatch(rules.NAME, lead) or lead == name):
        fail("a lead is the name of somebody else", 2)

    async def put(database: Database) -> bool:
        async with database.transaction() as tx:
            return await abilities.set_lead(tx, name, None if lead == "-" else lead)

    if not with_database("routing", put):
        fail(f"there is no handler {name}")
    print(f"{name} is led by {'nobody' if lead == '-' else lead}")


def _change(name: str, done: str, *, sign_out: bool = True, disabled: bool | None = None, **values: Any) -> None:
    async def put(database: Database) -> int | None:
        async with database.transaction() as tx:
            if disabled is not None:
                values["disabled_at"] = await store.now(tx) if disabled else None
            if not await store.change(tx, name, **values):
                return None
            return await store.end(tx, name, "command line") if sign_out else 0

    ended = with_database("routing", put)
    if ended is None:
        fail(f"there is no account {name}")
    print(f"{name} {done}" + (f"; {ended} sign-in(s) ended" if sign_out else ""))


def _password(name: str, from_stdin: bool) -> str:
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        fail("no terminal to ask for the password: give --password-stdin", 2)
    else:
        given = getpass.getpass(f"Password for {name}: ")
        if getpass.getpass("Once more: ") != given:
            fail("the two are not the same", 2)
    if wrong := rules.check_new(given, name):
        fail(WRONG[wrong], 2)
    return given
