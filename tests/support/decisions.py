"""Decisions of every shape, put together from matters that really occur."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from shared.events.common import Decision

POOLS: Any = yaml.safe_load(
    (Path(__file__).parents[1] / "golden" / "lint" / "decisions.yaml").read_text(encoding="utf-8")
)
DAYS = ("2026-06-12", "2026-06-15", "2026-06-16", "2026-06-22", "2026-06-30")  # working days in both countries
REQUESTS = {
    "substantiated": ("granted", "none_made"),
    "partly": ("partly", "granted"),
    "not_substantiated": ("refused", "alternative"),
    "not_established": ("refused", "alternative"),
}


@st.composite
def decisions(draw: st.DrawFn, language: str) -> Decision:
    """A decision record in this language."""
    pool = POOLS[language]
    matters = draw(st.lists(st.sampled_from(pool["matters"]), min_size=1, max_size=3, unique_by=lambda m: m["what"]))
    issues = [draw(_issue(matter, n)) for n, matter in enumerate(matters)]
    remedies = [draw(_remedy(pool, n, len(issues))) for n in range(draw(st.integers(0, 2)))]
    improvement = draw(st.sampled_from(pool["improvements"]))
    if not remedies and improvement is None and any(i["finding"] in ("substantiated", "partly") for i in issues):
        improvement = pool["improvements"][0]  # who was right is answered with something that is done
    return Decision.model_validate(
        {
            "examined": draw(st.lists(st.sampled_from(pool["examined"]), min_size=1, max_size=3, unique=True)),
            "issues": issues,
            "remedies": remedies,
            "calls_to_action": draw(_calls(pool)),
            "improvement": improvement,
        }
    )


@st.composite
def _issue(draw: st.DrawFn, matter: dict[str, Any], n: int) -> dict[str, Any]:
    finding = draw(st.sampled_from(sorted(REQUESTS)))
    upheld = finding in ("substantiated", "partly")
    kind = "responsibility" if upheld else draw(st.sampled_from([None, "regret"]))
    if finding == "partly":
        kind = draw(st.sampled_from(["responsibility", "regret", None]))
    return {
        "id": f"i{n}",
        "what": matter["what"],
        "finding": finding,
        "request": draw(st.sampled_from(REQUESTS[finding])),
        "facts": [{"text": text, "source": "file", "date": "2026-06-05"} for text in matter["facts"]],
        "reason": draw(st.sampled_from(["", matter["reason"]])),
        "apology": {"kind": kind, "for_": matter["sorry"]} if kind else None,
    }


@st.composite
def _remedy(draw: st.DrawFn, pool: dict[str, Any], n: int, issues: int) -> dict[str, Any]:
    remedy = dict(draw(st.sampled_from(pool["remedies"])))
    return {
        **remedy,
        "id": f"r{n}",
        "by": draw(st.sampled_from(DAYS)),
        "actor": draw(st.sampled_from(pool["actors"])),
        "issue": f"i{draw(st.integers(0, issues - 1))}",
        "currency": pool["currency"] if "amount" in remedy else None,
    }


@st.composite
def _calls(draw: st.DrawFn, pool: dict[str, Any]) -> list[dict[str, Any]]:
    call = draw(st.sampled_from([*pool["actions"], None]))
    if call is None:
        return []
    by = draw(st.sampled_from(DAYS))
    second = call.get("and")
    first = {name: value for name, value in call.items() if name != "and"}
    return [{**first, "by": by}, *([{**second, "by": by}] if second else [])]
