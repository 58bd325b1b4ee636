"""One run of the chart on a cluster: what it installs, and complaints that come in meanwhile."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chart.generate import CHART
from tests.cluster.facts import answered
from tests.cluster.kube import Kube
from tests.cluster.outside import DEPLOYMENT, Outside
from tests.cluster.table import expect, wait_until

RELEASE = "amends"


class Trial:
    """One run on the cluster."""

    def __init__(self, kube: Kube, foreign: Kube, outside: Outside, folder: Path, image: str, before: str) -> None:
        self.kube, self.foreign, self.outside, self.folder = kube, foreign, outside, folder
        self.before = json.dumps(before.rpartition(":")[2])
        self.accepted: set[str] = set()
        repository, _, tag = image.rpartition(":")
        only_here = [{"ipBlock": {"cidr": f"{outside.host}/32"}}]
        self._given: dict[str, Any] = {
            "deploymentId": DEPLOYMENT,
            "publicUrl": "https://complaints.example.com",
            "image": {"repository": repository, "tag": tag},
            "secret": {"create": True, "values": outside.secret()},
            "database": {"connectionLimit": 190},
            "kafka": {"bootstrap": outside.kafka, "replication": 1},
            "defaults": {
                "replicas": 1,
                "resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
            },
            "services": {"intake": {"replicas": 2}},
            "networkPolicy": {
                "dns": {"peers": []},
                "database": {"peers": only_here, "port": outside.ports["postgres"]},
                "kafka": {"peers": only_here, "port": outside.ports["kafka"]},
                "smtp": {"peers": only_here, "port": outside.ports["smtp"]},
            },
            "tests": {"email": "probe@example.com", "seconds": 90},
        }
        self.values = folder / "values.json"
        self.give()

    def give(self, **values: Any) -> None:
        """What the next upgrades are given, with these values in place of the present ones."""
        self._given |= values
        self.values.write_text(json.dumps(self._given))

    def upgrade(self, *sets: str, chart: Path = CHART, options: tuple[str, ...] = (), check: bool = True) -> str:
        """helm upgrade --install --wait."""
        given = [part for value in sets for part in ("--set-json", value)]
        command = ("upgrade", "--install", RELEASE, str(chart), "-f", str(self.values), "--wait", *given, *options)
        return self.kube.helm(*command, *(() if "--timeout" in options else ("--timeout", "240s")), check=check)[1]

    def start(self, name: str, scripts: str, command: list[str]) -> None:
        """A pod that may call the services, as `helm test` does, with the key that signs tokens."""
        labels = {
            "app.kubernetes.io/name": "amends",
            "app.kubernetes.io/instance": RELEASE,
            "app.kubernetes.io/component": "test",
        }
        secret = {"secretKeyRef": {"name": f"{RELEASE}-secrets", "key": "token-key"}}
        env = [{"name": "AMENDS_TOKEN_KEY", "valueFrom": secret}, {"name": "PYTHONPATH", "value": "/app:/checks"}]
        self.kube.start(name, command, labels=labels, env=env, scripts=scripts)
        wait_until(lambda: self.kube.phase(name) != "Pending", 60, f"{name} did not start")

    def report(self, name: str, seconds: float) -> dict[str, Any]:
        """The last line of a pod's output, when it has ended well."""
        wait_until(lambda: self.kube.phase(name) in ("Succeeded", "Failed"), seconds, f"{name} did not end")
        said = self.kube.run("logs", name)[1].strip().splitlines()
        expect(self.kube.phase(name) == "Succeeded", f"{name} failed: {said[-1:]}")
        self.kube.run("delete", "pod", name, "--wait=false")
        return dict(json.loads(said[-1]))

    @contextmanager
    def complaints(self, number: int, rate: float) -> Iterator[dict[str, Any]]:
        """Complaints come in through the Service while the block runs; afterwards the client's report is filled."""
        name = f"client-{int(time.time() * 10)}"
        command = ["python", "/checks/client.py", f"http://{RELEASE}-intake:8000", str(number), str(rate)]
        self.start(name, "client", command)
        report: dict[str, Any] = {}
        try:
            yield report
            report |= self.report(name, number / rate + 120)
        finally:  # a step that failed leaves nothing of its own behind
            self.kube.run("delete", "pod", name, "--ignore-not-found", "--wait=false", check=False)

    def judge(self, report: dict[str, Any], number: int) -> str:
        """Nothing lost, nothing doubled, everything acknowledged. Raises Refuted."""
        accepted = set(report["accepted"])
        self.accepted |= accepted
        bad = {key: report[key] for key in ("refused", "gave_up") if report[key]}
        expect(len(accepted) == number and not bad, f"{len(accepted)} of {number} accepted, {bad}")
        seen = answered(self.outside, accepted, 120)
        expect(not seen.lost(self.accepted), f"lost {len(seen.lost(self.accepted))}")
        expect(not seen.doubled(), f"doubled {seen.doubled()}")
        return f"{number} complaints accepted and acknowledged once, {report['repeated']} requests repeated"
