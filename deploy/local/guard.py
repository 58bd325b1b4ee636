"""Start one program that must not outlive its launcher: ask for a signal at the parent's death, then become it.

    python -I -S guard.py PARENT_PID SIGNAL UID GID PROGRAM [ARGUMENT...]

PROGRAM is a path. UID and GID of -1 keep the account; nothing is imported once it has changed, because the new one may
not be allowed to read Python's own files. A separate small program, because the request has to be made between fork and
exec, after the account has changed (changing it clears the request), and Python code there is unsafe with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    parent, death_signal, uid, gid = (int(value) for value in argv[1:5])
    program = argv[5:]
    if gid >= 0:
        os.setgroups([])
        os.setgid(gid)
    if uid >= 0:
        os.setuid(uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the launcher has already ended")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execv(program[0], program)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv)
