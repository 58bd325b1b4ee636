"""Bearer tokens for people and keys for channels, kept in tokens.json."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from deploy.local.console import StackError
from deploy.local.keys import write_private
from shared.base.security import Role, issue, verify

Amends = Callable[..., str]

# One person of each role that oversees. The name is the actor's id. Handlers come with their own entries in routing.
PEOPLE: dict[str, Role] = {
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

    def __init__(self, file: Path, token_key: str, amends: Amends, intake: str) -> None:
        """`intake` is the service's address: it alone knows whether a channel's key is (still) good."""
        self._intake = intake
        self._file = file
        self._token_key = token_key
        self._amends = amends
        self.known = _read(file)

    def provide(self, people: Mapping[str, Role], channels: Mapping[str, str]) -> None:
        """Make what is missing for name → role and channel → scopes, and write the file. Raises StackError."""
        for name, role in people.items():
            caller = verify(self.known.get(name, {}).get("token", ""), self._token_key)
            if caller is None or caller.role != role:
                self.known[name] = {"role": role, "token": issue(self._token_key, name=name, role=role)}
        missing = [name for name in channels if not self._is_good(self.known.get(name, {}))]
        with ThreadPoolExecutor(max_workers=3) as pool:
            keys = pool.map(lambda name: self._key(name, channels[name]), missing)
            self.known |= {name: {"role": "channel", "token": key} for name, key in zip(missing, keys, strict=True)}
        write_private(self._file, json.dumps(self.known, indent=1, ensure_ascii=False))

    def _is_good(self, entry: Mapping[str, str]) -> bool:
        """Whether intake takes this key: a database made anew has none of those in the file."""
        if entry.get("role") != "channel":
            return False
        headers = {"Authorization": f"Bearer {entry['token']}"}
        return httpx.get(f"{self._intake}/v1/reconciliation", headers=headers, timeout=10).status_code != 401

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
