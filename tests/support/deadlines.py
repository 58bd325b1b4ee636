"""Deadlines of a real escalation under trouble: set, let come due, then counted on the topic by an auditor."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from deploy.local.services import Service
from services.escalation.book import PolicyBook
from services.escalation.handlers import Escalation
from services.escalation.store import Store
from shared.calendars import builtin
from shared.events.envelope import Event, source_of
from shared.spine.effects import Emit
from shared.spine.spine import Spine
from tests.support import lives, spines
from tests.support.house import House
from tests.support.servers import DEPLOYMENT
from tests.support.spines import eventually
from tests.support.topic import Topic, read_topic

LIMIT, WARNED, LAST_RUNG = timedelta(seconds=4), 0.75, timedelta(seconds=1)
PACK = f"""\
pack: house-tiered
title: One promise that is watched closely, and one that ends in the night when clocks change
notice: Example configuration, not legal advice.
source: Test data.
as_of: 2026-11-01
confidence: design
calendar: always
clocks:
  - clock: acknowledgement
    when: {{tier: low}}
    limit: {LIMIT.seconds}s
    warn: {WARNED}
    ladder:
      - {{at: 100%, action: notify, to: handler}}
      - {{at: +{LAST_RUNG.seconds}s, action: notify, to: lead}}
  - {{clock: decision, when: {{tier: top}}, limit: 1cd, calendar: always@Europe/London}}
"""
STEPS = (("sla.warning.v1", None), ("sla.breached.v1", None), ("sla.rung-reached.v1", 1), ("sla.rung-reached.v1", 2))
_WAITING = "SELECT 1 FROM escalation.timer WHERE fire_at < now() + interval '10 min' LIMIT 1"
_UNSENT = "SELECT 1 FROM escalation.outbox LIMIT 1"
_BATCH = 250
_REPLAYED = 86_400.0  # a deadline that lay in the past when its complaint was told says nothing about noticing

Step = tuple[UUID, str, int | None, datetime]
"""What is due once: complaint, type, rung, and when it is true."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    clocks: int
    wanted: int
    once: int
    twice: int
    missing: int
    unwanted: int
    latest: float

    HEAD = (
        f"  {'case':66} {'clocks':>7} {'due':>7} {'once':>7} {'twice':>6} {'missing':>8} {'unwanted':>9} {'latest':>8}"
    )

    def __str__(self) -> str:
        return (
            f"  {self.case:66} {self.clocks:7,} {self.wanted:7,} {self.once:7,} {self.twice:6,} {self.missing:8,} "
            f"{self.unwanted:9,} " + (f"{self.latest:6.2f} s" if self.latest < _REPLAYED else f"{'-':>8}")
        )

    @property
    def right(self) -> bool:
        """Everything that was due was told once, and nothing else."""
        return (self.once, self.twice, self.missing, self.unwanted) == (self.wanted, 0, 0, 0)


class Deadlines:
    """Escalation processes over a database and a topic of their own, and the complaints they watch."""

    def __init__(self, house: House) -> None:
        (house.folder / "pack.yaml").write_text(PACK)
        self.house, self.database, bootstrap = house, house.database, house.around.kafka_bootstrap
        self._book = PolicyBook(builtin())
        self._escalation, self._store = Escalation(self._book), Store(self._book)
        settings = spines.settings(house.database, "escalation", bootstrap, house.topic)
        self._spine: Spine[Any] = Spine(settings, service="escalation", store=self._store, handlers={})
        source = spines.settings(house.database, "intake", bootstrap, house.topic)
        self.source: Spine[Any] = Spine(source, service="intake", store=spines.Nothing(), handlers={})

    async def watch(self, complaints: Sequence[UUID], received_at: Callable[[int], datetime], tier: str) -> None:
        """Start the complaints' clocks as ComplaintReceived does, without the way over the topic."""
        for begin in range(0, len(complaints), _BATCH):
            some = {c: received_at(n) for n, c in enumerate(complaints[begin : begin + _BATCH], begin)}
            await self._spine.db.retrying(partial(self._watch, some, tier))

    async def _watch(self, some: Mapping[UUID, datetime], tier: str) -> None:
        async with self._spine.work.unit(some) as unit:
            cases = await self._store.load(unit.tx, list(some))
            for complaint, at in some.items():
                event: Event[Any] = Event(uuid4(), complaint, lives.received(at, tier=tier), unit.now, 1, DEPLOYMENT)
                effects = list(self._escalation.on_received(cases[complaint], event, unit.now))
                cases[complaint].version += 1
                unit.add(complaint, event.id, effects)
            await self._store.save(unit.tx, list(cases.values()))

    async def due_together(self, n: int, *, ahead: float = 2.0) -> tuple[list[UUID], datetime]:
        """n complaints whose one deadline is the same moment, soon: at least `ahead` after their first warning is
        seconds away. Gives that moment."""
        complaints = [uuid4() for _ in range(n)]
        (row,) = await self.house.query("SELECT now() AS now")
        due = row["now"] + LIMIT + timedelta(seconds=ahead - LIMIT.seconds * WARNED + n / 400)
        await self.watch(complaints, lambda _: due - LIMIT, "low")
        (row,) = await self.house.query("SELECT now() AS now")
        assert row["now"] < due - (1 - WARNED) * LIMIT, "too slow a machine for this test"
        return complaints, due

    async def until(self, moment: datetime) -> None:
        """Wait for a moment of the database's clock."""
        (row,) = await self.house.query("SELECT now() AS now")
        await asyncio.sleep(max(0.0, (moment - row["now"]).total_seconds()))

    async def tell(self, complaint: UUID, *data: Any) -> None:
        """Let the services that say such things say them (the source's relay has to run)."""
        async with self.source.work.unit([complaint]) as unit:
            for payload in data:
                unit.service, unit.source = payload.emitter, source_of(DEPLOYMENT, payload.emitter)
                unit.add(complaint, uuid4(), [Emit(payload)])

    async def over(self, *, seconds: float) -> None:
        """Wait until nothing is due any more and everything was sent."""

        async def done() -> bool:
            return not await self.house.query(_WAITING) and not await self.house.query(_UNSENT)

        await eventually(done, seconds=seconds, what="everything due was fired and sent")

    async def count(self, case: str, complaints: Iterable[UUID], wanted: Iterable[Step]) -> Row:
        """What the topic says about these complaints, against what was due."""
        known, expected = set(complaints), set(wanted)
        topic = await read_topic(self.house.around.kafka_bootstrap, self.house.topic)
        assert topic.wrong == []
        found = Counter(step for step in _steps(topic) if step[0] in known)
        return Row(
            case=case, clocks=len(known), wanted=len(expected),
            once=sum(found[step] == 1 for step in expected), twice=sum(n > 1 for n in found.values()),
            missing=sum(step not in found for step in expected), unwanted=len(found.keys() - expected),
            latest=max((late for c, late in _noticed(topic) if c in known), default=0.0),
        )  # fmt: skip

    def replica(self, name: str, *wrapper: str) -> None:
        """One more escalation, to be started by another program, which changes what it sees."""
        house = self.house
        command = [*wrapper, sys.executable, "-m", "tests.support.child", "escalation"]
        env = {"TEST_ROOM": str(house.room("escalation")), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        log = house.folder / f"{name}.log"
        house.processes[name] = Service(name, "escalation", house.around, log, env, command)

    async def close(self) -> None:
        """Stop what runs."""
        await asyncio.to_thread(self.house.stop)
        await self._spine.closed()
        await self.source.closed()


def every_step(complaints: Iterable[UUID], due: datetime) -> list[Step]:
    """What a clock that nobody stops leads to: warning, breach, two rungs, each true at its own time."""
    at = {0: due - (1 - WARNED) * LIMIT, 1: due, 2: due, 3: due + LAST_RUNG}
    return [(c, type_, rung, at[n]) for c in complaints for n, (type_, rung) in enumerate(STEPS)]


def _steps(topic: Topic) -> Iterable[Step]:
    for fact in topic.facts:
        if fact.type in ("sla.warning.v1", "sla.breached.v1"):
            yield fact.complaint, fact.type, None, fact.time
        elif fact.type == "sla.rung-reached.v1":
            yield fact.complaint, fact.type, json.loads(fact.body)["rung"], fact.time


def _noticed(topic: Topic) -> Iterable[tuple[UUID, float]]:
    for fact in topic.facts:
        if fact.type == "sla.breached.v1":
            noticed = datetime.fromisoformat(json.loads(fact.body)["noticed_at"])
            yield fact.complaint, (noticed - fact.time).total_seconds()
