"""The measured figures of triage as the tables of docs/triage.md."""

from collections.abc import Mapping
from typing import Any

import yaml

from tests.triage.material import FOLDER


def markdown(results: Mapping[str, Any]) -> str:
    """All tables, in the order of the page."""
    parts = [_causes(results["causes"]), _triggers(results["triggers"])]
    if "real" in results:
        parts += [_real(results), _products(results["products"])]
    return "\n\n".join(parts)


def _causes(found: Mapping[str, Any]) -> str:
    groups = ", ".join(f"{n} {name}" for name, n in sorted(found["languages"].items()))
    lines = [
        f"**Causes.** {found['texts']} texts ({groups}). The two passes agree on {found['same']:.1%}, Cohen's kappa "
        f"{found['kappa']:.2f}; the {found['agreed']} on which they agree are judged, each by a model "
        "trained without it.",
        "",
        "| judged by | texts | abstained | accuracy of the answers | macro-F1 |",
        "|---|---|---|---|---|",
        _row("rules alone", found["rules"]),
        _row("model alone, made to answer", found["without_margin"]),
        _row("rules, then model with its margin (the product)", found["both"]),
        *(_row(f"… {name}", group) for name, group in sorted(found["both_by_language"].items())),
    ]
    return "\n".join(lines)


def _row(name: str, figures: Mapping[str, Any]) -> str:
    judged = f"{figures['abstained']:.0%} | {figures['accuracy']:.3f} | {figures['macro_f1']:.3f}"
    return f"| {name} | {figures['texts']} | {judged} |"


def _triggers(found: Mapping[str, Any]) -> str:
    first = yaml.safe_load((FOLDER / "first-measured.yaml").read_text("utf-8"))
    lines = [
        "**Triggers.** A sentence counts when the level is exactly the one that its writer meant.",
        "",
        "| list | sentences | as meant when first run | as meant now |",
        "|---|---|---|---|",
        *(
            f"| {name} | {figures['sentences']} | {first[name]} | {figures['as_meant']} |"
            for name, figures in sorted(found.items(), key=lambda item: list(first).index(item[0]))
        ),
    ]
    return "\n".join(lines)


def _real(results: Mapping[str, Any]) -> str:
    lines = [
        "**On real texts** (not shipped).",
        "",
        "| texts | number | T0 | T1 | T2 | T0 + T1 | cause unknown | CPU ms per text |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, f in results["real"].items():
        fired = f"{f['T0']} | {f['T1']} | {f['T2']} | {f['grave']:.1%}"
        lines.append(f"| {name} | {f['texts']} | {fired} | {f['unknown']:.0%} | {f['cpu_ms']} |")
    together = results["real_together"]
    return "\n".join([*lines, f"| all of them | {together['texts']} | | | | {together['grave']:.2%} | | |"])


def _products(found: Mapping[str, Any]) -> str:
    return (
        f"**The method on a public set.** {found['texts']} CFPB narratives, five products, each fifth held out in "
        f"turn: accuracy {found['accuracy']:.3f}, macro-F1 {found['macro_f1']:.3f}."
    )
