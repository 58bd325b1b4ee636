"""Bearer tokens for people and keys for channels: made by the `amends` command, kept in tokens.json."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.console import StackError
from deploy.local.keys import write_private

Amends = Callable[..., str]

# One person of each role that oversees. The name is the actor's id. Handlers come with their own entries in routing.
PEOPLE = {
    "lead": "lead",
    "manager": "manager",
    "approver": "approver",
    "auditor": "auditor",
    "quality": "quality",
    "ops": "ops",
}
# Channel → scopes of its key.
CHANNELS = {
    "web": "complaints,customers,tier,probe",
    "hotline": "calls,complaints,customers,tier",
    "email": "emails",
}


class TokenBook:
    """tokens.json: name → role, token. `amends` runs one command and gives what it printed."""

    def __init__(self, file: Path, amends: Amends) -> None:
        self._file = file
        self._amends = amends
        self.known = _read(file)

    def provide(self, people: Mapping[str, str], channels: Mapping[str, str]) -> None:
        """Make what is missing for name → role and channel → scopes, a few at a time, and write the file."""
        wanted = {**people, **dict.fromkeys(channels, "channel")}
        missing = [name for name, role in wanted.items() if self.known.get(name, {}).get("role") != role]
        with ThreadPoolExecutor(max_workers=3) as pool:
            made = pool.map(
                lambda name: self._key(name, channels[name]) if name in channels else self._token(name, people[name]),
                missing,
            )
            for name, token in zip(missing, made, strict=True):
                self.known[name] = {"role": wanted[name], "token": token}
        if missing:
            write_private(self._file, json.dumps(self.known, indent=1, ensure_ascii=False))

    def _token(self, name: str, role: str) -> str:
        return self._amends("token", "issue", "--name", name, "--role", role).strip()

    def _key(self, name: str, scopes: str) -> str:
        """A new key; of a channel whose key was lost with tokens.json, the next one."""
        try:
            printed = self._amends("channel", "add", name, "--scopes", scopes, "--json")
        except StackError as refused:
            try:
                printed = self._amends("channel", "rotate", name, "--json")
            except StackError:
                raise refused from None
        return str(json.loads(printed)["key"])


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
