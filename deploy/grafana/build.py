"""From our plain boards to Grafana's JSON, by Grafana's own library."""

import json
import re
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as m

from .model import Board, Panel, Query

PROMETHEUS = m.DataSourceRef(type_val="prometheus", uid="${datasource}")
POSTGRES = m.DataSourceRef(type_val="postgres", uid="${database}")
_ANY = m.VariableOption(text="All", value="$__all", selected=True)
# How a variable finds its values: from a metric that every installation shows.
VALUES = {
    "namespace": "label_values(amends_state_collected_timestamp_seconds, namespace)",
    "tier": "label_values(amends_open, tier)",
    "channel": "label_values(amends_accepted_total, channel)",
}
_TEXTS = {"reference": ("Reference", "AM-"), "desk": ("Address of the desk", "http://127.0.0.1:8002")}
_HEIGHT = 7


def variable(name: str) -> Any:
    """One of our variables. A label that is not there (no namespace outside of Kubernetes) matches `.*` as well."""
    if name in _TEXTS:
        label, default = _TEXTS[name]
        return d.TextBoxVariable(name).label(label).default_value(default)
    if name == "objective":
        return d.TextBoxVariable(name).label("Objective (share kept)").default_value("0.95")
    found = d.QueryVariable(name).label(name.capitalize()).datasource(PROMETHEUS).query(VALUES[name])
    found = found.refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True)
    return found.include_all(True).all_value(".*").current(_ANY).sort(m.VariableSort.ALPHABETICAL_ASC)


class _Sql:
    """A query to PostgreSQL: the library has no builder for it."""

    def __init__(self, query: Query, ref: str) -> None:
        self.query, self.ref = query, ref

    def build(self) -> Any:
        document = {
            "refId": self.ref,
            "datasource": {"type": "postgres", "uid": "${database}"},
            "rawSql": self.query.text,
            "format": "table",
            "rawQuery": True,
            "editorMode": "code",
        }
        return type("Target", (), {"to_json": lambda _: document})()


def target(panel: Panel, n: int, query: Query) -> Any:
    """One query of a panel. Only lines are drawn over time; everything else is read at the end of the range."""
    ref = chr(ord("A") + n)
    if query.sql:
        return _Sql(query, ref)
    made = prometheus.Dataquery().expr(query.text).legend_format(query.legend).ref_id(ref).datasource(PROMETHEUS)
    return made.range() if panel.kind == "lines" else made.instant()


def thresholds(panel: Panel) -> d.ThresholdsConfig:
    """Green, then amber, then red; or the other way round where little is bad."""
    colours = ["green", "orange", "red"]
    if panel.red == "below":
        colours.reverse()
    limits: list[float | None] = [None, *sorted(panel.limits)]
    if panel.limits[:1] == panel.limits[1:]:
        limits, colours = [None, panel.limits[0]], ["green", "red"]
    steps = [m.Threshold(value=at, color=colour) for at, colour in zip(limits, colours, strict=False)]
    return d.ThresholdsConfig().mode(m.ThresholdsMode.ABSOLUTE).steps(steps)


_BUILDERS: dict[str, Any] = {
    "stat": lambda: stat.Panel().text_mode(cm.BigValueTextMode.VALUE_AND_NAME).graph_mode(cm.BigValueGraphMode.NONE),
    "bars": lambda: bargauge.Panel().orientation(cm.VizOrientation.HORIZONTAL),
    "lines": lambda: timeseries.Panel().fill_opacity(10).show_points(cm.VisibilityMode.NEVER),
    "table": table.Panel,
    "text": text.Panel,
}


_STEPS = [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]
_RED_FROM_ONE = [
    m.DynamicConfigValue("thresholds", {"mode": "absolute", "steps": _STEPS}),
    m.DynamicConfigValue("color", {"mode": "thresholds"}),
]


def panel(one: Panel) -> Any:
    """A panel with what helps to read it: what it says, its unit, its limits, where to look next."""
    made = _BUILDERS[one.kind]().title(one.title).description(one.description).span(one.width).height(_HEIGHT)
    if one.kind == "text":
        return made.content(one.text)
    made = made.unit(one.unit).no_value(one.none)
    made = made.datasource(POSTGRES if one.queries[0].sql else PROMETHEUS)
    if one.limits:
        made = made.thresholds(thresholds(one)).color_scheme(
            d.FieldColor().mode(m.FieldColorModeId.THRESHOLDS)
        )  # fmt: skip
    for part in one.bad:
        made = made.override_by_name(part, _RED_FROM_ONE)
    if one.kind == "bars" or one.kind == "stat":
        made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    for n, query in enumerate(one.queries):
        made = made.with_target(target(one, n, query))
    return made.links([d.DashboardLink(title).type(m.DashboardLinkType.LINK).url(url) for title, url in one.links])


def dashboard(board: Board) -> d.Dashboard:
    """A board with its variables, rows, links and annotations."""
    made = d.Dashboard(board.title).uid(board.uid).description(board.about).tags(["amends"]).readonly()
    made = made.refresh("30s").time(board.span, "now").timezone("browser").tooltip(m.DashboardCursorSync.CROSSHAIR)
    queries = [q for p in board.panels for q in p.queries]
    if any(not q.sql for q in queries):
        made = made.with_variable(d.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    if any(q.sql for q in queries):
        made = made.with_variable(d.DatasourceVariable("database").label("PostgreSQL").type("postgres"))
    for name in board.variables:
        made = made.with_variable(variable(name))
    for title, url in board.links:
        made = made.link(d.DashboardLink(title).type(m.DashboardLinkType.LINK).url(url))
    for name, _ in board.annotations:
        made = made.annotation(d.AnnotationQuery().name(name).datasource(POSTGRES).enable(True).icon_color("blue"))
    for title, panels in board.rows:
        made = made.with_row(d.Row(title))
        for one in panels:
            made = made.with_panel(panel(one))
    return made


def document(board: Board) -> str:
    """The JSON as it is committed."""
    encoded = json.loads(JSONEncoder(sort_keys=True, indent=1).encode(dashboard(board).build()))
    # The library's annotations know no raw SQL.
    for given, (_, query) in zip(encoded.get("annotations", {}).get("list", []), board.annotations, strict=True):
        given["target"] = {"refId": "A", "format": "table", "rawQuery": True, "editorMode": "code", "rawSql": query}
    return json.dumps(encoded, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def variables_of(query: str) -> set[str]:
    """The names of the variables that a query uses."""
    return set(re.findall(r"\$\{?(\w+)", query))
