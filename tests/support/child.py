"""A service as a process whose functions are patched first: `python -m tests.support.child <service>`.

TEST_ROOM is a folder. Its file `patches` has one patch a line: `crash:<boundary>` or `crash:<boundary>@<n>` (the
process kills itself at the n-th passing; several are for its several lives, one each, in their order) and
`sabotage:<name>` (see sabotage.py). A crash leaves a file named after its boundary, so that it happens once and can be
seen; replicas that share a room share these deaths.

The service runs in a fork of this process, which has imported it and nothing else: no connection, no thread, no loop.
When the fork was killed, the next life begins at once and reads the patches anew. SIGHUP begins another life, politely.
"""

import ctypes
import importlib
import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType

from deploy.local.guard import PR_SET_PDEATHSIG
from tests.support import boundaries, sabotage

PATCHES = "patches"


def prepare(room: Path) -> None:
    """Patch this process. Raises ValueError for a patch that is not known."""
    deaths, wrongs = [], []
    file = room / PATCHES
    for patch in file.read_text().split() if file.exists() else ():
        kind, _, name = patch.partition(":")
        if kind == "crash":
            deaths.append(boundaries.Death.parse(name))
        elif kind == "sabotage":
            wrongs.append(sabotage.NAMED[name])
        else:
            raise ValueError(f"no patch {patch!r}")
    if deaths:
        boundaries.install(boundaries.Fate(room, deaths))
    for wrong in wrongs:  # around the boundaries: what it does too early happens before they are passed
        wrong()


def keep(module: str, room: Path) -> int:
    """Run the module in one fork after the other while they are killed; the exit code of the last."""
    again = False

    def forward(number: int, _: FrameType | None) -> None:
        nonlocal again
        again = number == signal.SIGHUP
        os.kill(life, signal.SIGTERM if again else number)

    while True:
        again = False
        life = os.fork()
        if not life:
            # The launcher's request holds for this process; a fork has to make its own.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            prepare(room)
            runpy.run_module(module, run_name="__main__")
            return 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, forward)
        code = os.waitstatus_to_exitcode(os.waitpid(life, 0)[1])
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if not again and code != -signal.SIGKILL:
            return code


def main() -> int:
    """Import, then live."""
    service = sys.argv[1]
    # Under a name of its own a member that comes back has its partitions at once; replicas differ by port.
    os.environ.setdefault("AMENDS_INSTANCE", f"{service}-{os.environ.get('AMENDS_HTTP_PORT', '0')}")
    module = "tests.support.scribe" if service == "scribe" else f"services.{service}"
    importlib.import_module(module if service == "scribe" else f"{module}.app")
    return keep(module, Path(os.environ["TEST_ROOM"]))


if __name__ == "__main__":
    sys.exit(main())
