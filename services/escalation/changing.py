"""A version of a policy over all open complaints: looking ahead, and applying it. Batches, each its own transaction."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select

from shared.base.db import Database
from shared.spine.unit import Work, command_cause

from .book import PolicyBook
from .change import Moved, Order, apply
from .model import Case
from .store import Store

BATCH = 100
MOST_LISTED = 1000


@dataclass
class Report:
    """What a version changes. `listed` names at most a thousand clocks, those that would be late first."""

    open: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    listed: list[Moved] = field(default_factory=list)

    def add(self, moved: list[Moved]) -> None:
        """Count one complaint's clocks."""
        for one in moved:
            self.counts[one.how] += 1
            self.counts["breaching"] += one.breaches
        self.listed = sorted([*self.listed, *moved], key=lambda m: not m.breaches)[:MOST_LISTED]


def words_of(counts: Mapping[str, int]) -> str:
    """The counts on one line; the word alone when nothing changes."""
    return ", ".join(f"{n} {how}" for how, n in sorted(counts.items()) if n) or "unchanged"


async def preview(db: Database, store: Store, book: PolicyBook, order: Order) -> Report:
    """What applying would do, also what it would loosen. Nothing is changed."""
    report = Report()
    async for ids in _open(db, store):
        async with db.transaction() as tx:
            now = (await tx.execute(select(func.now()))).scalar_one()
            cases = await store.load(tx, ids)
        for case in cases.values():
            report.open += 1
            report.add(apply(book, case, order, now)[0])
    return report


async def apply_to_all(work: Work[Case], store: Store, order: Order) -> Report:
    """Apply a stored version to every open complaint. A complaint behind a parked event is left and counted."""
    report = Report()
    async for ids in _open(work.db, store):
        done, moved = await work.db.retrying(lambda ids=ids: _batch(work, store, order, ids))  # type: ignore[misc]
        report.open += done
        report.counts["stalled"] += len(ids) - done
        report.add(moved)
    return report


async def _batch(work: Work[Case], store: Store, order: Order, ids: list[UUID]) -> tuple[int, list[Moved]]:
    moved: list[Moved] = []
    async with work.unit(ids) as unit:
        free = [i for i in ids if not unit.streams[i].stalled]
        cases = await store.load(unit.tx, free)
        for case in cases.values():
            found, effects = apply(store.book, case, order, unit.now)
            case.version += 1
            unit.add(case.complaint_id, command_cause(work.service, case), effects)
            moved += found
        await store.save(unit.tx, list(cases.values()))
    return len(free), moved


async def _open(db: Database, store: Store) -> AsyncIterator[list[UUID]]:
    after = UUID(int=0)
    while True:
        async with db.transaction() as tx:
            ids = await store.open_complaints(tx, after=after, n=BATCH)
        if not ids:
            return
        yield ids
        after = ids[-1]
