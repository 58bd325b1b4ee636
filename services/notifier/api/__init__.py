"""HTTP: letters of a complaint, lint and preview, what people decide about letters, promises, the gallery."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from shared.spine.spine import Spine

from ..debts import Debts
from ..editions import Shelf
from ..model import Matter
from ..pledges import Pledges
from ..remedies import Rules
from ..store import Reading, Store
from ..store.editions import Editions
from ..writer import Writer
from . import gallery, letters, notices, promises, remedies, suppressed, templates, tools, wishes


def routers(
    spine: Spine[Matter], store: Store, reading: Reading, debts: Debts, writer: Writer, rules: Rules,
    shelf: Shelf, print_letter: Callable[[Any], bytes],
) -> list[APIRouter]:  # fmt: skip
    """The notifier's routes; those with fixed words before those with an id in their place."""
    return [
        tools.router(writer),
        tools.for_complaints(writer, spine, store),
        remedies.router(rules, writer.policy),
        letters.router(spine, reading, debts, print_letter),
        notices.router(spine, reading, debts),
        wishes.router(spine, reading, debts),
        promises.router(spine, reading, Pledges(debts)),
        suppressed.router(spine, reading),
        templates.router(spine, Editions(), shelf),
        gallery.router(writer),
    ]
