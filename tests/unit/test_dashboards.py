"""The dashboards as they are committed: whole, readable, and about metrics that exist."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.grafana.files import BOARDS, DEPLOY, files
from deploy.grafana.model import Board, Panel
from deploy.prometheus.alerts import ALERTS
from services import figures
from shared.base.measures import Measure

SETS = ("_bucket", "_sum", "_count")
NAMES = re.compile(r"amends_[a-z_]+")
# Panels that have no limit: of what they show no amount is good or bad.
NEITHER_GOOD_NOR_BAD = {
    "What comes in?", "What is read, and with what result?", "Who is there?", "Is there room for the next one?",
    "How did it go, hour by hour?", "Which letters do we write?", "How much do we promise?",
    "How often are customers right?", "Where does it stand?", "Which promises run?", "What did we write?",
    "What happened?", "What did we promise in letters?",
}  # fmt: skip


def measures() -> dict[str, Measure]:
    return {measure.name: measure for found in figures.by_service().values() for measure in found}


def panels() -> Iterator[tuple[Board, Panel]]:
    return ((board, panel) for board in BOARDS for panel in board.panels)


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((f"{b.uid}: {p.title}", q.text) for b, p in panels() for q in p.queries if not q.sql)
    yield from ((alert.name, alert.expr) for alert in ALERTS)


def test_what_is_committed_is_what_the_code_makes() -> None:
    stale = [str(path.relative_to(DEPLOY)) for path, text in files() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `python -m deploy.grafana`"


@pytest.mark.parametrize("board", BOARDS, ids=lambda b: b.uid)
def test_every_panel_asks_a_question_and_explains_its_answer(board: Board) -> None:
    document = json.loads((DEPLOY / "grafana" / f"{board.uid}.json").read_text())
    asked = [p for p in document["panels"] if p["type"] != "row"]
    assert len(asked) == len(board.panels)
    variables = {v["name"] for v in document["templating"]["list"]}
    for panel in asked:
        assert panel["title"].endswith("?") or panel["type"] == "text"
        assert panel["description"].endswith(".")
        if panel["type"] == "text":
            continue
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"]
        assert defaults["noValue"] not in ("", "N/A")
        limited = defaults.get("thresholds") or panel["fieldConfig"]["overrides"]
        assert bool(limited) != (panel["title"] in NEITHER_GOOD_NOR_BAD), panel["title"]
        for target in panel["targets"]:
            source = target["datasource"]["uid"]
            assert source in ("${datasource}", "${database}")
            used = set(re.findall(r"\$\{?(\w+)", target.get("expr") or target["rawSql"]))
            assert used - {"__range", "__rate_interval"} <= variables
    uids = {b.uid for b in BOARDS}
    links = [link["url"] for p in asked for link in p.get("links") or []] + [
        x["url"] for x in document.get("links", [])
    ]
    assert links
    boards = [url for url in links if url.startswith("/d/")]
    assert {url.removeprefix("/d/").split("?")[0] for url in boards} <= uids
    assert set(links) - set(boards) <= {"$desk/desk"}
    assert "desk" in variables or set(links) == set(boards)


@pytest.mark.parametrize(("what", "text"), list(expressions()), ids=lambda x: x if ":" in x or " " not in x else "")
def test_every_expression_asks_for_metrics_and_labels_that_exist(what: str, text: str) -> None:
    known = measures()
    for name, matchers in re.findall(r"(amends_[a-z_]+)(?:\{([^}]*)\})?", text):
        base = next((name.removesuffix(s) for s in SETS if name.removesuffix(s) in known), name)
        assert base in known, f"{what}: no metric {name}"
        labels = {m.group(1) for m in re.finditer(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)}
        assert labels <= {*known[base].labels, "namespace", "le"}, f"{what}: {name} has no such label"
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            values = known[base].labels.get(label, ())
            assert label == "le" or not values or value in values, f"{what}: {label} is never {value}"


def test_what_replicas_share_is_never_added_up_and_what_processes_count_is_never_a_maximum() -> None:
    known = measures()
    for what, text in expressions():
        for name in NAMES.findall(text):
            base = next((name.removesuffix(s) for s in SETS if name.removesuffix(s) in known), name)
            if known[base].kept != "process":
                before = text[: text.index(name)].rsplit("(", 2)
                assert "without" in text or "absent" in text or "max by" in text, f"{what} adds up {name}: {before}"
            elif known[base].kind != "gauge":
                assert re.search(rf"(rate|increase)\({name}", text), f"{what}: {name} is read without rate"


def test_figures_that_can_be_gamed_stand_beside_their_counterpart() -> None:
    pairs = (
        ("Do we keep our promises?", "Is attainment bought by pausing?"),
        ("How many promises were missed?", "And the worst of them?"),
        ("How often is one contact enough?", "And what do customers say?"),
        ("What share is not upheld?", "And how often does a second look disagree?"),
        ("How do cases end?", "And how often was closed not settled?"),
        ("Do we do what we write?", "How much do we promise?"),
    )
    rows = [[p.title for p in panels] for board in BOARDS for _, panels in board.rows]
    for one, other in pairs:
        assert any(one in row and other in row for row in rows), (one, other)


def test_every_alert_has_a_page() -> None:
    folder = DEPLOY.parent / "docs/runbooks/alerts"
    assert {a.name for a in ALERTS} == {p.stem for p in folder.glob("*.md")} - {"README"}
    for alert in ALERTS:
        text = (folder / f"{alert.name}.md").read_text()
        for heading in ("## What it means for customers", "## How to look", "## How to mend"):
            assert heading in text, f"{alert.name} lacks {heading}"


def test_the_chart_carries_no_dashboard_too_large_for_a_configmap() -> None:
    sizes: dict[str, Any] = {p.name: p.stat().st_size for p in (DEPLOY / "k8s/amends/files/dashboards").glob("*.json")}
    assert len(sizes) == len(BOARDS)
    assert all(size < 1 << 20 for size in sizes.values())
