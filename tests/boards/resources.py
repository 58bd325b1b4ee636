"""Our boards as Perses' resources, out of the same panels that Grafana's JSON is made of."""

from collections.abc import Mapping
from typing import Any

from deploy.grafana.model import Board, Panel
from tests.support.prometheus import GRAFANA

FORMATS: Mapping[str, dict[str, Any]] = {
    "percentunit": {"unit": "percent-decimal", "decimalPlaces": 1},
    "s": {"unit": "seconds"},
    "reqps": {"unit": "events/sec"},
}
GREEN, ORANGE, RED = "#2e9e5b", "#e8920c", "#d23c3c"
BLUE = "#3f6fd8"
Rows = list[Mapping[str, Any]]


def _filled(text: str) -> str:
    for name, value in GRAFANA.items():
        text = text.replace(name, value)
    return text


def _thresholds(panel: Panel) -> dict[str, Any]:
    """Green, amber, red as in Grafana; blue where no limit is set."""
    if not panel.limits:
        return {"defaultColor": BLUE, "steps": []}
    limits = sorted(set(panel.limits))
    colours = [GREEN, RED] if len(limits) == 1 else [GREEN, ORANGE, RED]
    if panel.red == "below":
        colours.reverse()
    steps = [{"value": at, "color": colour} for at, colour in zip(limits, colours[1:], strict=True)]
    return {"defaultColor": colours[0], "steps": steps}


def _drawn(panel: Panel) -> dict[str, Any]:
    form = FORMATS.get(panel.unit, {"unit": "decimal", "shortValues": True})
    if panel.kind == "lines":
        legend = {"position": "bottom", "mode": "list"}
        return _plugin("TimeSeriesChart", legend=legend, yAxis={"show": True, "format": form, "min": 0},
                       visual={"lineWidth": 1.75, "areaOpacity": 0.12, "showPoints": "auto"})  # fmt: skip
    if panel.kind == "bars":
        return _plugin("BarChart", calculation="last-number", format=form, sort="desc", mode="value")
    return _plugin("StatChart", calculation="last-number", format=form, thresholds=_thresholds(panel), valueFontSize=20)


def _plugin(kind: str, **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "spec": spec}


def words(text: str) -> dict[str, Any]:
    """A panel that only says something."""
    return _plugin("Markdown", text=text)


def _table(rows: Rows) -> str:
    """Rows as Markdown; moments to the second."""
    names = list(rows[0])
    lines = [[str("" if row[name] is None else row[name]).split(".")[0] for name in names] for row in rows]
    head = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join(head + ["| " + " | ".join(line) + " |" for line in lines])


def panel(one: Panel, *, empty: bool, rows: Rows | None) -> dict[str, Any]:
    """One panel. `empty`: Prometheus has nothing for it, so that it says its own words as in Grafana."""
    queries: list[dict[str, Any]] = []
    if rows is not None:
        drawn = words(_table(rows) if rows else one.none)
    elif one.kind == "text":
        drawn = words(one.text)
    elif empty:
        drawn = words(f"## {one.none}")
    else:
        drawn = _drawn(one)
        for query in one.queries:
            name = query.legend.replace("{{", "{{ ").replace("}}", " }}")
            spec = {"query": _filled(query.text), "seriesNameFormat": name}
            asked = _plugin("PrometheusTimeSeriesQuery", **spec)
            queries.append(_plugin("TimeSeriesQuery", plugin=asked))
    display = {"name": one.title, "description": one.description}
    return {"kind": "Panel", "spec": {"display": display, "plugin": drawn, "queries": queries}}


def dashboard(board: Board, empty: set[str], tables: Mapping[str, Rows]) -> dict[str, Any]:
    """A board: `empty` are the titles of panels without an answer, `tables` what PostgreSQL said by title."""
    panels: dict[str, Any] = {}
    layouts = []
    for title, row in board.rows:
        items: list[dict[str, Any]] = []
        x = y = 0
        for one in row:
            if x + one.width > 24:
                x, y = 0, y + 7
            name = f"p{len(panels)}"
            panels[name] = panel(one, empty=one.title in empty, rows=tables.get(one.title))
            place = {"x": x, "y": y, "width": one.width, "height": 7}
            items.append({**place, "content": {"$ref": f"#/spec/panels/{name}"}})
            x += one.width
        layouts.append({"kind": "Grid", "spec": {"display": {"title": title}, "items": items}})
    return {
        "kind": "Dashboard",
        "metadata": {"name": board.uid, "project": "amends", "version": 0},
        "spec": {"duration": "1h", "variables": [], "layouts": layouts, "panels": panels},
    }
