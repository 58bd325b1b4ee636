"""Local accounts of `make run`: two people who sign in with a password, kept in passwords.json."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx

from deploy.local.console import StackError
from deploy.local.keys import write_private
from deploy.local.stack import Stack
from shared.base.security import Role

ACCOUNTS: dict[str, Role] = {"lead": "lead", "zhang.min": "handler"}


def provide(stack: Stack) -> dict[str, str]:
    """Make the accounts that are missing; name → password. Raises StackError."""
    file = stack.run_dir / "passwords.json"
    try:
        known = dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        known = {}
    passwords = {name: str(known.get(name) or secrets.token_urlsafe(9)) for name in ACCOUNTS}
    missing = [name for name in ACCOUNTS if not _signs_in(stack, name, passwords[name])]
    with ThreadPoolExecutor(max_workers=len(ACCOUNTS)) as pool:
        list(pool.map(lambda name: _enter(stack, name, passwords[name]), missing))
    write_private(file, json.dumps(passwords, indent=1))
    return passwords


def _signs_in(stack: Stack, name: str, password: str) -> bool:
    body = {"name": name, "password": password}
    return httpx.post(f"{stack.urls['routing']}/v1/sessions", json=body, timeout=10).status_code == 201


def _enter(stack: Stack, name: str, password: str) -> None:
    """A new account, or another password for one that stayed in a database of its own."""
    arguments = ("--password-stdin",)
    try:
        stack.amends("people", "add", name, "--role", ACCOUNTS[name], *arguments, service="routing", given=password)
    except StackError:
        stack.amends("people", "set-password", name, *arguments, service="routing", given=password)
