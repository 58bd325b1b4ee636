"""Every SQL statement of routing: cases, rounds, people, and the reads of pages and calls."""

from .cases import Store

__all__ = ["Store"]
