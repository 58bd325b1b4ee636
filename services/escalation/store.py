"""Every SQL statement of escalation."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from random import getrandbits
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base import sql
from shared.deliver import webhooks
from shared.spine.remembered import Remembered

from . import rows
from . import tables as t
from .book import Edition, PolicyBook, in_force_from
from .checks import check, understood
from .model import Case, RungRow
from .pages import OnCall, owed
from .policy import Pack
from .stages import marks, stages

log = structlog.get_logger()

_DUE = text(
    "SELECT k.complaint_id, k.kind, k.pack, k.state, k.due_at, c.tier, c.document -> 'handler' ->> 'id' AS handler, "
    "EXTRACT(EPOCH FROM k.due_at - now())::float8 AS remaining "
    "FROM clock k JOIN complaint c USING (complaint_id) "
    "WHERE k.live AND k.due_at <= now() + make_interval(secs => :within) ORDER BY k.due_at LIMIT :limit"
)
# Read from one index alone, the live clocks by deadline. Most are due much later: these are only counted.
_STANDING = text(
    "SELECT tier, kind, CASE WHEN due_at <= now() THEN 'overdue' WHEN due_at <= now() + interval '1 hour' THEN '1h' "
    "WHEN due_at <= now() + interval '4 hours' THEN '4h' WHEN due_at <= now() + interval '1 day' THEN '1d' "
    "ELSE '3d' END AS within, count(*) AS n, min(due_at) AS first "
    "FROM clock WHERE live AND due_at <= now() + interval '3 days' GROUP BY 1, 2, 3 "
    "UNION ALL SELECT tier, kind, 'later', count(*), NULL "
    "FROM clock WHERE live AND due_at > now() + interval '3 days' GROUP BY 1, 2"
)
# What lasts longer than this share of the past ones of its kind is slow; of a rare kind, than of its stage.
SLOW_SHARE, FEWEST = 0.8, 20
_USUAL = text(
    "SELECT stage, kind, count(*) AS n, percentile_cont(CAST(:share AS float8)) WITHIN GROUP (ORDER BY took) AS usual "
    "FROM stage WHERE took IS NOT NULL AND NOT over AND ended_at > now() - interval '180 days' "
    "GROUP BY GROUPING SETS ((stage), (stage, kind)) HAVING count(*) >= :fewest"
)
_LASTING = text(
    "SELECT s.complaint_id, s.stage, s.kind, s.calendar, s.began_at, c.tier, now() AS now, "
    "c.document -> 'handler' ->> 'id' AS handler, "
    "EXISTS (SELECT 1 FROM clock k WHERE k.complaint_id = s.complaint_id AND k.live "
    "AND (k.state = 'breached' OR k.document ? 'warned_at')) AS in_danger "
    "FROM stage s JOIN complaint c USING (complaint_id) WHERE s.ended_at IS NULL ORDER BY s.began_at LIMIT :n"
)
_OPEN = text(
    "SELECT c.complaint_id FROM complaint c WHERE c.complaint_id > :after AND c.received_at IS NOT NULL AND EXISTS "
    "(SELECT 1 FROM clock k WHERE k.complaint_id = c.complaint_id AND k.live) ORDER BY c.complaint_id LIMIT :n"
)
# The newest policy comes along, so that a load knows whether it must read policies first.
_STAMPS = sql.Statement(
    "SELECT n.newest, c.* FROM (SELECT max(id) AS newest FROM policy) n LEFT JOIN "
    "(SELECT complaint_id, version, stamp FROM complaint WHERE complaint_id = ANY(CAST(:ids AS uuid[]))) c ON true"
)
_COMPLAINTS = sql.Statement(
    "SELECT complaint_id, version, received_at, tier, document FROM complaint "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[]))"
)
_CLOCKS = sql.Statement(
    "SELECT id, complaint_id, kind, pack, state, due_at, document FROM clock "
    "WHERE complaint_id = ANY(CAST(:ids AS uuid[])) ORDER BY id"
)
# One writer of versions at a time, so that ids become visible in their order and none is overlooked.
_POLICY_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('amends.policy', 0))")


class Store:
    """How escalation remembers. The book of policies is brought up to date by every load."""

    def __init__(self, book: PolicyBook, on_call: OnCall | None = None) -> None:
        self.book, self.on_call = book, on_call
        self._written: Remembered[Case] = Remembered()

    async def load(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        """The cases with their clocks. One statement for those that this process wrote last and for new ones, two more
        when others are among them, and one after a policy was stored."""
        found = await _STAMPS.rows(tx, {"ids": ids})
        if (found[0].newest or 0) > self.book.newest_id:
            await self.refresh(tx)
        cases = {i: Case(i) for i in ids}
        unknown = []
        for row in found:
            if case := self._written.take(row):
                case.rungs = []  # those of the last transaction
                cases[row.complaint_id] = case
            elif row.complaint_id is not None:
                unknown.append(row.complaint_id)
        if unknown:
            cases |= await self._read(tx, unknown)
        return cases

    async def _read(self, tx: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Case]:
        cases = {row.complaint_id: rows.case_of(row) for row in await _COMPLAINTS.rows(tx, {"ids": ids})}
        for row in await _CLOCKS.rows(tx, {"ids": ids}):
            clock = rows.clock_of(row)
            case = cases[row.complaint_id]
            case.clocks[clock.name] = clock
            case.marks[clock.name] = rows.clock_mark(case.tier, clock)
        return cases

    async def save(self, tx: AsyncConnection, cases: Sequence[Case]) -> None:
        """Complaints, changed clocks, stages and reached rungs: at most four statements."""
        stages, stamp = list(self._changed_stages(cases)), getrandbits(63)
        await sql.upsert(tx, t.complaint, [rows.complaint_row(case, stamp) for case in cases])
        await sql.upsert(tx, t.clock, [row for case in cases for row in _changed_clocks(case)])
        await sql.upsert(tx, t.stage, stages)
        reached = {rung.id: rows.rung_row(case.complaint_id, rung) for case in cases for rung in case.rungs}
        await sql.upsert(tx, t.rung, list(reached.values()))
        if pages := [page for case in cases for page in (owed(case, self.on_call) if self.on_call else ())]:
            await webhooks.owe(tx, pages, (await tx.execute(select(func.now()))).scalar_one())
        self._written.keep(cases, stamp)

    def _changed_stages(self, cases: Sequence[Case]) -> Iterator[dict[str, Any]]:
        for case in cases:
            found, known = marks(case), case.staged.split("|")
            if "|".join(found) != case.staged:
                case.staged = "|".join(found)
                for mark, stage in zip(found, stages(case, self.book.calendars), strict=True):
                    if mark not in known:
                        yield rows.stage_row(case.complaint_id, stage)

    # Policies ----------------------------------------------------------------------------------------------------

    async def refresh(self, tx: AsyncConnection) -> None:
        """Read versions that other replicas stored since."""
        query = select(t.policy).where(t.policy.c.id > self.book.newest_id).order_by(t.policy.c.id)
        for row in await tx.execute(query):
            self.book.put(self._edition(row))

    def _edition(self, row: Any) -> Edition:
        pack, unknown = understood(row.text, self.book.calendars)
        for fault in unknown:
            log.warning("a later version wrote what this one does not know", pack=pack.pack, place=fault.key)
        return Edition(row.id, pack, row.version, row.in_force_from, row.text, row.created_by, row.created_at)

    async def keep_files(self, tx: AsyncConnection, texts: Mapping[str, str]) -> None:
        """Store the packs of files as versions, where a file's content is not the last that was kept from a file."""
        await tx.execute(_POLICY_LOCK)
        await self.refresh(tx)
        kept = {
            row.pack: bytes(row.digest)
            for row in await tx.execute(
                select(t.policy.c.pack, t.policy.c.digest).where(t.policy.c.origin == "file").order_by(t.policy.c.id)
            )
        }
        for body in texts.values():
            pack = check(body, self.book.calendars)
            if kept.get(pack.pack) != _digest(body):
                await self._insert(tx, pack, body, origin="file", by="file")

    async def post(self, tx: AsyncConnection, pack: Pack, body: str, *, by: str) -> Edition:
        """Store a new version that binds complaints received from now on."""
        await tx.execute(_POLICY_LOCK)
        await self.refresh(tx)
        await self._insert(tx, pack, body, origin="posted", by=by)
        row = (
            await tx.execute(
                select(t.policy).where(t.policy.c.pack == pack.pack).order_by(t.policy.c.id.desc()).limit(1)
            )
        ).one()
        return self._edition(row)

    async def _insert(self, tx: AsyncConnection, pack: Pack, body: str, *, origin: str, by: str) -> None:
        found = await tx.execute(
            text("SELECT COALESCE(max(version), 0) + 1 AS next, now() AS now FROM policy WHERE pack = :pack"),
            {"pack": pack.pack},
        )
        row = found.one()
        # The first version of a file also binds complaints that came before this database was made.
        stored_at: datetime | None = None if origin == "file" and row.next == 1 else row.now
        version = {
            "pack": pack.pack, "version": row.next, "origin": origin, "digest": _digest(body), "text": body,
            "in_force_from": in_force_from(pack, stored_at), "created_at": row.now, "created_by": by,
        }  # fmt: skip
        await sql.insert(tx, t.policy, [version])

    # Reading -----------------------------------------------------------------------------------------------------

    async def rung(self, tx: AsyncConnection, rung_id: UUID) -> tuple[UUID, RungRow] | None:
        """A reached rung with its complaint."""
        row = (await tx.execute(select(t.rung).where(t.rung.c.id == rung_id))).one_or_none()
        return (row.complaint_id, rows.rung_of(row)) if row else None

    async def rungs(self, tx: AsyncConnection, complaint_id: UUID) -> list[RungRow]:
        """The rungs that a complaint reached, in order."""
        query = select(t.rung).where(t.rung.c.complaint_id == complaint_id).order_by(t.rung.c.reached_at)
        return [rows.rung_of(row) for row in await tx.execute(query)]

    async def open_complaints(self, tx: AsyncConnection, *, after: UUID, n: int) -> list[UUID]:
        """Complaints with a live clock, by id, the first `n` after one."""
        return list((await tx.execute(_OPEN, {"after": after, "n": n})).scalars())

    async def usual(self, tx: AsyncConnection) -> Mapping[tuple[str, str | None], tuple[float, int]]:
        """Stage, and kind or None for all kinds → how long 80 % of past ones took at most (seconds), of how many."""
        found = await tx.execute(_USUAL, {"share": SLOW_SHARE, "fewest": FEWEST})
        return {(row.stage, row.kind): (row.usual, row.n) for row in found}

    async def lasting(self, tx: AsyncConnection, *, n: int) -> Sequence[Any]:
        """The stages that last now, the longest first."""
        return (await tx.execute(_LASTING, {"n": n})).all()

    async def due(self, tx: AsyncConnection, *, within: float, limit: int) -> Sequence[Any]:
        """Live clocks that are due within so many seconds, the overdue ones first."""
        return (await tx.execute(_DUE, {"within": within, "limit": limit})).all()


def _changed_clocks(case: Case) -> list[dict[str, Any]]:
    before, case.marks = case.marks, {name: rows.clock_mark(case.tier, clock) for name, clock in case.clocks.items()}
    changed = [clock for name, clock in case.clocks.items() if before.get(name) != case.marks[name]]
    return [rows.clock_row(case.complaint_id, case.tier, clock) for clock in changed]


def _digest(body: str) -> bytes:
    return sha256(body.encode()).digest()


async def standing(tx: AsyncConnection) -> Sequence[Any]:
    """Live clocks by tier, kind and what is left (`within`): their number `n`, the `first` deadline."""
    return (await tx.execute(_STANDING)).all()
