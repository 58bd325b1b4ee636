"""The gate: what may not stand in a letter, in structure and in words."""

from .gate import Finding, Linter, Report
from .reading import CaseData, Doc, Earlier, read_letter, read_text

__all__ = ["CaseData", "Doc", "Earlier", "Finding", "Linter", "Report", "read_letter", "read_text"]
