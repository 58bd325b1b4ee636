"""The chart on a real cluster: `make cluster-test`.

KUBECONFIG names the cluster, IMAGE the image as its nodes have it, HOST_ADDRESS this machine as its pods reach it:
PostgreSQL, Kafka and a mail server run here, outside the cluster. Everything happens in two namespaces of its own,
which are removed at the end. Prints a table; exit 1 when a step failed.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from deploy.local.demo import samples
from shared.events.catalog import SERVICES
from tests.chart.generate import CHART
from tests.cluster.facts import facts, unsettled
from tests.cluster.handbook import on_pods, rotate
from tests.cluster.kube import Kube
from tests.cluster.outside import servers
from tests.cluster.table import Refuted, Table, expect, wait_until
from tests.cluster.trial import RELEASE, Trial

ROOT = CHART.parents[2]
TOPIC = "complaints.v1"
HOG = "import time; x = bytearray(900 << 20); time.sleep(5)"
SAMPLES = sum(len(samples.records(name)) for name in samples.FILES) + len(list(samples.emails()))
SPIN = "import time; end = time.time() + 120\nwhile time.time() < end: pass"
SPINS = 5  # on a busy machine one gets little of a processor


def sample_files() -> dict[str, Path]:
    """What sends the samples, and the samples, as they stand in the project."""
    demo = [ROOT / "deploy/local/demo" / f"{name}.py" for name in ("__init__", "sender", "samples")]
    packages = [ROOT / "deploy" / name / "__init__.py" for name in (".", "local")]
    found = [*packages, *demo, *(ROOT / "samples").glob("*.jsonl"), *(ROOT / "samples/emails").glob("*.eml")]
    return {
        "play.py": Path(__file__).with_name("play.py"),
        **{str(f.resolve().relative_to(ROOT)): f for f in found},
    }


def first_chart(folder: Path) -> Path:
    """The chart as it was first committed."""
    found = subprocess.run(
        ["git", "log", "--diff-filter=A", "--format=%H", "--", "deploy/k8s/amends/Chart.yaml"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()[-1]  # fmt: skip
    packed = subprocess.run(["git", "archive", found, "deploy/k8s/amends"], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "deploy/k8s/amends"


def install(table: Table, trial: Trial) -> None:
    kube = trial.kube
    with table.step('the namespace enforces "restricted": a pod as root is refused') as said:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}}
        spec = {"containers": [{"name": "main", "image": "any", "securityContext": {"runAsUser": 0}}]}
        code, answer = kube.run("create", "-f", "-", stdin=pod | {"spec": spec}, check=False)
        expect(code != 0 and "violates PodSecurity" in answer, answer[:200])
        said.append("violates PodSecurity")
    with table.step('helm install --wait of the first chart, in a namespace that enforces "restricted"') as said:
        trial.upgrade(f"image.tag={trial.before}", chart=first_chart(trial.folder))
        said.append(", ".join(f"{name} {len(kube.ready(name))} ready" for name in SERVICES))
    with table.step("complaints while it is upgraded to this chart, every pod replaced") as said:
        before = {name: set(kube.ready(name)) for name in SERVICES}
        with trial.complaints(150, 4) as report:
            trial.upgrade('defaults.podAnnotations={"example.com/rolled": "1"}')
        expect(all(not before[name] & set(kube.ready(name)) for name in SERVICES), "some pods stayed")
        said.append(trial.judge(report, 150))
    with table.step("helm test: ready, complaint-roundtrip") as said:
        kube.helm("test", RELEASE, "--timeout", "180s")
        mails = [mail for mail in trial.outside.mail.messages(brief=True) if mail["to"] == ["probe@example.com"]]
        expect(len(mails) == 1, f"{len(mails)} mails caught")
        said.append("acknowledgement caught at the mail server")
    with table.step("the sample complaints by web, hotline and e-mail through the Service") as said:
        trial.start("samples", "samples", ["python", "/checks/play.py", f"http://{RELEASE}-intake:8000"])
        became = trial.report("samples", 180)
        refused = {what: number for what, number in became.items() if "refused" in what}
        expect(not refused and sum(became.values()) == SAMPLES, f"{sum(became.values())} of {SAMPLES}, {refused}")
        wait_until(lambda: not unsettled(trial.outside), 120, "some samples are not triaged or not answered")
        said.append(", ".join(f"{number} {what}" for what, number in sorted(became.items())))


def break_things(table: Table, trial: Trial) -> None:
    kube = trial.kube
    with table.step("upgrade to an image that does not exist: keeps serving, --atomic rolls back") as said:
        with trial.complaints(40, 1) as report:
            said.append(
                trial.upgrade(
                    'image.tag="no-such"', "jobs.migrate=false", 'kafka.topicBy="none"',
                    options=("--atomic", "--timeout", "40s"), check=False,
                ).strip().splitlines()[-1][:120]
            )  # fmt: skip
        status = json.loads(kube.helm("status", RELEASE, "-o", "json")[1])
        expect(status["info"]["status"] == "deployed", status["info"]["status"])
        expect("Rollback" in status["info"]["description"], status["info"]["description"])
        said.append(trial.judge(report, 40))
    with table.step("helm rollback to the version before while complaints come in, then forward again") as said:
        with trial.complaints(100, 2) as report:
            kube.helm("rollback", RELEASE, "1", "--wait", "--timeout", "240s")
            said.append(f"revision 1: {kube.images('intake')}")
        said.append(trial.judge(report, 100))
        trial.upgrade()
        said.append(f"forward: {kube.images('intake')}")
    with table.step("pods killed while complaints come in: all four services, one after the other") as said:
        with trial.complaints(80, 3) as report:
            for name in SERVICES:
                kube.run("delete", "pod", kube.ready(name)[0], "--force", "--grace-period=0")
                wait_until(lambda n=name: bool(kube.ready(n)), 90, f"{name} did not come back")
        said.append(trial.judge(report, 80))
    with table.step("an eviction that the budget allows, and one that it refuses") as said:
        wait_until(lambda: len(kube.ready("intake")) == 2, 90, "two pods of intake are not ready")
        one, other = kube.ready("intake")
        expect(kube.evict(one), "the first was refused")
        expect(not kube.evict(other), "the second was granted while the first was away")
        wait_until(lambda: len(kube.ready("intake")) == 2, 90, "the evicted pod was not replaced")
        expect(kube.evict(other), "refused although two pods were ready")
        said.append("granted, refused while one pod was away, granted again")
    with table.step("more memory than the limit: killed, back, nothing lost") as said:
        pod = kube.ready("notifier")[0]
        with trial.complaints(30, 2) as report:
            code, _ = kube.run("exec", pod, "--", "python", "-c", HOG, check=False)
            expect(code != 0, "900 MiB were allowed in 512")
        said.append(f"exit code {code}; {trial.judge(report, 30)}")


def network(table: Table, trial: Trial) -> None:
    kube, outside = trial.kube, trial.outside
    trial.foreign.start("stranger", ["python", "-c", "import time; time.sleep(3600)"], labels={"app": "stranger"})
    wait_until(lambda: trial.foreign.phase("stranger") == "Running", 60, "the stranger did not start")
    services = {s["metadata"]["name"]: s["spec"]["clusterIP"] for s in kube.get("services")}
    api = kube.run("get", "service", "kubernetes", "--namespace=default", "-o", "jsonpath={.spec.clusterIP}")[1]
    pods = {name: kube.ready(name)[0] for name in SERVICES}
    # That the stranger can connect at all is tried too: a refusal says nothing of one who never could.
    flows: list[tuple[Kube, str, str, int, bool]] = [
        (trial.foreign, "stranger", outside.host, outside.ports["postgres"], True)
    ]
    for name in SERVICES:
        flows += [
            (kube, name, outside.host, outside.ports["postgres"], True),
            (kube, name, outside.host, outside.ports["kafka"], True),
            (kube, name, outside.host, outside.ports["smtp"], name == "notifier"),
            (kube, name, api, 443, False),
            (trial.foreign, "stranger", services[f"{RELEASE}-{name}"], 8000, False),
        ]

    # Whether a person's sign-in is still good, all ask routing; routing alone fetches from intake what customers sent.
    flows += [(kube, name, services[f"{RELEASE}-routing"], 8000, True) for name in SERVICES if name != "routing"]
    flows += [(kube, n, services[f"{RELEASE}-intake"], 8000, n == "routing") for n in SERVICES if n != "intake"]

    def tried(flows: list[tuple[Kube, str, str, int, bool]]) -> str:
        wrong = [
            f"{source} → {host}:{port} is {'refused' if allowed else 'open'}"
            for where, source, host, port, allowed in flows
            if where.connects(pods.get(source, source), host, port) is not allowed
        ]
        expect(not wrong, "; ".join(wrong))
        return f"{len(flows)} connections tried, {sum(f[4] for f in flows)} allowed"

    with table.step("network policies, both ways, from a foreign pod too") as said:
        said.append(tried(flows))
    with table.step("a pager is given: escalation alone reaches it") as said:
        host, port = outside.host, outside.ports["smtp"]  # stands for the receiver: nobody but the notifier reached it
        peers = json.dumps({"peers": [{"ipBlock": {"cidr": f"{host}/32"}}], "port": port})
        trial.upgrade(
            f'pager.url="http://{host}:{port}/"', 'pager.format="alertmanager"', f"networkPolicy.pager={peers}"
        )
        pods = {name: kube.ready(name)[0] for name in SERVICES}
        time.sleep(3)  # policies may need a moment to be known
        said.append(tried([(kube, s, host, port, s in ("escalation", "notifier")) for s in SERVICES]))


def scale(table: Table, trial: Trial) -> None:
    kube, name = trial.kube, "the HPA adds pods under load and stays within its bounds"
    if kube.run("get", "--raw", "/apis/metrics.k8s.io/v1beta1/pods", check=False)[0]:
        table.skip(name, "the cluster has no metrics server")
        return
    with table.step(name) as said:
        scaling = {"by": "hpa", "min": 1, "max": 3, "cpuPercent": 50, "calmSeconds": 0}
        requests = {"requests": {"cpu": "400m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}
        trial.upgrade(
            f"services.routing.autoscaling={json.dumps(scaling)}", f"services.routing.resources={json.dumps(requests)}"
        )
        calm = wait_until(lambda: kube.cpu_percent(f"{RELEASE}-routing") in range(50), 240, "never calm")
        wait_until(lambda: len(kube.pods("routing")) == 1, 240, "more pods than one without load")
        said.append(f"one pod, calm after {calm:.0f} s")
        loops = f"for n in $(seq {SPINS}); do python -c '{SPIN}' >/dev/null 2>&1 & done"
        kube.run("exec", kube.ready("routing")[0], "--", "sh", "-c", loops)
        took = wait_until(lambda: len(kube.ready("routing")) >= 2, 240, "no second pod")
        said.append(f"{len(kube.ready('routing'))} pods {took:.0f} s after the load began")
        expect(len(kube.pods("routing")) <= 3, "more than max")
        took = wait_until(lambda: len(kube.pods("routing")) == 1, 360, "the load is gone and the pods are not")
        said.append(f"one again {took:.0f} s later")


@contextmanager
def strimzi(kube: Kube) -> Iterator[str]:
    """Kubernetes knows Strimzi's topics for a while, though nobody makes them; gives the name of their kind."""
    # Its form is checked by `make chart-test`.
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {
        "group": "kafka.strimzi.io", "scope": "Namespaced",
        "names": {"kind": "KafkaTopic", "plural": "kafkatopics", "singular": "kafkatopic"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
    }  # fmt: skip
    metadata = {"name": "kafkatopics.kafka.strimzi.io"}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": metadata}
    kube.run("apply", "-f", "-", stdin=crd | {"spec": spec})
    try:
        kube.run("wait", "--for=condition=Established", f"crd/{metadata['name']}", "--timeout=60s")
        yield metadata["name"]
    finally:
        kube.run("delete", "crd", metadata["name"], check=False)


def leave(table: Table, trial: Trial) -> None:
    kube = trial.kube
    kinds = "all,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers"

    def left(*more: str) -> list[str]:
        found = kube.get(",".join((kinds, *more)), "-l", f"app.kubernetes.io/instance={RELEASE}")
        return sorted(f"{one['kind']} {one['metadata']['name']}" for one in found)

    name = "helm uninstall leaves what resource-policy keep says, and nothing else"
    with table.step(name) as said, strimzi(kube) as crd:
        trial.upgrade('kafka.topicBy="strimzi"', 'kafka.strimzi.cluster="kafka"', "jobs.asHooks=false")
        kept = sorted(f"KafkaTopic {topic}" for topic in (TOPIC, f"{TOPIC}.parked"))
        expect([one for one in left(crd) if one.startswith("KafkaTopic")] == kept, "the topics are not there")
        kube.helm("uninstall", RELEASE, "--wait", "--timeout", "120s")
        try:
            wait_until(lambda: left(crd) == kept, 60, "something else is left")
        except Refuted:
            raise Refuted(", ".join(left(crd))) from None
        said.append(f"left: {', '.join(kept)}")
    with table.step("all complaints of the run are held once") as said:
        seen = facts(trial.outside)
        expect(not seen.lost(trial.accepted) and not seen.doubled(), "lost or doubled")
        said.append(f"{len(trial.accepted)} complaints, {sum(seen.mails.values())} mails")


def main() -> int:
    given = {name: os.environ.get(name, "") for name in ("KUBECONFIG", "IMAGE", "HOST_ADDRESS")}
    if missing := [name for name, value in given.items() if not value]:
        print(f"amends: {', '.join(missing)} must be set: see deploy/k8s/README.md", file=sys.stderr)
        return 2
    table = Table()
    kube, foreign = Kube("amends-test", given["IMAGE"]), Kube("amends-test-foreign", given["IMAGE"])
    with tempfile.TemporaryDirectory() as folder, servers(given["HOST_ADDRESS"]) as outside:
        try:
            for each in (kube, foreign):
                each.make_namespace()
            kube.config("client", {"client.py": Path(__file__).with_name("client.py")})
            kube.config("samples", sample_files())
            before = os.environ.get("IMAGE_BEFORE") or given["IMAGE"]
            trial = Trial(kube, foreign, outside, Path(folder), given["IMAGE"], before)
            for part in (install, on_pods, break_things, rotate, network, scale, leave):
                part(table, trial)
        finally:
            kube.helm("uninstall", RELEASE, check=False)
            for each in (kube, foreign):
                each.run("delete", "namespace", each.namespace, "--wait=false", check=False)
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
