"""Child processes: started in their own group, logged to a file, never outliving the launcher."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.console import StackError, one_line

ROOT = Path(__file__).resolve().parents[2]
DISK_FULL = os.strerror(errno.ENOSPC)
GUARD = Path(__file__).with_name("guard.py")

# The kernel signals a child when the *thread* that forked it ends, so one thread, as long-lived as the launcher, forks.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


@dataclass(frozen=True)
class Account:
    """The operating system's account that a child runs as; -1 keeps the launcher's."""

    uid: int = -1
    gid: int = -1


@dataclass
class Child:
    """One program of the stack. `start` and `stop` may be called again and again; calls are serialized.

    wanted: it was started and not asked to stop. started_at: monotonic seconds of the last start.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    account: Account = Account()
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    wanted: bool = False
    started_at: float = 0.0
    _process: "subprocess.Popen[bytes] | None" = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> None:
        """Start the program; nothing happens when it runs. Raises StackError when it cannot be started."""
        with self._lock:
            self.wanted = True
            if self.exit_code() is None and self._process is not None:
                return
            self._sweep()
            self.started_at = time.monotonic()
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                self._process = _spawner.submit(
                    subprocess.Popen,
                    guarded(self.argv, self.account, self.death_signal),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=ROOT,
                    start_new_session=True,
                ).result()

    @property
    def pid(self) -> int | None:
        """Process id of the running or last run, None before the first."""
        return None if self._process is None else self._process.pid

    def exit_code(self) -> int | None:
        """The exit code once the program has ended (negative: the signal), None while it runs or before its start."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """True while the program runs."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the stop signal without waiting; the program is no longer wanted."""
        self.wanted = False
        self._signal(self.stop_signal)

    def stop(self, timeout: float = 20.0) -> int | None:
        """Stop the program, by force after `timeout` seconds. Gives the exit code."""
        with self._lock:
            self.ask_to_stop()
            if self._process is not None:
                try:
                    self._process.wait(timeout)
                except subprocess.TimeoutExpired:
                    self.kill()
                self._sweep()
            return self.exit_code()

    def kill(self) -> None:
        """End the program and all of its group at once (SIGKILL) and reap it."""
        self.wanted = False
        if self.running:
            self._sweep()
        if self._process is not None:
            self._process.wait()

    def _sweep(self) -> None:
        """SIGKILL what is left of the last run's group: helpers do not outlive their program."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def wait_ready(self, ready: Callable[[], bool], timeout: float = 60.0, poll: float = 0.05) -> None:
        """Wait until `ready()` is true. Raises StackError when the program ends first or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.wanted:
                raise StackError(f"{self.name} was stopped before it was ready.")
            if not self.running:
                raise StackError(f"{self.name} ended at its start (exit {self.exit_code()}): {self.last_line()}")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready after {timeout:.0f} s: {self.last_line()}")
            time.sleep(poll)

    def last_line(self) -> str:
        """The last line of the log, with the log's path."""
        return f"{last_line(self.log)} (log: {self.log})"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def guarded(argv: Sequence[str], account: Account, death_signal: signal.Signals) -> list[str]:
    """The command line that runs `argv` under guard.py."""
    ids = [str(os.getpid()), str(int(death_signal)), str(account.uid), str(account.gid)]
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-I", "-S", str(GUARD), *ids, program, *argv[1:]]


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    account: Account = Account(),
    timeout: float = 120.0,
    given: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run a short program to its end, whatever its exit code; output is captured as text, `given` is its input.

    Raises StackError after `timeout` seconds.
    """
    try:
        return subprocess.run(
            guarded(argv, account, signal.SIGKILL),
            env=env,
            cwd=ROOT,
            text=True,
            capture_output=True,
            input=given,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"`{Path(argv[0]).name}` did not end within {timeout:.0f} s.") from error


def checked(what: str, done: "subprocess.CompletedProcess[str]") -> str:
    """The standard output of a program that must succeed. Raises StackError with its last line, OSError: disk full."""
    if done.returncode != 0:
        if DISK_FULL in done.stderr + done.stdout:
            raise OSError(errno.ENOSPC, DISK_FULL)
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise StackError(f"{what} failed (exit {done.returncode}): {said[-1].strip() if said else 'it said nothing'}")
    return done.stdout


def last_line(log: Path) -> str:
    """The last line of a log file that is not empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return one_line(error)
    return lines[-1].strip()[:300] if lines else "it said nothing"
