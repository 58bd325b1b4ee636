"""HTTP: clocks of a complaint, what is due, policies, calendars, acknowledging a rung."""

from fastapi import APIRouter

from shared.spine.spine import Spine

from ..commands import Commands
from ..model import Case
from ..store import Store
from . import calendars, complaints, policies


def routers(spine: Spine[Case], store: Store, commands: Commands) -> list[APIRouter]:
    """Escalation's routes."""
    return [
        complaints.router(spine, store, commands),
        policies.router(spine, store),
        calendars.router(store.book.calendars),
    ]
