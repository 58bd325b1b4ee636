"""Findings in the form that code-review tools read (SARIF 2.1.0)."""

from collections.abc import Iterable
from typing import Any

from .gate import Report
from .rules import rules

_LEVELS = {"error": "error", "warn": "warning", "info": "note"}


def sarif(results: Iterable[tuple[str, Report]]) -> dict[str, Any]:
    """A SARIF log of these files: every finding with its character offsets and what to write instead."""
    found = [(uri, finding) for uri, report in results for finding in report.findings]
    named = sorted({finding.rule for _, finding in found})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "amends letter lint",
                        "rules": [{"id": r, "shortDescription": {"text": rules()[r].why}} for r in named],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": finding.rule,
                        "level": _LEVELS[finding.level],
                        "message": {"text": f"{finding.message}. {finding.suggestion}"},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": uri},
                                    "region": {
                                        "charOffset": finding.start,
                                        "charLength": finding.end - finding.start,
                                    },
                                }
                            }
                        ],
                    }
                    for uri, finding in found
                ],
            }
        ],
    }
