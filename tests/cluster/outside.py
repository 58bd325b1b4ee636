"""PostgreSQL, Kafka and a mail catcher beside the cluster, at an address that containers and pods reach."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import keys
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from deploy.local.mail.catcher import Catcher
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.postgres import Postgres
from deploy.local.services import database_url
from shared.events.catalog import SERVICES

DEPLOYMENT = "cluster-test"


class AdvertisedKafka(Kafka):
    """The embedded broker, which tells its clients another address than loopback."""

    def __init__(self, folder: Path, ports: Ports, host: str) -> None:
        super().__init__(folder, ports, os.environ)
        self._host = host

    def _properties(self, data: Path) -> str:
        port = self._ports.get("kafka")
        told, key = super()._properties(data), "advertised.listeners=CLIENTS://"
        return told.replace(f"{key}{LOOPBACK}:{port}", f"{key}{self._host}:{port}")


class Forwarder:
    """Takes connections at `host` and hands them on to the same ports on loopback."""

    def __init__(self, host: str, ports: list[int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        for port in ports:
            opened = asyncio.start_server(lambda r, w, port=port: self._carry(r, w, port), host, port)
            asyncio.run_coroutine_threadsafe(opened, self._loop).result(10)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))

    def close(self) -> None:
        """Stop taking connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


@dataclass(frozen=True)
class Outside:
    """Addresses as containers see them, and what a test looks at."""

    host: str
    keys: Keys
    admin_url: str
    local_admin_url: str
    kafka: str
    smtp: str
    ports: dict[str, int]
    mail: Catcher

    def secret(self) -> dict[str, str]:
        """The entries of the chart's Secret."""
        return {
            "admin-url": self.admin_url,
            "token-key": self.keys.token_key,
            "smtp-url": self.smtp,
            "role-passwords": json.dumps(self.keys.role_passwords),
            **{f"{service}-url": database_url(self.admin_url, service, self.keys) for service in SERVICES},
        }


@contextmanager
def servers(host: str = LOOPBACK) -> Iterator[Outside]:
    """Start them; they end with the block. Raises deploy.local's StackError."""
    folder = Path(tempfile.mkdtemp(prefix="amends-outside-"))
    folder.chmod(0o755)
    ports = Ports(folder / "ports.json", None)
    secrets = keys.keep(folder, {"AMENDS_DEPLOYMENT_ID": DEPLOYMENT})
    postgres = Postgres(folder, ports, secrets.postgres_admin, durable=False, environ=os.environ)
    broker = AdvertisedKafka(folder, ports, host)
    mail = Catcher(folder, ports)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        numbers = {name: ports.get(name) for name in ("postgres", "kafka", "smtp")}
        if host != LOOPBACK:
            stack.callback(Forwarder(host, list(numbers.values())).close)
        postgres.prepare()
        broker.prepare()
        started: tuple[Postgres | Kafka | Catcher, ...] = (postgres, broker, mail)
        for server in started:
            server.launch()
            stack.callback(server.child.stop)
        for server in started:
            server.wait_ready()
        local = postgres.create_database("amends")
        yield Outside(
            host=host,
            keys=secrets,
            admin_url=local.replace(f"@{LOOPBACK}:", f"@{host}:"),
            local_admin_url=local,
            kafka=f"{host}:{numbers['kafka']}",
            smtp=f"smtp://{host}:{numbers['smtp']}",
            ports=numbers,
            mail=mail,
        )
