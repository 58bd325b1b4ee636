"""PromQL in the two forms that our numbers need: what was gained in a window, and what stands now.

Totals never restart and one replica shows them, so the gain is the difference of two readings, exact to the unit;
`increase` would extrapolate and lose what a new leader shows. The labels of a replica are taken out first.
"""

REPLICA = "instance, pod, job, container, endpoint, node"
NAMESPACE = 'namespace=~"$namespace"'


def eq(label: str, value: str) -> str:
    """A matcher for exactly this value."""
    return f'{label}="{value}"'


def where(*matchers: str, tier: bool = False, channel: bool = False) -> str:
    """The label matchers of a series: ours, and those of the dashboard's variables."""
    found = [NAMESPACE, *matchers]
    found += ['tier=~"$tier"'] if tier else []
    found += ['channel=~"$channel"'] if channel else []
    return "{" + ", ".join(found) + "}"


def gained(metric: str, window: str, at: str) -> str:
    """By how much totals grew within a window, per label set."""
    series = f"{metric}{at}"
    return f"(max without ({REPLICA}) ({series}) - min without ({REPLICA}) (min_over_time({series}[{window}])))"


def summed(metric: str, window: str, at: str, *by: str) -> str:
    """The same, added up by these labels."""
    labels = f" by ({', '.join(by)})" if by else ""
    return f"sum{labels} ({gained(metric, window, at)})"


def now(metric: str, at: str, *by: str) -> str:
    """What stands now, as the leader read it, added up by these labels."""
    labels = f" by ({', '.join(by)})" if by else ""
    return f"sum{labels} (max without ({REPLICA}) ({metric}{at}))"


def age(metric: str, at: str, *by: str) -> str:
    """How long ago the oldest of these moments was, in seconds; one that does not wait is as old as its reading."""
    labels = f" by ({', '.join(by)})" if by else ""
    return f"time() - min{labels} (max without ({REPLICA}) ({metric}{at}))"


def quantile(q: float, metric: str, window: str, at: str, *by: str) -> str:
    """A quantile of what a total's distribution gained in a window; nothing when it gained nothing."""
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({q}, sum by ({labels}) ({gained(f'{metric}_bucket', window, at)})) > -Inf"


def share(part: str, whole: str) -> str:
    """A part of a whole; nothing (not 100 %) when the whole is nothing."""
    return f"({part}) / ({whole} > 0)"
