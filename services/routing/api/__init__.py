"""HTTP → one call."""

from collections.abc import Sequence

from fastapi import APIRouter

from . import (
    abilities,
    attachments,
    bulk,
    cases,
    files,
    leads,
    oidcpages,
    people,
    quality,
    replies,
    replypages,
    shifts,
    signin,
    work,
)
from . import desk as pages
from .base import Desk


def routers(desk: Desk) -> Sequence[APIRouter]:
    """All routes of routing."""
    work_on = (people, cases, work, attachments, files, leads, bulk, quality)
    parts = (*work_on, signin, oidcpages, shifts, abilities, replies, replypages)
    return (*(part.router(desk) for part in parts), *pages.routers(desk))


__all__ = ["routers"]
