"""kubectl and helm on the cluster of KUBECONFIG, in one namespace."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.chart.tools import tool

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
HARD = {
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
}


class Failed(Exception):
    """A command ended with an error: its last lines."""


class Kube:
    """Commands in one namespace."""

    def __init__(self, namespace: str, image: str) -> None:
        self.namespace, self._image = namespace, image
        self._files: dict[str, list[dict[str, str]]] = {}

    def run(self, *arguments: str, stdin: Any = None, seconds: float = 120, check: bool = True) -> tuple[int, str]:
        """kubectl. Gives exit code, and what it printed. Raises Failed."""
        return self._call("kubectl", arguments, stdin, seconds, check)

    def helm(self, *arguments: str, seconds: float = 300, check: bool = True) -> tuple[int, str]:
        """Helm 3. Raises Failed."""
        return self._call("helm3", arguments, None, seconds, check)

    def _call(self, name: str, arguments: Any, stdin: Any, seconds: float, check: bool) -> tuple[int, str]:
        done = subprocess.run(
            [str(tool(name)), "--namespace", self.namespace, *arguments],
            input=json.dumps(stdin) if stdin is not None else None,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise Failed(f"{name} {arguments[0]}: " + " ".join((done.stderr or done.stdout).split())[-300:])
        return done.returncode, done.stdout + (done.stderr if done.returncode else "")

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        """Objects as JSON."""
        return list(json.loads(self.run("get", *arguments, "-o", "json")[1])["items"])

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a part of Amends that are not on their way out."""
        found = self.get("pods", "-l", f"app.kubernetes.io/component={component}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, component: str) -> list[str]:
        """The names of those that take traffic."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods(component)
            if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        ]

    def images(self, component: str) -> str:
        """The tags of the images that a part's pods have."""
        return ", ".join(sorted({p["spec"]["containers"][0]["image"].rpartition(":")[2] for p in self.pods(component)}))

    def cpu_percent(self, scaler: str) -> int | None:
        """The CPU use in percent of the request, as the autoscaler of this name sees it; None while it sees none."""
        found = json.loads(self.run("get", "hpa", scaler, "-o", "json")[1])
        for metric in found["status"].get("currentMetrics") or []:
            if metric and metric["type"] == "Resource":
                used: int | None = metric["resource"]["current"].get("averageUtilization")
                return used
        return None

    def make_namespace(self) -> None:
        """The namespace, which enforces the Pod Security Standard "restricted"."""
        metadata = {"name": self.namespace, "labels": RESTRICTED}
        self.run("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def start(self, name: str, command: list[str], *, labels: dict[str, str], env: Any = (), scripts: str = "") -> None:
        """A restricted pod of the image; `scripts` is a ConfigMap seen at /checks."""
        mounts = [{"name": "scripts", "mountPath": "/checks", "readOnly": True}] if scripts else []
        container = {"name": "main", "image": self._image, "command": command, "env": list(env), **HARD}
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{**container, "volumeMounts": mounts}],
            "volumes": [{"name": "scripts", "configMap": {"name": scripts, "items": self._files[scripts]}}]
            if scripts
            else [],
            "terminationGracePeriodSeconds": 1,
        }
        metadata = {"name": name, "labels": labels}
        self.run("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def config(self, name: str, files: Mapping[str, Path]) -> None:
        """A ConfigMap of files by the paths at which a pod sees them."""
        keys = {path: f"file-{n}" for n, path in enumerate(files)}
        self._files[name] = [{"key": key, "path": path} for path, key in keys.items()]
        data = {keys[path]: b64encode(file.read_bytes()).decode() for path, file in files.items()}
        self.run(
            "apply", "--server-side", "-f", "-",
            stdin={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "binaryData": data},
        )  # fmt: skip

    def phase(self, pod: str) -> str:
        """Where a pod stands in its life."""
        return self.run("get", "pod", pod, "-o", "jsonpath={.status.phase}")[1]

    def connects(self, pod: str, host: str, port: int) -> bool:
        """Whether a pod can open a connection. A policy may drop packets, so no answer within 3 s is a no."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 3).close()"
        return self.run("exec", pod, "--", "python", "-c", code, check=False)[0] == 0

    def evict(self, pod: str) -> bool:
        """Ask for an eviction as a drain does; False when a budget refuses it."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        code, said = self.run("create", "--raw", path, "-f", "-", stdin=body, check=False)
        if code and "disruption budget" not in said:
            raise Failed(said[-300:])
        return code == 0
