"""Ports on loopback: fixed ones that people know, and free ones that stay the same over restarts."""

import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from deploy.local.console import StackError

LOOPBACK = "127.0.0.1"
# From PORT_BASE.
OFFSETS = {"intake": 1, "routing": 2, "escalation": 3, "notifier": 4, "lmtp": 24, "mail": 25, "smtp": 26}
DEFAULT_BASE = 8000


def is_free(port: int) -> bool:
    """True when a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Ports:
    """The ports of one stack, by name. Free ones are remembered in `file`, so that an address survives a restart."""

    def __init__(self, file: Path, base: int | None) -> None:
        """`base` None: the fixed names get free ports too (tests, several stacks side by side)."""
        if base is not None and not 1024 <= base <= 65000:
            raise StackError(f"PORT_BASE={base} is not between 1024 and 65000: choose another, for example 18000.")
        self._file = file
        self._base = base
        self._taken: dict[str, int] = {}
        self._remembered: Mapping[str, int] = _read(file)

    def get(self, name: str) -> int:
        """The port called `name`; the same at every call.

        Raises StackError when a fixed port is in use by another program.
        """
        if name not in self._taken:
            fixed = self._base is not None and name in OFFSETS
            self._taken[name] = self._fixed(name) if fixed else self._free(name)
            if not fixed:
                self._file.write_text(json.dumps(dict(self._remembered) | self._unfixed(), indent=1))
        return self._taken[name]

    def _unfixed(self) -> dict[str, int]:
        return {name: port for name, port in self._taken.items() if self._base is None or name not in OFFSETS}

    def _fixed(self, name: str) -> int:
        assert self._base is not None
        port = self._base + OFFSETS[name]
        if not is_free(port):
            raise StackError(
                f"Port {port} ({name}) is taken: stop the program that listens there, or choose other ports"
                f" with PORT_BASE, for example `make run PORT_BASE={18000 if self._base < 18000 else 28000}`."
            )
        return port

    def _free(self, name: str) -> int:
        last = self._remembered.get(name)
        if last is not None and last not in self._taken.values() and is_free(last):
            return last
        # Below the range for outgoing connections: a client that keeps dialling a server that is down can otherwise
        # be given the server's own port as its source, connect to itself, and keep the server from coming back.
        for port in random.sample(range(20000, _lowest_ephemeral()), 2000):
            if port not in self._taken.values() and is_free(port):
                return port
        raise StackError(f"No free port for {name} between 20000 and {_lowest_ephemeral()} on {LOOPBACK}.")


def _lowest_ephemeral() -> int:
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        lowest = 32768
    return lowest if lowest >= 24000 else 32768


def _read(file: Path) -> dict[str, int]:
    try:
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
