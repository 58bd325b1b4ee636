"""An alert and a dashboard to look at how the chart carries them, beside those that it has."""

import json
from pathlib import Path

ALERTS = """groups:
  - name: sample
    interval: 30s
    rules:
      - alert: Slow
        expr: amends_sample > 1
        for: 5m
        labels: {severity: page}
        annotations:
          summary: '{{ $labels.tier }} is late by {{ $value }}'
      - alert: Stuck
        expr: amends_sample > 2
      - record: amends:sample
        expr: sum(amends_sample)
"""
DASHBOARD = {
    "title": "Sample",
    "panels": [{"title": "{{tier}} of ${datasource}", "targets": [{"expr": "amends_sample"}]}],
}


def put_into(chart: Path) -> None:
    """Add them to a copy of the chart."""
    for kind in ("alerts", "dashboards"):
        (chart / "files" / kind).mkdir(parents=True, exist_ok=True)
    (chart / "files/alerts/sample.yaml").write_text(ALERTS)
    (chart / "files/dashboards/sample_one.json").write_text(json.dumps(DASHBOARD, indent=1))
