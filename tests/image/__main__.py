"""The image with the environment that the chart gives it: `python -m tests.image`.

Containers have no capabilities, a read-only root file system and the image's own user; PostgreSQL, Kafka and the mail
catcher are real. IMAGE: its name; ENGINE: docker or podman with its global options.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from deploy.local.ports import LOOPBACK
from shared.events.catalog import SERVICES
from tests.chart.generate import CHART
from tests.chart.support import component, of_kind, pods, render
from tests.cluster.facts import answered
from tests.cluster.outside import DEPLOYMENT, Outside, servers
from tests.cluster.table import Table, expect, wait_until

ENGINE = shlex.split(os.environ.get("ENGINE", "podman"))
HARD = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--network=host")
HERE = Path(__file__).parents[1]


def engine(*arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the container engine."""
    done = subprocess.run([*ENGINE, *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{arguments[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Containers:
    """The release that the chart would make, as containers of one image on this machine's network."""

    def __init__(self, image: str, outside: Outside) -> None:
        self._image, self._outside = image, outside
        values = {
            "deploymentId": DEPLOYMENT,
            "secret": {"name": "", "create": True, "values": outside.secret()},
            "kafka": {"bootstrap": outside.kafka, "replication": 1},
        }
        docs = render("minimal", over=values)
        self._pods = {component(doc): next(pods([doc]))[1]["spec"] for doc in of_kind(docs, "Deployment", "Job")}
        self.ports = {service: free_port() for service in SERVICES}
        self._run = f"amends-{os.getpid()}"

    def name(self, service: str) -> str:
        return f"{self._run}-{service}"

    def environment(self, part: str) -> dict[str, str]:
        """The chart's variables, with this machine's ports."""
        found = {}
        for entry in self._pods[part]["containers"][0]["env"]:
            source = entry.get("valueFrom", {}).get("secretKeyRef", {})
            if source and source["key"] not in self._outside.secret() and source.get("optional"):
                continue
            found[entry["name"]] = self._outside.secret()[source["key"]] if source else entry["value"]
        if part in self.ports:
            found |= {"AMENDS_HTTP_HOST": LOOPBACK, "AMENDS_HTTP_PORT": str(self.ports[part])}
        return found

    def once(self, env: Mapping[str, str], *command: str, mount: Path | None = None, check: bool = True) -> Any:
        """Run a command in a container of its own."""
        variables = [f"--env={name}={value}" for name, value in env.items()]
        volumes = [f"--volume={mount}:/checks:ro"] if mount else []
        return engine("run", "--rm", *HARD, *variables, *volumes, self._image, *command, check=check)

    def start(self, service: str) -> None:
        variables = [f"--env={name}={value}" for name, value in self.environment(service).items()]
        command = self._pods[service]["containers"][0]["command"]
        engine("run", "--detach", f"--name={self.name(service)}", *HARD, *variables, self._image, *command)

    def answers(self, service: str, path: str) -> bool:
        try:
            return httpx.get(f"{self.url(service)}{path}", timeout=3).status_code == 200
        except httpx.TransportError:
            return False

    def url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.ports[service]}"

    def remove(self) -> None:
        engine("rm", "--force", *(self.name(service) for service in SERVICES), check=False)


def look(table: Table, box: Containers) -> None:
    """The image by itself."""
    with table.step("runs as a numbered user without capabilities; only /tmp can be written") as said:
        script = "id -u; grep CapEff /proc/self/status; touch /tmp/a; ! touch /app/a 2>&- && ! touch /opt/a 2>&-"
        lines = box.once({}, "sh", "-c", script).stdout.split()
        expect(lines == ["10001", "CapEff:", "0" * 16], str(lines))
        said.append("user 10001, CapEff 0")
    with table.step("holds no tools of the workshop") as said:
        probe = "import importlib.util as u; print([n for n in ('pip','pytest','uv','jgo','mypy') if u.find_spec(n)])"
        expect(box.once({}, "python", "-c", probe).stdout.strip() == "[]", "found some")
    with table.step("refuses to start without its settings, in one line each") as said:
        done = box.once({}, "python", "-m", "services.intake", check=False)
        expect(done.returncode == 2 and "AMENDS_DATABASE_URL: is not set" in done.stderr, done.stderr[-200:])
        said.append(done.stderr.splitlines()[0])


def prepare(table: Table, box: Containers) -> None:
    """The two jobs."""
    with table.step("amends migrate makes four schemas, and again changes nothing") as said:
        first = box.once(box.environment("migrate"), "amends", "migrate").stdout
        expect(first == box.once(box.environment("migrate"), "amends", "migrate").stdout, "differs")
        said.append(first.replace("\n", "; ").strip("; "))
    with table.step("amends topics is repeatable and refuses another number of partitions") as said:
        box.once(box.environment("topics"), "amends", "topics")
        box.once(box.environment("topics"), "amends", "topics")
        other = box.once(box.environment("topics") | {"AMENDS_TOPIC_PARTITIONS": "24"}, "amends", "topics", check=False)
        expect(other.returncode == 1 and "not 24" in other.stderr, other.stderr)
        said.append(other.stderr.strip())


def serve(table: Table, box: Containers, outside: Outside) -> None:
    """The four services, and what `helm test` would do."""
    with table.step("four services are ready") as said:
        for service in SERVICES:
            box.start(service)
        for service in SERVICES:
            took = wait_until(lambda s=service: box.answers(s, "/readyz"), 60, f"{service} is not ready")
            expect(box.answers(service, "/healthz"), f"{service} is not healthy")
            said.append(f"{service} {took:.1f} s")
    key = {"AMENDS_TOKEN_KEY": outside.keys.token_key}
    scripts = CHART / "files/tests"
    with table.step("helm test: ready") as said:
        box.once({}, "python", "/checks/ready.py", *map(box.url, SERVICES), mount=scripts)
    with table.step("helm test: complaint-roundtrip") as said:
        mailbox = "probe@example.com"
        done = box.once(
            key, "python", "/checks/roundtrip.py", box.url("intake"), box.url("notifier"), mailbox, "60", mount=scripts
        )
        caught = [mail for mail in outside.mail.messages(brief=True) if mail["to"] == [mailbox]]
        expect(len(caught) == 1, f"{len(caught)} mails caught")
        said.append(done.stdout.strip().splitlines()[-1])
    with table.step("SIGTERM while complaints come in: drained within 30 s, nothing lost, nothing doubled") as said:
        sender = subprocess.Popen(
            [*ENGINE, "run", "--rm", *HARD, f"--env=AMENDS_TOKEN_KEY={outside.keys.token_key}",
             f"--volume={HERE / 'cluster'}:/checks:ro", box._image,
             "python", "/checks/client.py", box.url("intake"), "120", "15"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(4)
        for service in ("intake", "notifier"):
            started = time.monotonic()
            engine("stop", "--time=60", box.name(service))
            took = time.monotonic() - started
            code = engine("inspect", "--format={{.State.ExitCode}}", box.name(service)).stdout.strip()
            expect(took <= 30 and code == "0", f"{service}: {took:.1f} s, exit code {code}")
            engine("start", box.name(service))
            said.append(f"{service} ended in {took:.1f} s")
        report = json.loads(sender.communicate(timeout=120)[0])
        accepted = set(report["accepted"])
        expect(len(accepted) == 120 and not report["refused"] and not report["gave_up"], str(report)[-200:])
        seen = answered(outside, accepted, 60)
        expect(not seen.lost(accepted) and not seen.doubled(), f"lost {seen.lost(accepted)}, {seen.doubled()}")
        said.append(f"120 accepted and acknowledged once, {report['repeated']} requests repeated")


def main() -> int:
    image = os.environ.get("IMAGE", "")
    if not image:
        print("amends: IMAGE must be set: see deploy/k8s/README.md", file=sys.stderr)
        return 2
    table = Table()
    with servers() as outside:
        box = Containers(image, outside)
        try:
            look(table, box)
            prepare(table, box)
            serve(table, box, outside)
        finally:
            box.remove()
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
