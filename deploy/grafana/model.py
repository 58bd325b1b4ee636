"""A dashboard as plain data: what a person sees and asks, without Grafana's vocabulary."""

from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["stat", "lines", "bars", "table", "text"]
Unit = Literal["percentunit", "short", "s", "dtdurations", "reqps", "none"]
Red = Literal["above", "below"]


@dataclass(frozen=True)
class Query:
    """One question to Prometheus (or, with `sql`, to PostgreSQL). `legend` names a series from its labels."""

    text: str
    legend: str = ""
    sql: bool = False


@dataclass(frozen=True)
class Panel:
    """A question that a manager asks, and its answer. `limits` are where it turns amber, then red.

    Where a whole is shown by its parts, `bad` names the parts that are red as soon as there are any.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    kind: Kind = "stat"
    unit: Unit = "short"
    limits: tuple[float, ...] = ()
    red: Red = "above"
    bad: tuple[str, ...] = ()
    none: str = "nothing yet"
    links: tuple[tuple[str, str], ...] = ()
    width: int = 6
    text: str = ""


@dataclass(frozen=True)
class Board:
    """One dashboard. `variables` are those of ours that it offers."""

    uid: str
    title: str
    about: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    variables: tuple[str, ...] = ("namespace",)
    links: tuple[tuple[str, str], ...] = ()
    span: str = "now-24h"
    annotations: tuple[tuple[str, str], ...] = field(default_factory=tuple)

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in reading order."""
        return tuple(panel for _, panels in self.rows for panel in panels)


def wide(panels: tuple[Panel, ...]) -> tuple[Panel, ...]:
    """The same, three in a row."""
    return tuple(replace(panel, width=8) for panel in panels)


SLA, PIPELINE, LETTERS, COMPLAINT = "amends-sla", "amends-pipeline", "amends-letters", "amends-complaint"


def to(uid: str) -> str:
    """A link to another board of ours that keeps time range and variables."""
    return f"/d/{uid}?${{__url_time_range}}&${{__all_variables}}"
