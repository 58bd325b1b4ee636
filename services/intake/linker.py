"""Looks at each new complaint a little later: is it the matter of another one, and are two customers one person?

It only proposes, with its evidence. A person confirms or rejects, and can undo; nothing is ever linked silently, and
customers are never merged: linked ones keep their own rows and share their history.
"""

import time
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.base.db import is_transient
from shared.base.errors import Conflict, NotFound
from shared.base.loops import LoopControl
from shared.events.intake import ComplaintsLinked, ComplaintsUnlinked
from shared.spine.effects import Emit
from shared.spine.unit import Work

from .likeness import evidence
from .model import Case
from .store import links as store
from .store.links import Link

BATCH, PAUSE = 200, 3.0
REST = 3  # behind a backlog it rests three times as long as it worked: posts come first
# Decision → the states from which it leads to which.
DECISIONS = {
    "confirm": (("proposed", "rejected", "undone"), "confirmed"),
    "reject": (("proposed",), "rejected"),
    "undo": (("confirmed",), "undone"),
}


def proposal(kind: str, one: UUID, other: UUID, reasons: list[str], alike: int, now: datetime) -> dict[str, Any]:
    """A link's row; the same pair has the same id, whichever came first."""
    first, second = sorted((one, other))
    return {
        "link_id": uuid5(first, f"{kind} {second}"), "kind": kind, "one": first, "other": second, "state": "proposed",
        "evidence": reasons, "likeness": alike, "version": 1, "proposed_at": now,
    }  # fmt: skip


class Linker:
    """`run` is the loop that proposes; `decide` is a person's word."""

    def __init__(self, work: Work[Case]) -> None:
        self.work = work

    async def run(self, control: LoopControl) -> None:
        """Look at what is new, a few seconds behind."""
        while not control.stopping:
            began = time.monotonic()
            try:
                looked = await self.look()
            except Exception as error:
                if not is_transient(error):
                    raise
                looked = 0
            await control.sleep(min(PAUSE, REST * (time.monotonic() - began)) if looked == BATCH else PAUSE)

    async def look(self) -> int:
        """One round: how many complaints were looked at."""
        async with self.work.unit() as unit:
            turn = await store.take_turn(unit.tx, BATCH)
            if not turn:
                return 0
            ids = [row.complaint_id for row in turn]
            rows = []
            for one, other in await store.pairs(unit.tx, ids):
                alike, reasons = evidence(one, other)
                if reasons:
                    rows.append(proposal("complaint", one.complaint_id, other.complaint_id, reasons, alike, unit.now))
            for first, second, reference in await store.two_people(unit.tx, ids):
                rows.append(proposal("customer", first, second, [f"together {reference}"], 0, unit.now))
            await store.propose(unit.tx, rows)
            await store.end_turn(unit.tx, turn[-1])
        return len(turn)

    async def decide(self, link_id: UUID, decision: str, *, by: str) -> Link:
        """Confirm, reject or undo. Raises NotFound, and Conflict when its state does not allow it."""
        return await self.work.db.retrying(lambda: self._decide(link_id, decision, by))

    async def _decide(self, link_id: UUID, decision: str, by: str) -> Link:
        before, after = DECISIONS[decision]
        async with self.work.db.read() as tx:
            known = await store.get(tx, link_id)
        if known is None:
            raise NotFound("link")
        complaints = [known.one, known.other] if known.kind == "complaint" else []
        async with self.work.unit(complaints) as unit:
            version = await store.decide(unit.tx, link_id, before, after, by)
            if version is None:
                now = await store.get(unit.tx, link_id)
                if now and now.state == after:
                    return now  # said twice
                raise Conflict(f"The link is {now.state if now else 'gone'}.")
            if after != "rejected":
                model = ComplaintsLinked if after == "confirmed" else ComplaintsUnlinked
                for about, other in (complaints, reversed(complaints)) if complaints else ():
                    told = model(other_complaint_id=other, evidence=tuple(known.evidence), by=by)
                    unit.add(about, uuid5(link_id, f"{after} {version}"), [Emit(told)])
            found = await store.get(unit.tx, link_id)
        assert found
        return found
