"""An embedded Apache Kafka: one node, KRaft, broker and controller in one process, on loopback.

Acknowledged records are in the page cache: safe against killed processes, not against a power cut. Production
replicates instead (docs/architecture.md).
"""

import base64
import shutil
import socket
import struct
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.local import jars, java
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.processes import Child, checked, run

HEAP = ("-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
"""


class Kafka:
    """One broker whose log lives below `run_dir`."""

    def __init__(self, run_dir: Path, ports: Ports, environ: Mapping[str, str]) -> None:
        self._folder = run_dir / "kafka"
        self._ports = ports
        self._environ = environ
        self._java: list[str] = []
        self.version = jars.KAFKA_VERSION
        self.child = Child("kafka", [], run_dir / "logs" / "kafka.log")

    def prepare(self) -> None:
        """Find Java, fetch and verify the jars, format the log folder when there is none. Raises StackError."""
        found = java.find(self._environ)
        class_path = jars.class_path(self._environ)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(LOGGING)
        self._java = [
            found.program, *HEAP, *found.flags(), "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}", "-cp", class_path,
        ]  # fmt: skip
        if not (self._folder / "data").exists():
            self._format()

    def launch(self) -> None:
        """Start the broker."""
        properties = self._folder / "server.properties"
        properties.write_text(self._properties(self._folder / "data"))
        self.child.argv = [*self._java, "kafka.Kafka", str(properties)]
        self.child.start()

    def wait_ready(self) -> None:
        """Wait until the broker answers clients. Raises StackError."""
        self.child.wait_ready(lambda: answers(self._ports.get("kafka")), timeout=60)

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{LOOPBACK}:{self._ports.get('kafka')}"

    def _format(self) -> None:
        """Format a scratch folder, renamed when whole: an interruption leaves nothing half made."""
        scratch = self._folder / "formatting"
        shutil.rmtree(scratch, ignore_errors=True)
        properties = self._folder / "format.properties"
        properties.write_text(self._properties(scratch))
        command = ["kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(properties)]
        checked("Formatting Kafka's log folder", run([*self._java, *command]))
        scratch.rename(self._folder / "data")

    def _properties(self, data: Path) -> str:
        broker, controller = self._ports.get("kafka"), self._ports.get("kafka_controller")
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "listeners": f"CLIENTS://{LOOPBACK}:{broker},QUORUM://{LOOPBACK}:{controller}",
            "advertised.listeners": f"CLIENTS://{LOOPBACK}:{broker}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,QUORUM:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
            "controller.listener.names": "QUORUM",
            "log.dirs": data,
            # A topic is made with its partition count by `amends topics`, never by a first reader.
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # After kill -9 a broker waits until its old session has expired.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # Memory of a small machine: the cleaner's buffer alone is 128 MiB by default.
            "log.cleaner.dedupe.buffer.size": 4 << 20,
            "log.index.size.max.bytes": 1 << 20,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def answers(port: int) -> bool:
    """True when a broker answers an ApiVersions request: it does so only once it serves clients."""
    client = b"amends-local"
    request = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(10)
    except OSError:
        return False
    # size, correlation id, error code
    return len(head) == 10 and struct.unpack(">ih", head[4:]) == (1, 0)


def _cluster_id() -> str:
    """22 characters of URL-safe base64; one that began with a dash would be read as an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return name
