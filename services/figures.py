"""docs/metrics.md: every metric with its meaning and the question it answers, from the code that moves it.

`python -m services.figures` writes it; a test compares it with what is committed. Stands on the roof like the command
line: no service imports it.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from prometheus_client.metrics import MetricWrapperBase

from shared.base import telemetry
from shared.base.measures import CATALOG, Measure
from shared.deliver import webhooks
from shared.events.catalog import SERVICES
from shared.spine import collector
from shared.spine.figures import Distribution, State, Total

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
INTRODUCTION = """# Metrics

Each service shows its metrics at `/metrics`. Generated from the code by `python -m services.figures`.

**Where a number comes from** decides how it is read:

- *process*: this replica alone, from its start. Add replicas with `sum`, use `rate` and `increase` as usual.
- *totals*: counted in the database, in the transaction that makes the thing true, since the first day. No crash loses
  or doubles one. One replica of a service, the leader, shows them; use `max`, never `sum`. As they never restart, what
  was gained in a window is exact: `max(x) - min(min_over_time(x[28d]))`, per label. The dashboards use this form.
- *state*: what stands in the database now, read by the same leader every few seconds; `max` again. A moment in time is
  shown as seconds since 1970, so that `time() - x` grows although nobody collects; when nothing waits it is the time of
  reading.

`amends_state_collected_timestamp_seconds` says how fresh totals and states are. When a leader ends, another replica
takes over within 30 seconds. Label values that are listed exist at 0 from the first reading on.

**Figures that can be made to look good stand in pairs**: the share of breaches with how late and the oldest; resolved
at first contact with what customers say; promises kept with promises per upheld case and the days given; not upheld
with overturned; attainment with the paused share; closed with withdrawn, without answer, and reopened.

**Probes** (ours, and mystery customers) are part of no total, of nothing counted as accepted and of no figure for
first contact. They are part of the account of what was seen; and what is open, due or waiting counts a mystery
customer like anybody, or a board would give away who it is.
"""
HEAD = "| metric | type | from | labels | meaning | answers |\n|---|---|---|---|---|---|"


def of_module(module: ModuleType) -> Iterator[Measure]:
    """What a module declares, in its order."""
    for value in vars(module).values():
        if isinstance(value, (Total, Distribution, State)):
            yield value.measure
        elif isinstance(value, MetricWrapperBase):
            family = next(iter(value.describe())).name
            yield CATALOG.get(family) or CATALOG[f"{family}_total"]


def by_service() -> dict[str, list[Measure]]:
    """What every service has, then what each has of its own."""
    shared = [m for module in (telemetry, collector, webhooks) for m in of_module(module)]
    found = {"Every service": shared}
    for service in SERVICES:
        found[service] = list(of_module(import_module(f"services.{service}.metrics")))
    return found


def page() -> str:
    """The page as it is committed."""
    lines = [INTRODUCTION]
    for title, measures in by_service().items():
        lines += [f"## {title}", "", HEAD, *(_row(m) for m in measures), ""]
    return "\n".join(lines)


def _row(measure: Measure) -> str:
    labels = "; ".join(
        f"`{label}`: {', '.join(values)}" if values else f"`{label}`" for label, values in measure.labels.items()
    )
    return " | ".join(
        (f"| `{measure.name}`", measure.kind, measure.kept, labels or "none", measure.meaning, f"{measure.answers} |")
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
