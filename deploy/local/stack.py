"""The whole stack as one object: for `make run`, for the demo, and for tests that need all of it."""

import fcntl
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from deploy.local import given, keys, people, services
from deploy.local.console import StackError, step
from deploy.local.kafka import Kafka
from deploy.local.keys import SERVICES
from deploy.local.mail.catcher import Catcher
from deploy.local.ports import LOOPBACK, OFFSETS, Ports
from deploy.local.postgres import Postgres, data_folder, server_account
from deploy.local.processes import ROOT
from deploy.local.supervisor import Part, Supervisor
from shared.base.security import Role

RUN_DIR = ROOT / ".run"
DATABASE = "amends"
NEEDED_DISK = 500 << 20


class Stack:
    """PostgreSQL, Kafka, the mail catcher and the four services; a context manager that starts and stops them.

    run_dir: data, logs, secrets. port_base: the contract's fixed ports, or None for free ones. replicas: service →
    number, default 1; 0 leaves the service out. extra_env: service → variables, read at each start of a process, so
    that they may be changed before `restart`. commands: service → command line instead of `python -m services.<name>`.
    durable: fsync. fresh: begin without the data of an earlier run. environ: AMENDS_DATABASE_URL,
    AMENDS_KAFKA_BOOTSTRAP and AMENDS_SMTP_URL in it replace the embedded servers.

    Processes are called postgres, kafka, mail, intake, routing, escalation, notifier; a second replica intake-2.
    """

    def __init__(
        self,
        run_dir: Path = RUN_DIR,
        *,
        port_base: int | None = None,
        replicas: Mapping[str, int] | None = None,
        extra_env: Mapping[str, Mapping[str, str]] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        durable: bool = True,
        fresh: bool = False,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.run_dir = run_dir.resolve()
        self.extra_env = {service: dict((extra_env or {}).get(service, {})) for service in SERVICES}
        self.commands = dict(commands or {})
        self.replicas = {service: (replicas or {}).get(service, 1) for service in SERVICES}
        self.parts: dict[str, Part] = {}
        self.postgres: Postgres | None = None
        self.kafka: Kafka | None = None
        self.mail: Catcher | None = None
        self._durable = durable
        self._fresh = fresh
        self._environ = {name: value for name, value in environ.items() if value or not name.startswith("AMENDS_")}
        self._port_base = port_base
        self._lock_file: IO[str] | None = None
        self._supervisor = Supervisor(self.parts)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises StackError; what runs by then, `stop` stops."""
        self._prepare_run_dir()
        self.ports = Ports(self.run_dir / "ports.json", self._port_base)
        self.keys = keys.keep(self.run_dir, self._environ)
        for name in OFFSETS:
            self.ports.get(name)
        wanted = {name: service for service in SERVICES for name in self.processes(service)}
        if wanted:
            given.check(self._environ)
        self._launch_servers()
        self._finish_servers(with_tables=bool(wanted))
        if wanted:
            self._start_services(wanted)
            self.book = people.TokenBook(
                self.run_dir / "tokens.json", self.keys.token_key, self.amends, self.urls["intake"]
            )
            with step("tokens and channel keys"):
                self.book.provide(people.PEOPLE, people.CHANNELS)

    def stop(self) -> None:
        """Stop everything, services first. When that is interrupted, what is left is killed."""
        self._supervisor.stop()
        try:
            servers = {"postgres", "kafka", "mail"}
            for group in (self.parts.keys() - servers, servers & self.parts.keys()):
                running = [self.parts[name].child for name in group]
                for child in running:
                    child.ask_to_stop()
                for child in running:
                    child.stop(timeout=30)
        finally:
            for part in self.parts.values():
                part.child.kill()
            if self._lock_file is not None:
                self._lock_file.close()

    def remove_data(self) -> None:
        """Remove the data of a stack that does not run. Raises StackError when it does."""
        self._claim()
        shutil.rmtree(data_folder(self.run_dir, server_account()), ignore_errors=True)
        shutil.rmtree(self.run_dir)
        self.stop()

    def supervise(self) -> None:
        """From now on restart, with a visible line, whatever ends without having been asked to."""
        self._supervisor.start()

    def start_one(self, name: str) -> None:
        """Start one process with its present settings and wait until it is ready. Raises StackError."""
        self.parts[name].launch()
        self.parts[name].wait_ready()

    def stop_one(self, name: str) -> int | None:
        """Stop one process cleanly; it stays down. Gives its exit code."""
        return self.parts[name].child.stop()

    def restart(self, name: str) -> None:
        """Stop one process cleanly, start it and wait until it is ready. Raises StackError."""
        self.stop_one(name)
        self.start_one(name)

    def kill(self, name: str) -> None:
        """SIGKILL one process and all it started; it stays down until `start_one`."""
        self.parts[name].child.kill()

    def processes(self, service: str) -> list[str]:
        """The names of a service's replicas."""
        return [service if number == 1 else f"{service}-{number}" for number in range(1, self.replicas[service] + 1)]

    @property
    def urls(self) -> dict[str, str]:
        """Process → HTTP address; every service's first replica stands under the service's name."""
        names = set(SERVICES) | {name for service in SERVICES for name in self.processes(service)}
        return {name: f"http://{LOOPBACK}:{self.ports.get(name)}" for name in sorted(names)}

    @property
    def tokens(self) -> dict[str, dict[str, str]]:
        """Name → role, token: the people and channels of people.py and those that `token` added."""
        return self.book.known

    def token(self, name: str, role: Role) -> str:
        """The bearer token of a person, issued when there is none yet. Raises StackError."""
        self.book.provide({name: role}, {})
        return self.book.known[name]["token"]

    @property
    def mail_url(self) -> str | None:
        """The mail catcher's page; None when a real mail server is used."""
        return self.mail.url if self.mail else None

    def database_url(self, service: str) -> str:
        """The database's address for a service's own role."""
        return services.database_url(self.admin_url, service, self.keys)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.run_dir / "logs" / f"{name}.log"

    def amends(self, *arguments: str, service: str = "intake", given: str = "") -> str:
        """Run `amends …` with the settings of `service`; gives what it printed. Raises StackError when it fails."""
        environment = self._surroundings().for_command(service) | self.extra_env[service]
        return services.amends(arguments, environment, given)

    def _prepare_run_dir(self) -> None:
        self._claim()
        free = shutil.disk_usage(self.run_dir).free
        if free < NEEDED_DISK:
            raise StackError(f"Only {free >> 20} MiB are free in {self.run_dir}: make it {NEEDED_DISK >> 20} or more.")
        if self._fresh:
            self._empty_run_dir()
        for log in (self.run_dir / "logs").glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    def _claim(self) -> None:
        """One launcher per run_dir. Raises StackError."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._lock_file = (self.run_dir / "lock").open("a+")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.seek(0)
            raise StackError(
                f"Process {self._lock_file.read().strip() or '?'} already runs a stack with the data in {self.run_dir}:"
                " stop it first (Ctrl-C in its terminal)."
            ) from None
        self._lock_file.truncate(0)
        self._lock_file.write(str(os.getpid()))
        self._lock_file.flush()

    def _empty_run_dir(self) -> None:
        """Forget earlier data; an outside database keeps its own, so its secrets are kept too."""
        keep = {"lock", "secrets.json"} if self._environ.get("AMENDS_DATABASE_URL") else {"lock"}
        for path in self.run_dir.iterdir():
            if path.name not in keep:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(data_folder(self.run_dir, server_account()), ignore_errors=True)

    def _launch_servers(self) -> None:
        """Start those embedded servers that the environment does not replace; all addresses are known afterwards."""
        named = self._environ.get
        self.admin_url = named("AMENDS_DATABASE_URL", "")
        self.kafka_bootstrap = named("AMENDS_KAFKA_BOOTSTRAP", "")
        self.smtp_url = named("AMENDS_SMTP_URL", "")
        if not self.admin_url:
            password = self.keys.postgres_admin
            self.postgres = Postgres(self.run_dir, self.ports, password, durable=self._durable, environ=self._environ)
            self.postgres.prepare()
            self.admin_url = self.postgres.url(DATABASE)
            self.parts["postgres"] = self.postgres
        if not self.kafka_bootstrap:
            self.kafka = Kafka(self.run_dir, self.ports, self._environ)
            self.kafka.prepare()
            self.kafka_bootstrap = self.kafka.bootstrap
            self.parts["kafka"] = self.kafka
        if not self.smtp_url:
            self.mail = Catcher(self.run_dir, self.ports)
            self.smtp_url = f"smtp://{LOOPBACK}:{self.mail.smtp_port}"
            self.parts["mail"] = self.mail
        for part in self.parts.values():
            part.launch()
        mail_server = urlsplit(self.smtp_url)
        self.smtp_host, self.smtp_port = mail_server.hostname or LOOPBACK, mail_server.port or 25

    def _finish_servers(self, *, with_tables: bool) -> None:
        """Wait for the servers; make tables while the broker, the slowest of them, still starts; make the topics."""
        around = self._surroundings()
        if self.postgres:
            with step(f"PostgreSQL {self.postgres.version}"):
                self.postgres.wait_ready()
                self.postgres.create_database(DATABASE)
        if with_tables:
            with step("tables"):
                services.amends(["migrate"], around.for_migrate())
        if self.kafka:
            with step(f"Apache Kafka {self.kafka.version}"):
                self.kafka.wait_ready()
        if with_tables:
            with step("topics"):
                services.amends(["topics"], around.for_command("intake"))
        if self.mail:
            self.mail.wait_ready()

    def _start_services(self, wanted: Mapping[str, str]) -> None:
        around = self._surroundings()
        with step("services"):
            for name, service in wanted.items():
                self.parts[name] = services.Service(
                    name, service, around, self.log(name), self.extra_env[service], self.commands.get(service)
                )
                self.parts[name].launch()
            for name in wanted:
                self.parts[name].wait_ready()

    def _surroundings(self) -> services.Surroundings:
        return services.Surroundings(
            self._environ, self.keys, self.ports, self.admin_url, self.kafka_bootstrap, self.smtp_url
        )
