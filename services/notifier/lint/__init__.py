"""The gate: what may not stand in a letter, in structure and in words."""

from .gate import Finding, Linter, Report
from .reading import CaseData, Doc, read_letter, read_text

__all__ = ["CaseData", "Doc", "Finding", "Linter", "Report", "read_letter", "read_text"]
