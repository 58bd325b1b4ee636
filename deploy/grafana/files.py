"""What is generated, by path: a test compares it with what is committed."""

from collections.abc import Iterator
from pathlib import Path

from deploy.grafana import complaint, letters, pipeline, sla
from deploy.grafana.build import document
from deploy.prometheus import alerts

DEPLOY = Path(__file__).parents[1]
CHART = DEPLOY / "k8s/amends/files"
BOARDS = (sla.BOARD, pipeline.BOARD, letters.BOARD, complaint.BOARD)


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file with its content. The chart carries copies, because Helm reads nothing outside of it."""
    for board in BOARDS:
        text = document(board)
        yield DEPLOY / "grafana" / f"{board.uid}.json", text
        yield CHART / "dashboards" / f"{board.uid}.json", text
    yield DEPLOY / "prometheus" / "alerts.yaml", alerts.document()
    yield CHART / "alerts" / "amends.yaml", alerts.document()
    yield DEPLOY / "grafana" / "board-role.sql", complaint.GRANTS


def write() -> None:
    """Write all of it."""
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
