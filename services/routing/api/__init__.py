"""HTTP → one call."""

from collections.abc import Sequence

from fastapi import APIRouter

from . import attachments, cases, people, work
from . import desk as pages
from .base import Desk


def routers(desk: Desk) -> Sequence[APIRouter]:
    """All routes of routing."""
    return (
        people.router(desk), cases.router(desk), work.router(desk), attachments.router(desk), pages.router(desk),
    )  # fmt: skip


__all__ = ["routers"]
