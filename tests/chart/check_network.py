"""Who reaches whom, by the rules of Kubernetes' network policies: what is listed here, and nothing else."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.events.catalog import SERVICES
from tests.chart.support import Doc, of_kind, pods, render, rendered, selects

NAMESPACE = "service"


@dataclass(frozen=True)
class End:
    """A pod (labels, namespace) or an address outside the cluster."""

    name: str
    labels: Any = field(default_factory=dict, hash=False)
    namespace: str = NAMESPACE
    address: str = ""


def matches(peer: Doc, end: End) -> bool:
    """Whether a peer of a rule means this end."""
    if block := peer.get("ipBlock"):
        if not end.address:
            return False
        address = ipaddress.ip_address(end.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(cidr) for cidr in block.get("except", []))
    if end.address:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": end.namespace}):
            return False
    elif end.namespace != NAMESPACE:
        return False
    return selects(peer.get("podSelector", {}), end.labels)


def allows(policies: list[Doc], direction: str, pod: End, other: End, port: int, protocol: str) -> bool:
    """Whether the policies that choose `pod` let it talk with `other` in a direction."""
    if pod.address or pod.namespace != NAMESPACE:
        return True
    mine = [
        p["spec"]
        for p in policies
        if selects(p["spec"]["podSelector"], pod.labels) and direction.capitalize() in p["spec"]["policyTypes"]
    ]
    if not mine:
        return True
    side = "from" if direction == "ingress" else "to"
    for rule in (rule for spec in mine for rule in spec.get(direction, [])):
        ports = rule.get("ports")
        on_port = not ports or any(
            {"http": 8000}.get(p["port"], p["port"]) == port and p.get("protocol", "TCP") == protocol for p in ports
        )
        if on_port and (not rule.get(side) or any(matches(peer, other) for peer in rule[side])):
            return True
    return False


def reaches(policies: list[Doc], a: End, b: End, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection from `a` to `b` is let out and in."""
    return allows(policies, "egress", a, b, port, protocol) and allows(policies, "ingress", b, a, port, protocol)


OUTSIDE = [
    End("database", address="10.30.0.10"),
    End("another database", address="10.30.0.11"),
    End("kafka", address="10.30.1.7"),
    End("mail", address="10.30.2.25"),
    End("pager", address="10.30.4.9"),
    End("webhooks", address="10.30.5.20"),
    End("identity provider", address="10.30.3.44"),
    End("collector", address="10.40.0.1"),
    End("office", address="10.20.0.1"),
    End("guest network", address="10.20.99.1"),
    End("internet", address="192.0.2.1"),
    End("dns", {"k8s-app": "kube-dns"}, "kube-system"),
    End("another in kube-system", {"k8s-app": "other"}, "kube-system"),
    End("prometheus", {"app.kubernetes.io/name": "prometheus"}, "monitoring"),
    End("another in monitoring", {"app": "x"}, "monitoring"),
    End("ingress", {"app": "ingress"}, "ingress"),
    End("foreign pod", {"app": "x"}, "elsewhere"),
    End("foreign pod that calls itself a test", {"app.kubernetes.io/component": "test"}, "elsewhere"),
    End("neighbour", {"app": "x"}),
    End("another release", {"app.kubernetes.io/name": "amends", "app.kubernetes.io/instance": "b",
                            "app.kubernetes.io/component": "test"}),
]  # fmt: skip
PORTS = [(8000, "TCP"), (5432, "TCP"), (9092, "TCP"), (587, "TCP"), (25, "TCP"), (53, "UDP"), (53, "TCP"),
         (443, "TCP"), (4318, "TCP")]  # fmt: skip


def ours(docs: list[Doc]) -> list[End]:
    """The release's pods, one of each component."""
    found = {}
    for _, pod in pods(docs):
        labels = pod["metadata"]["labels"]
        found[labels["app.kubernetes.io/component"]] = End(labels["app.kubernetes.io/component"], labels)
    return list(found.values())


def flows(docs: list[Doc]) -> Iterator[tuple[str, str, int, str]]:
    """Every flow that is possible from or to the release's pods."""
    policies = of_kind(docs, "NetworkPolicy")
    mine = ours(docs)
    for a in [*mine, *OUTSIDE]:
        for b in [*mine, *OUTSIDE]:
            if a != b and (a in mine or b in mine):
                for port, protocol in PORTS:
                    if reaches(policies, a, b, port, protocol):
                        yield a.name, b.name, port, protocol


def expected() -> set[tuple[str, str, int, str]]:
    """The flows of ci/full-values.yaml, one by one."""
    found = {("ingress", "intake", 8000, "TCP"), ("office", "routing", 8000, "TCP")}
    # The promise page shows escalation's policy; desk and tracking page show the notifier's letters.
    found |= {("notifier", "mail", 587, "TCP"), ("intake", "escalation", 8000, "TCP")}
    found |= {("routing", "notifier", 8000, "TCP"), ("intake", "notifier", 8000, "TCP")}
    found.add(("routing", "intake", 8000, "TCP"))  # the files that customers sent
    found |= {("escalation", "pager", 443, "TCP")}
    found |= {("intake", "webhooks", 443, "TCP"), ("notifier", "webhooks", 443, "TCP")}
    found.add(("routing", "identity provider", 443, "TCP"))
    # Whether a person's sign-in is still good, routing alone knows.
    found |= {(service, "routing", 8000, "TCP") for service in SERVICES if service != "routing"}
    for service in SERVICES:
        found |= {
            ("test", service, 8000, "TCP"),
            ("prometheus", service, 8000, "TCP"),
            (service, "database", 5432, "TCP"),
            (service, "kafka", 9092, "TCP"),
            (service, "collector", 4318, "TCP"),
        }
    found |= {("migrate", "database", 5432, "TCP"), ("topics", "kafka", 9092, "TCP")}
    for pod in (*SERVICES, "migrate", "topics", "test"):
        found |= {(pod, "dns", 53, "UDP"), (pod, "dns", 53, "TCP")}
    return found


def test_exactly_the_listed_flows_are_possible() -> None:
    assert set(flows(rendered("full"))) == expected()


def test_without_named_peers_only_the_port_is_held() -> None:
    possible = set(flows(rendered("minimal")))
    assert ("intake", "internet", 5432, "TCP") in possible
    assert ("intake", "internet", 443, "TCP") not in possible
    assert ("routing", "internet", 587, "TCP") not in possible
    assert ("notifier", "internet", 587, "TCP") in possible
    assert ("migrate", "internet", 9092, "TCP") not in possible
    assert ("topics", "internet", 5432, "TCP") not in possible
    assert {a for a, b, _, _ in possible if b == "intake"} == {"test", "prometheus", "routing"}


def test_pager_and_webhooks_are_reached_only_when_they_are_switched_on() -> None:
    assert not [f for f in flows(rendered("minimal")) if f[2] == 443]
    on = render("minimal", 'pager.url="https://pager.example.com"', "networkPolicy.webhooks.enabled=true")
    assert {a for a, b, port, _ in flows(on) if (b, port) == ("internet", 443)} == {"escalation", "intake", "notifier"}
    inside = {"pager": {"url": "http://alertmanager.monitoring:9093/api/v2/alerts", "format": "alertmanager"},
              "networkPolicy": {"pager": {"port": 9093, "peers": [{"podSelector": {"matchLabels": {"app": "x"}},
                  "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]}}}  # fmt: skip
    policies = of_kind(render("minimal", over=inside), "NetworkPolicy")
    ends = {end.name: end for end in [*ours(rendered("minimal")), *OUTSIDE]}
    assert reaches(policies, ends["escalation"], ends["another in monitoring"], 9093)
    assert not reaches(policies, ends["escalation"], ends["internet"], 9093)
    assert not reaches(policies, ends["routing"], ends["another in monitoring"], 9093)


def test_without_policies_everything_is_possible() -> None:
    docs = render("minimal", "networkPolicy.enabled=false")
    assert of_kind(docs, "NetworkPolicy") == []
    assert ("foreign pod", "intake", 8000, "TCP") in set(flows(docs))


@pytest.mark.parametrize("gone", ["default-deny", "intake", "notifier", "test"])
def test_each_policy_counts(gone: str) -> None:
    docs = [
        d for d in rendered("full") if (d["kind"], d["metadata"]["name"]) != ("NetworkPolicy", f"complaints-{gone}")
    ]
    # Without its own policy a pod is still held by the one that denies everything, and the other way round.
    left = set(flows(docs))
    assert left <= expected()
    assert (left == expected()) is (gone == "default-deny")
