"""PostgreSQL with continuous backup as the runbook says: a base backup, and a receiver that has every commit first."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from deploy.local.keys import Keys
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.postgres import ADMIN, Postgres
from deploy.local.processes import Child

SLOT = "amends_backup"


class Backed:
    """A server, its log receiver and its backups, all below one folder."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder, self.keys = folder, keys
        self.server = Postgres(
            folder, Ports(folder / "ports.json", None), keys.postgres_admin, durable=False, environ=os.environ
        )
        self.receiver: Child | None = None
        self._received = 0

    def start(self) -> None:
        """The server, and the receiver without which nothing commits."""
        self.server.prepare()
        self.server.launch()
        self.server.wait_ready()
        self.receive()
        self._sql("ALTER SYSTEM SET synchronous_standby_names = 'pg_receivewal'")
        self._sql("SELECT pg_reload_conf()")

    def receive(self) -> Path:
        """Start a receiver into a folder of its own; gives the folder."""
        self._received += 1
        log = self.folder / f"wal-{self._received}"
        log.mkdir()
        self._run("pg_receivewal", "-d", self._conninfo(), "-S", SLOT, "--create-slot", "--if-not-exists")
        command = [self._program("pg_receivewal"), "-D", str(log), "-d", self._conninfo(), "-S", SLOT, "--synchronous"]
        self.receiver = Child("receiver", [*command, "--no-loop"], self.folder / "receiver.log")
        self.receiver.env = {**os.environ, "PGPASSWORD": self.keys.postgres_admin}
        self.receiver.start()
        return log

    def base_backup(self, name: str) -> Path:
        """A base backup while the server works."""
        target = self.folder / name
        self._run(
            "pg_basebackup", "-D", str(target), "-d", self._conninfo(), "-X", "none", "-c", "fast", "--no-manifest"
        )
        return target

    def lose_everything(self) -> None:
        """The server dies with its disk; what the receiver has is all there is."""
        self.server.child.kill()
        assert self.receiver is not None
        deadline = time.monotonic() + 10
        while self.receiver.running and time.monotonic() < deadline:
            time.sleep(0.05)
        self.receiver.stop()
        shutil.rmtree(self.server.data)

    def restore(self, backup: Path, log: Path, *, until: str = "") -> None:
        """The backup in the lost server's place, brought up to the last commit or to `until` (a recovery target)."""
        target = self.server.data
        shutil.copytree(backup, target)
        fetch = f"cp {log}/%f %p 2>/dev/null || cp {log}/%f.partial %p"
        with (target / "postgresql.auto.conf").open("a") as conf:
            conf.write(f"restore_command = '{fetch}'\nsynchronous_standby_names = ''\n{until}\n")
        (target / "recovery.signal").touch()
        for path in (target, *target.rglob("*"), log, *log.iterdir()):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if self.server._account.uid >= 0:
                os.chown(path, self.server._account.uid, self.server._account.gid)
        self.server.launch()
        self.server.wait_ready()
        deadline = time.monotonic() + 30
        while self._sql("SELECT pg_is_in_recovery()") != "f":
            assert time.monotonic() < deadline, "still in recovery"
            time.sleep(0.1)

    def _conninfo(self) -> str:
        return f"host={LOOPBACK} port={self.server.port} user={ADMIN} dbname=postgres application_name=pg_receivewal"

    def _sql(self, statement: str) -> str:
        return self._run("psql", "-d", self._conninfo(), "-Atc", statement).strip()

    def _program(self, name: str) -> str:
        return str(self.server._bin / name)

    def _run(self, name: str, *arguments: str) -> str:
        env = {**os.environ, "PGPASSWORD": self.keys.postgres_admin}
        done = subprocess.run(
            [self._program(name), *arguments], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout
