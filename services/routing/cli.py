"""`amends route …`: what routing would decide, without a server."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.base.commands import fail

from . import policy as policies
from . import states
from .cause_model import CauseModel
from .simulation import report, simulator
from .simulation import scenario as scenarios
from .triage import Triage, load_rules

route = typer.Typer(no_args_is_help=True, help="What routing would decide, without a server.")


@route.command()
def triage(
    files: Annotated[list[Path] | None, typer.Argument(help="Text files; standard input when none is given")] = None,
    tier: Annotated[str, typer.Option(help="The customer's tier")] = "middle",
    policy: Annotated[Path | None, typer.Option(help="A routing policy file instead of the house's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text")] = False,
) -> None:
    """Cause, severity, triggers and skills of complaint texts, and which rules decided. Exit 2: unreadable file."""
    judge, rules = Triage(load_rules(), CauseModel.load()), _policy(policy)
    for name, words in _texts(files or []):
        found = judge(words)
        levels = frozenset(t.level for t in found.triggers)
        needed = policies.demand(rules, cause=found.cause, tier=tier, levels=levels, vulnerable=found.vulnerable)
        document = {
            "file": name,
            "cause": found.cause,
            "severity": found.severity,
            "triggers": [t.rule for t in found.triggers],
            "vulnerable": found.vulnerable,
            "needs": found.needs,
            "language": found.language,
            "queue": needed.queue,
            "skills": {s.skill: s.minimum for s in needed.skills},
            "decided_by": [*found.decided_by, *needed.decided_by],
            "evidence": found.spans,
        }
        print(json.dumps(document, ensure_ascii=False) if as_json else _lines(document))


@route.command(name="states")
def show_states() -> None:
    """The case's state table, as docs/routing.md holds it."""
    print(states.table_markdown(), end="")


@route.command()
def simulate(
    scenario: Annotated[Path, typer.Argument(help="A scenario file, or the name of a shipped one")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line of the result")] = False,
    customers: Annotated[int | None, typer.Option(help="Count so many instead", min=100, max=5_000_000)] = None,
) -> None:
    """Waits and broken promises of simulated arrivals under the product's own matching. Exit 2: no such scenario."""
    try:
        given = scenarios.read(scenario)
    except scenarios.ScenarioError as problem:
        fail(str(problem), 2)
    if customers:
        given = given.model_copy(update={"customers": customers, "warm_up": customers // 10})
    if not as_json:
        print(report.heading(given))
    for load, variant in given.runs():
        outcome = simulator.simulate(given, variant, load)
        print(report.as_json(load, variant, outcome) if as_json else report.lines(load, variant, outcome), flush=True)


def _policy(path: Path | None) -> policies.Policy:
    try:
        return policies.load(path)
    except policies.PolicyError as problem:
        fail(str(problem), 2)


def _texts(paths: list[Path]) -> list[tuple[str, str]]:
    try:
        return [(str(p), p.read_text("utf-8")) for p in paths] or [("-", sys.stdin.read())]
    except (OSError, UnicodeDecodeError) as problem:
        fail(str(problem), 2)


def _lines(document: dict[str, object]) -> str:
    return "\n".join(f"{name:<11} {value}" for name, value in document.items()) + "\n"
