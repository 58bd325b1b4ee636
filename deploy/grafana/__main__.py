"""`python -m deploy.grafana` writes the dashboards and the chart's copies of dashboards and alerts."""

from deploy.grafana.files import write

if __name__ == "__main__":
    write()
