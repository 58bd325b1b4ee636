"""Bringing in a shift plan: read beside the staff list, applied as a whole or not at all."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from .. import shiftplan
from .. import tables as t
from ..shiftplan import Plan
from . import people


@dataclass(frozen=True)
class Changed:
    """What the plan means for one handler: shifts before and after, his zone, the last day planned ("": no end)."""

    handler: str
    before: int
    after: int
    zone: str
    until: str


async def bring_in(tx: AsyncConnection, raw: bytes, *, dry_run: bool) -> tuple[Plan, list[Changed]]:
    """Read a plan and, when nothing is wrong with it and it is no dry run, apply it in this transaction."""
    locked = select(t.handler.c.id, t.handler.c.zone, t.handler.c.shifts).order_by(t.handler.c.id)
    staff = {row.id: row for row in await tx.execute(locked if dry_run else locked.with_for_update())}
    plan = shiftplan.read(raw, staff)
    changed: list[Changed] = []
    if plan.wrong:
        return plan, changed
    for handler_id, rows in sorted(plan.of_handlers().items()):
        zone = next((row.zone for row in rows if row.zone), "")
        shifts = [row.shift for row in rows]
        until = max(s.last for s in shifts) if all(s.last for s in shifts) else ""
        before = staff[handler_id]
        changed.append(Changed(handler_id, len(before.shifts), len(shifts), zone or before.zone, until))
        if not dry_run:
            await people.set_shifts(tx, handler_id, shifts, zone)
    return plan, changed
