"""Servers that the environment names instead of the embedded ones: whether anything answers there."""

import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from deploy.local.console import StackError

SERVERS = {"AMENDS_DATABASE_URL": 5432, "AMENDS_KAFKA_BOOTSTRAP": 9092, "AMENDS_SMTP_URL": 25}
PATIENCE = 5.0


def check(environ: Mapping[str, str]) -> None:
    """Raises StackError with the variable whose server nobody can reach."""
    for variable, port in SERVERS.items():
        places = list(_places(environ.get(variable, ""), port))
        if places and not any(_answers(host, number) for host, number in places):
            where = ", ".join(f"{host}:{number}" for host, number in places)
            raise StackError(
                f"Nothing answers at {where}, which {variable} names: start that server, or leave {variable} out and"
                " one is embedded."
            )


def _places(given: str, port: int) -> Iterator[tuple[str, int]]:
    """Host and port of each server of an address or a list; none for a socket in the file system."""
    rest = urlsplit(given).netloc.rpartition("@")[2] if "://" in given else given
    for one in filter(None, (part.strip() for part in rest.split(","))):
        try:
            parts = urlsplit(f"//{one}")
            yield parts.hostname or "", parts.port or port
        except ValueError:
            raise StackError(f"{one} is no host:port.") from None


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True
