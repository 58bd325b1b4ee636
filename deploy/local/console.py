"""What the launcher says: progress and one-line errors on standard error, results on standard output."""

import errno
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StackError(RuntimeError):
    """Something the reader can mend: one line that says what is wrong and what to do."""


_writing = threading.Lock()


def say(text: str) -> None:
    """Print one line of progress."""
    with _writing:
        print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Print a result."""
    with _writing:
        print(text, flush=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say `name` with the seconds that the block took, once it has succeeded."""
    began = time.monotonic()
    yield
    say(f"  {name} ({time.monotonic() - began:.1f} s)")


def one_line(error: OSError) -> str:
    """The one line for an operating system's refusal, with what to do about a full disk."""
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}. Free some space (`make clean` removes this checkout's data) and start again."
    return f"{error.strerror or error}{where}"


class DownloadProgress:
    """Counts finished files and bytes; redraws one line on a terminal, prints a line every few seconds elsewhere."""

    def __init__(self, what: str, files: int) -> None:
        self._what = what
        self._files = files
        self._done = 0
        self._bytes = 0
        self._printed_at = 0.0
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()

    def file_done(self, size: int) -> None:
        """Count one finished and verified file of `size` bytes."""
        with self._lock:
            self._done += 1
            self._bytes += size
            self._draw(every=0.0 if self._done == self._files or self._terminal else 3.0)

    def _draw(self, every: float) -> None:
        now = time.monotonic()
        if now - self._printed_at < every:
            return
        self._printed_at = now
        text = f"  downloading {self._what}: {self._done}/{self._files} files, {self._bytes / 1e6:.1f} MB"
        last = self._done == self._files
        end = "\n" if last or not self._terminal else ""
        print(f"\r{text}" if self._terminal else text, file=sys.stderr, end=end, flush=True)
