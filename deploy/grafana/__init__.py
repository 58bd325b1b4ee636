"""The dashboards, as code: what stands in them, and how it becomes Grafana's JSON."""
