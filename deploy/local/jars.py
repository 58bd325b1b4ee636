"""Kafka's jar files: pinned by SHA-256 in kafka.lock, fetched once into the user's cache, verified at every start.

The lock names no host. jgo, which fetches them, knows the public Maven repository; a mirror is given in
AMENDS_MAVEN_URL. The environment's proxy settings apply; what the system trusts (a company's own authority) is trusted.
"""

import hashlib
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import truststore

from deploy.local.console import DownloadProgress, StackError

LOCK = Path(__file__).with_name("kafka.lock")
# The second coordinate is the logging binding that Kafka leaves to its user. The "!" keeps log4j's own list of
# recommended versions from replacing kafka-clients by an older one.
ROOTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!")
KAFKA_VERSION = ROOTS[0].rsplit(":", 1)[1]


@dataclass(frozen=True)
class Jar:
    """One pinned file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The pinned jars. A line is `group:artifact:version sha256:hex`."""
    jars = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, digest = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, digest.removeprefix("sha256:")))
    return jars


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where downloads live: AMENDS_CACHE, else the user's cache folder. Raises StackError when there is no home."""
    if given := environ.get("AMENDS_CACHE"):
        return Path(given)
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base, "amends")
    try:
        return Path(environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir, ".cache", "amends")
    except KeyError:  # an account without an entry, as in some containers
        raise StackError(
            "This account has no home folder: name one in HOME, or a cache folder in AMENDS_CACHE."
        ) from None


def class_path(environ: Mapping[str, str]) -> str:
    """The Java class path of all pinned jars, fetching those that are missing or damaged.

    Raises StackError when a file cannot be fetched or is not the pinned one.
    """
    folder = cache_folder(environ) / f"kafka-{KAFKA_VERSION}"
    jars = read_lock()
    missing = [jar for jar in jars if not _is_good(folder / jar.file_name, jar)]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(missing, folder, environ.get("AMENDS_MAVEN_URL"))
    return os.pathsep.join(str(folder / jar.file_name) for jar in jars)


def _is_good(path: Path, jar: Jar) -> bool:
    return path.is_file() and _digest(path) == jar.sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(jars: list[Jar], folder: Path, mirror: str | None) -> None:
    """Fetch into a scratch folder, verify, then rename: an interrupted download leaves nothing that looks whole."""
    for left in folder.glob("partial-*"):
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    progress = DownloadProgress(f"Apache Kafka {KAFKA_VERSION}", len(jars))
    with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as scratch:
        pool = ThreadPoolExecutor(max_workers=4)
        truststore.inject_into_ssl()  # jgo's HTTP client alone would trust its own list of authorities only
        try:
            for done in as_completed([pool.submit(_fetch_one, jar, Path(scratch), folder, mirror) for jar in jars]):
                progress.file_done(done.result())
        finally:
            pool.shutdown(cancel_futures=True)
            truststore.extract_from_ssl()


def _fetch_one(jar: Jar, scratch: Path, folder: Path, mirror: str | None) -> int:
    from jgo.maven import MavenContext

    context = MavenContext(
        repo_cache=scratch, remote_repos={"mirror": mirror.rstrip("/")} if mirror else None, timeout=60
    )
    try:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        fetched = Path(component.artifact().resolve())
    except OSError as error:  # a full disk, and every failure of the HTTP client
        if error.errno is not None:
            raise
        raise StackError(_no_network(jar, type(error).__name__)) from error
    except RuntimeError as error:
        raise StackError(_no_network(jar, "the repository does not have it")) from error
    if _digest(fetched) != jar.sha256:
        raise StackError(f"{jar.file_name} is not the pinned file (SHA-256 differs): it was not kept. Try again.")
    fetched.replace(folder / jar.file_name)
    return (folder / jar.file_name).stat().st_size


def _no_network(jar: Jar, why: str) -> str:
    return (
        f"{jar.file_name} could not be downloaded ({why}): check the network, or name a Maven mirror in"
        " AMENDS_MAVEN_URL, or use a broker that runs already with AMENDS_KAFKA_BOOTSTRAP."
    )


def write_lock() -> int:
    """Resolve ROOTS anew and write kafka.lock (for an upgrade). Gives the number of jars."""
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=60)
        roots, others = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        lines = sorted(
            f"{file.groupId}:{file.artifactId}:{file.version} sha256:{_digest(Path(file.resolve()))}"
            for file in (dependency.artifact for dependency in [*roots, *others])
        )
    head = "# Apache Kafka's jars, pinned. Written by `python -m deploy.local relock` from jars.py.\n"
    LOCK.write_text(head + "\n".join(lines) + "\n")
    return len(lines)
