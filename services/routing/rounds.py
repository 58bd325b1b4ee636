"""The round: read without locks, match, then write under locks what is still true; the rest goes to the next round."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.base.loops import LoopControl
from shared.events.common import Staff
from shared.spine.effects import Effect
from shared.spine.spine import Spine
from shared.spine.unit import Unit, command_cause, counted

from . import states
from .handlers import Offers
from .matching import Assignment, Explanation, match
from .metrics import ROUND_SECONDS, ROUTE_SECONDS, ROUTED, ROUTED_OUTCOMES
from .model import Case, Handler
from .policy import Policy
from .presence import absent
from .store import Store, people, rounds

MAX_LINGER = 0.025
MOST_WRITES = 500  # cases of one write transaction


@dataclass(frozen=True)
class Plan:
    """What a round wants to write."""

    assignments: Sequence[Assignment]
    unroutable: Sequence[tuple[UUID, int, Explanation]]
    explanations: dict[UUID, Explanation]
    leads: Sequence[Handler]


class Rounds:
    """The loop that turns waiting cases into offers and assignments. Replicas may run it at once."""

    def __init__(self, spine: Spine[Case], store: Store, policy: Policy) -> None:
        self.spine, self.store, self.policy = spine, store, policy
        self.offers, self.directory = Offers(policy), people.Directory()
        self._looked_at = 0.0
        self._full = False
        self._backlog = 0
        self._unfit: set[str] = set()  # signatures for which nobody on the staff fits, whoever is there
        self._edition = 0  # of the staff for which that was found
        self._control: LoopControl | None = None
        for queue in policy.queues:
            for outcome in ROUTED_OUTCOMES:
                ROUTED.labels(queue, outcome)

    async def run(self, ctl: LoopControl) -> None:
        """Rounds, woken by commits that concern them; a look at everything once in a while regardless."""
        self._control = ctl
        self.spine.work.wakes.committed.append(self._committed)
        busy = 0
        while not ctl.stopping:
            await self.round()
            slept = time.monotonic()
            await ctl.sleep(self.policy.round_idle_seconds)
            # Cost is per round: the more they follow one another, the longer one gathers what commits bring.
            busy = busy + 1 if time.monotonic() - slept < MAX_LINGER else 0
            await asyncio.sleep(min(MAX_LINGER, 0.005 * busy))

    def wake(self) -> None:
        """Start a round soon, where the loop runs."""
        if self._control is not None:
            self._control.wake.set()

    def _committed(self) -> None:
        # While everybody is full, one more waiting case changes nothing: only a freed place does.
        news = self.store.freed if self._full else max(self.store.queued, self.store.freed)
        if time.monotonic() < news:
            self.wake()

    async def round(self) -> int:
        """One round; how many cases were offered, assigned or told to be unroutable."""
        plan = await self.plan()
        if not plan.assignments and not plan.unroutable:
            return 0
        ids = [a.case.complaint_id for a in plan.assignments] + [i for i, _, _ in plan.unroutable]
        done = 0
        for start in range(0, len(ids), MOST_WRITES):
            some = ids[start : start + MOST_WRITES]
            done += await self.spine.db.retrying(partial(self.write, plan, some))
        if done:
            self.wake()  # what was passed over for want of candidates follows at once
        return done

    async def plan(self) -> Plan:
        """What a round would write, from a look without locks."""
        nothing = Plan((), (), {}, ())
        async with self.spine.db.transaction() as tx:
            # Without a free place there is nothing to assign; who cannot be routed is looked for once in a while.
            due = time.monotonic() - self._looked_at >= self.policy.round_idle_seconds
            if self._full and not due and not await rounds.free_places(tx):
                return nothing
            staff = await self.directory.read(tx)
            free = sum(max(0, h.capacity - h.load) for h in staff if h.presence == "available")
            self._full = not free
            if self._full and not due:
                return nothing
            looked = await self._look(tx, staff, free, due=due)
        if not looked:
            return nothing
        now = looked[0].now
        cases = [item.waiting for item in looked]
        started = time.perf_counter()
        matching = partial(match, cases, staff, now, self.policy, backlog=self._backlog)
        off_the_loop = len(cases) * len(staff) > self.policy.thread_above
        matched = await asyncio.to_thread(matching) if off_the_loop else matching()
        ROUND_SECONDS.observe(time.perf_counter() - started)
        leads = [h for h in staff if h.is_lead and not absent(h, now)] or [h for h in staff if h.is_lead]
        hopeless = [
            (item.waiting.complaint_id, item.waiting.version, why)
            for item in looked
            if not item.unroutable and self._hopeless(why := matched.explanations[item.waiting.complaint_id], item)
        ]
        self._remember_unfit(looked, matched.explanations, {i for i, _, _ in hopeless})
        return Plan(matched.assignments, hopeless, matched.explanations, leads)

    async def _look(
        self, tx: AsyncConnection, staff: Sequence[Handler], free: int, *, due: bool
    ) -> Sequence[rounds.Looked]:
        """The cases of this round. What costs with the length of the queue is done when everything is looked at."""
        if due or self.directory.edition != self._edition:
            self._unfit.clear()
            self._edition = self.directory.edition
        most, limit = self.policy.candidates_per_signature, self.policy.overload
        if not due:
            # No requirement can get more places than there are, so a round that fills one looks at few cases.
            looked, _ = await rounds.waiting(tx, self.policy, min(most, free), self._unfit)
            return looked
        self._looked_at = time.monotonic()
        # As far as it matters: whether the load is above the policy's limit.
        count = int(limit.above * sum(h.capacity for h in staff)) + 1 if limit else 0
        looked, self._backlog = await rounds.waiting(tx, self.policy, most, count=count)
        return looked

    def _remember_unfit(
        self, looked: Sequence[rounds.Looked], why: Mapping[UUID, Explanation], told: AbstractSet[UUID]
    ) -> None:
        """Cases that nobody can take, now or later, are not read again in each round, only once in a while. Where some
        are told so now, there may be more behind them that have to be told."""
        unfit = {item.signature: True for item in looked}
        for item in looked:
            i = item.waiting.complaint_id
            unfit[item.signature] &= why[i].lacking == "nobody" and i not in told
        self._unfit.update(signature for signature, nobody in unfit.items() if nobody)

    def _hopeless(self, why: Explanation, item: rounds.Looked) -> bool:
        age, after = (item.now - item.waiting.since).total_seconds(), self.policy.unroutable_after
        return (why.lacking == "nobody" and age >= after.nobody) or (why.lacking == "absent" and age >= after.absent)

    async def write(self, plan: Plan, ids: Sequence[UUID]) -> int:
        """Write what is still true of a plan for these cases, under locks; how many there were."""
        async with self.spine.work.unit(ids) as unit:
            await rounds.lock(unit.tx)
            cases = await self.store.load(unit.tx, ids)
            waiting = {i: c for i, c in cases.items() if c.state in states.QUEUED and not unit.streams[i].stalled}
            done = await self._assign(unit, plan, waiting)
            for complaint_id, version, why in plan.unroutable:
                case = waiting.get(complaint_id)
                if case is not None and case.version == version and complaint_id not in done:
                    self._apply(unit, case, self.offers.unroutable(case, why, unit.now))
                    done[complaint_id] = "unroutable"
            await self.store.save(unit.tx, [cases[i] for i in done])
            await rounds.keep_explanations(
                unit.tx,
                [(i, cases[i].version, outcome, plan.explanations[i]) for i, outcome in done.items()],
                unit.now,
            )
        for complaint_id, outcome in done.items():
            ROUTED.labels(cases[complaint_id].queue, outcome).inc()
        return len(done)

    async def _assign(self, unit: Unit, plan: Plan, waiting: dict[UUID, Case]) -> dict[UUID, str]:
        still = [
            a
            for a in plan.assignments
            if (case := waiting.get(a.case.complaint_id)) is not None and case.version == a.case.version
        ]
        if not still:
            return {}
        ids = sorted({a.handler.id for a in still})
        await rounds.lock_handlers(unit.tx, ids)
        staff = {h.id: h for h in await self.directory.read(unit.tx, ids)}
        done: dict[UUID, str] = {}
        given: set[str] = set()
        for choice in still:
            handler = staff.get(choice.handler.id)
            if handler is None or absent(handler, unit.now) or not self._has_room(handler, choice):
                continue
            asked = handler.open_offers + choice.case.offer
            staff[handler.id] = replace(handler, load=handler.load + choice.case.weight, open_offers=asked)
            case = waiting[choice.case.complaint_id]
            self._apply(unit, case, self.offers.give(case, choice, lead_of(plan.leads, case), unit.now))
            ROUTE_SECONDS.observe(max(0.0, (unit.now - choice.case.since).total_seconds()))
            done[case.complaint_id] = "offered" if case.offer else "matched"
            given.add(handler.id)
        await rounds.given(unit.tx, sorted(given))
        return done

    def _has_room(self, handler: Handler, choice: Assignment) -> bool:
        deciding = choice.case.offer and handler.open_offers >= self.policy.open_offers
        load = handler.load + choice.case.weight if handler.load else 1
        return load <= handler.capacity and not deciding

    def _apply(self, unit: Unit, case: Case, effects: Iterable[Effect]) -> None:
        decided = list(effects)
        case.version += 1
        unit.add(case.complaint_id, command_cause("routing", case), decided, counted=counted(case))


def lead_of(leads: Sequence[Handler], case: Case) -> Staff | None:
    """The lead of a case: one who speaks its language, always the same one for the same case."""
    able = [h for h in leads if case.language in h.languages] or list(leads)
    return able[case.complaint_id.int % len(able)].staff if able else None
