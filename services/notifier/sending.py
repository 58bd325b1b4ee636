"""How letters leave: claim what is due, send it over a few connections, settle what became of it.

While there is room, the transaction that writes a letter claims it by the way. A letter is `sending` in the database,
committed, before its first byte leaves, until what became of it is written down. At most two letters per connection are
in that state, on their way or waiting to be settled: that many a crash leaves whose fate nobody knows, and when their
lease lapses they are declared unknown.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import structlog

from shared.base import tracing
from shared.base.doubt import certain
from shared.base.loops import Loop, LoopControl
from shared.deliver.backoff import next_try
from shared.deliver.ledger import Outcome, message_id
from shared.deliver.smtp import no_such_address
from shared.events.envelope import named_id
from shared.events.notifier import LetterFailed, LetterSent, LetterText, LetterUnknown, PromiseKept
from shared.spine.effects import Arm, Disarm, Effect, Emit
from shared.spine.spine import Spine
from shared.spine.unit import Unit

from . import promises
from .debts import another_way
from .letter import ANSWERS
from .metrics import ATTEMPTS, IN_FLIGHT, LETTERS, SEND_SECONDS
from .model import Matter
from .policy import Policy
from .store import Attempt, Outgoing, Ready, Settled
from .store.cases import suppress
from .store.outgoing import reason
from .ways import Ways

log = structlog.get_logger()
PER_CONNECTION = 2
LAPSE_SECONDS = 5.0
LINGER, LINGER_WITH_ROOM = 0.02, 0.08  # with a backlog places stand empty meanwhile; otherwise nobody waits for them


class Sender:
    """The notifier's own three loops: sender, settler, lapse."""

    def __init__(
        self, spine: Spine[Matter], ready: Ready, outgoing: Outgoing, ways: Ways, policy: Policy, *, lease: float
    ) -> None:
        self.spine, self.outgoing, self.ways, self.policy, self.lease = spine, outgoing, ways, policy, lease
        self._ready = ready
        self._most = PER_CONNECTION * ways.pool.size
        self._held = 0  # claimed and not yet settled: what a crash would leave unknown
        self._full = False  # whether there are more letters than may be held
        self._flying: set[asyncio.Task[None]] = set()
        self._done: list[Settled] = []
        self._chance = Random()
        self._sender = Loop("sender", self._send_loop, stall_after=120)
        self._settler = Loop("settler", self._settle_loop, stall_after=120)
        ready.take, ready.lease = self._take, timedelta(seconds=lease)
        spine.work.wakes.committed.append(self._committed)
        spine.work.wakes.undone.append(self._undone)

    def loops(self) -> list[Loop]:
        """To be supervised."""
        return [self._sender, self._settler, Loop("lapse", self._lapse_loop)]

    def _committed(self) -> None:
        # Most commits make no letter ready; claiming after each would cost a transaction for nothing.
        if made := self._ready.ended():
            self._hold(len(made.claimed) - made.room)
            self._start(made.claimed)
            if made.ready and hasattr(self._sender, "control"):
                self._sender.control.wake.set()

    def _undone(self) -> None:
        if made := self._ready.ended():
            self._hold(-made.room)

    def _take(self, wanted: int) -> int:
        """How many new letters the transaction that writes them may claim: as many as can leave at once.

        While traces are made it is none: where a letter came from is known when its transaction has ended.
        """
        started = hasattr(self._settler, "control") and not self._settler.control.stopping
        room = min(wanted, self._most - self._held) if started and not self._full and not tracing.on() else 0
        self._hold(room)
        return room

    # Claim and send

    async def _send_loop(self, ctl: LoopControl) -> None:
        """Claims while few letters are held. Under a backlog the settler claims: one transaction instead of two."""
        while not ctl.stopping:
            ctl.beat()
            room = 0 if self._full and self._held else self._most - self._held
            if room > 0:
                self._hold(room)
                claimed: list[Attempt] = []
                try:
                    async with certain(self.spine.db) as tx:  # what nobody knew to be claimed would end as unknown
                        claimed = await self.outgoing.claim(tx, n=room, lease=self.lease)
                finally:
                    self._hold(len(claimed) - room)
                self._start(claimed)
                self._full = len(claimed) >= room
            if not self._full or self._held:
                await ctl.sleep(1.0)  # woken when letters become ready, or when all that were held are settled
        if self._flying:
            await asyncio.wait(self._flying)

    def _hold(self, n: int) -> None:
        self._held += n
        IN_FLIGHT.set(self._held)

    def _start(self, claimed: Iterable[Attempt]) -> None:
        for attempt in claimed:
            task = asyncio.create_task(self._send(attempt))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    async def _send(self, attempt: Attempt) -> None:
        started = time.perf_counter()
        if tracing.on():
            attempt, outcome = await self._send_traced(attempt)
        else:
            outcome = await self.ways.deliver(attempt, within=self.lease / 2)
        SEND_SECONDS.observe(time.perf_counter() - started)
        self._done.append(self._judged(attempt, outcome, datetime.now(UTC)))
        self._settler.control.wake.set()

    async def _send_traced(self, attempt: Attempt) -> tuple[Attempt, Outcome]:
        ids = {"amends__complaint_id": str(attempt.complaint_id), "amends__letter_id": str(attempt.id)}
        with tracing.span("smtp send", parent=attempt.traceparent, amends__letter_kind=attempt.kind, **ids) as span:
            outcome = await self.ways.deliver(attempt, within=self.lease / 2)
            span.set_attribute("amends.outcome", outcome.state)
            return replace(attempt, traceparent=tracing.current()), outcome

    def _judged(self, attempt: Attempt, outcome: Outcome, at: datetime) -> Settled:
        if outcome.state != "retry":
            return Settled(attempt, outcome, at)
        again = next_try(
            at, attempt.attempts, attempt.deadline_at,
            base=self.policy.retry_base, cap=self.policy.retry_cap, chance=self._chance,
        )  # fmt: skip
        if again is None:
            return Settled(attempt, Outcome("failed", outcome.code, f"{outcome.detail} until the deadline".strip()), at)
        return Settled(attempt, outcome, at, again)

    # Settle

    async def _settle_loop(self, ctl: LoopControl) -> None:
        # Outlives the sender: what is in flight at a stop is still settled.
        settled_at = 0.0
        while not ctl.stopping or self._held:
            ctl.beat()
            if not self._done:
                await (ctl.sleep(0.5) if not ctl.stopping else asyncio.sleep(0.01))
                continue
            await self._gather(ctl, settled_at)
            batch, self._done = self._done, []
            backlog = self._full and not ctl.stopping
            room = self._most - self._held if backlog else 0
            more = len(batch) + room if backlog else 0
            self._hold(room)
            try:
                claimed = await self.spine.db.retrying(lambda b=batch, n=more: self.settle(b, n))  # type: ignore[misc]
            except BaseException:
                self._done = batch + self._done  # the loop comes back to them when the database does
                self._hold(-room)
                raise
            settled_at = asyncio.get_running_loop().time()
            self._hold(len(claimed) - len(batch) - room)
            if more:
                self._start(claimed)
                self._full = len(claimed) >= more
            if not self._full or not self._held:
                self._sender.control.wake.set()

    async def _gather(self, ctl: LoopControl, settled_at: float) -> None:
        """A transaction costs the same for one letter as for many: under load some are gathered, none when idle.

        With a backlog all that fly are waited for: fewer transactions count for more than an early one.
        """
        clock = asyncio.get_running_loop().time
        linger = LINGER if self._full else LINGER_WITH_ROOM
        until = clock() + linger
        if clock() - settled_at > 4 * linger:
            return
        enough = self._most if self._full else self._most // 2
        while len(self._done) < enough and (self._flying or not self._full) and not ctl.stopping and clock() < until:
            await ctl.sleep(until - clock())

    async def settle(self, batch: list[Settled], more: int = 0) -> list[Attempt]:
        """Record what became of letters, say it, and take as many as `more` in their place: one transaction."""
        async with self.spine.work.unit([s.attempt.complaint_id for s in batch]) as unit:
            unit.traces |= {s.attempt.complaint_id: s.attempt.traceparent for s in batch if s.attempt.traceparent}
            settled = await self.outgoing.settle(unit.tx, batch)
            sent = [s for s in settled if s.outcome.state == "sent"]
            await self._keep_promises(unit, sent)
            await self.outgoing.promise(unit.tx, sent, unit.now)
            answered = [s.attempt.complaint_id for s in sent if s.attempt.kind in ANSWERS]
            await self.outgoing.cancel_delays(unit.tx, answered)
            for one in settled:
                cause = attempt_cause(one.attempt.id, one.attempt.attempts)
                unit.add(one.attempt.complaint_id, cause, self.follows(one), counted=not one.attempt.probe)
            gone = [s.attempt for s in settled if s.attempt.channel == "email" and no_such_address(s.outcome)]
            await suppress(unit.tx, [(a.address, "refused: no such address", a.id) for a in gone])
            claimed = await self.outgoing.claim(unit.tx, n=more, lease=self.lease) if more else []
        for (kind, state), n in Counter((s.attempt.kind, s.outcome.state) for s in settled).items():
            ATTEMPTS.labels(kind, state).inc(n)
        return claimed

    async def _keep_promises(self, unit: Unit, sent: Sequence[Settled]) -> None:
        kept = [
            (s.attempt.complaint_id, kind, s.at, s.attempt.id)
            for s in sent
            for kind in promises.KEPT_BY_LETTER.get(s.attempt.kind, ())
        ]
        probes = {s.attempt.complaint_id for s in sent if s.attempt.probe}
        for row in await self.outgoing.keep(unit.tx, kept):
            event = PromiseKept(
                promise_id=row.id, kind=row.kind, due_at=row.due_at, kept_at=row.at, evidence=row.evidence
            )
            done = (Emit(event, time=row.at), Disarm(promises.timer(row.id)))
            unit.add(row.complaint_id, row.id, done, counted=row.complaint_id not in probes)

    def follows(self, settled: Settled) -> Iterator[Effect]:
        """What a settled letter says to the others; while it is tried again it is only counted."""
        attempt, names = settled.attempt, _names(settled.attempt)
        match settled.outcome.state:
            case "sent":
                words = LetterText(address=attempt.address, subject=attempt.subject, text=attempt.text)
                sent = LetterSent(
                    **names,
                    message_id=message_id(attempt.id, self.ways.identity.domain),
                    sent_at=settled.at,
                    by_person=attempt.by_person,
                    decision_id=attempt.decision_id,
                    template_version=attempt.template_version,
                    personal={attempt.customer_id: words},
                )
                yield Emit(sent, time=settled.at)
                yield from promises.made(attempt.id, attempt.customer_id, attempt.promises)
            case "retry":
                yield LETTERS.add(attempt.kind, "retry")
            case "failed":
                yield Emit(LetterFailed(**names, reason=reason(settled.outcome) or "failed"))
                yield Arm(another_way(attempt.id), at=settled.at)
            case "unknown":
                yield Emit(LetterUnknown(**names, message_id=message_id(attempt.id, self.ways.identity.domain)))

    # Lapse

    async def _lapse_loop(self, ctl: LoopControl) -> None:
        while not ctl.stopping:
            ctl.beat()
            if await self.lapse() < 100:
                await ctl.sleep(LAPSE_SECONDS)

    async def lapse(self) -> int:
        """Declare letters unknown whose sender was lost; their number."""
        async with self.spine.db.transaction() as tx:
            lapsed = await self.outgoing.lapsed(tx)
        if not lapsed:
            return 0
        async with self.spine.work.unit([complaint for _, complaint in lapsed]) as unit:
            unknown = await self.outgoing.lapse(unit.tx, [id_ for id_, _ in lapsed])
            for attempt in unknown:
                event = LetterUnknown(**_names(attempt), message_id=message_id(attempt.id, self.ways.identity.domain))
                cause = attempt_cause(attempt.id, attempt.attempts)
                unit.add(attempt.complaint_id, cause, [Emit(event)], counted=not attempt.probe)
        for attempt in unknown:
            ATTEMPTS.labels(attempt.kind, "unknown").inc()
            log.warning("a letter's fate is unknown", complaint_id=str(attempt.complaint_id), letter=str(attempt.id))
        return len(unknown)


def attempt_cause(letter: UUID, attempt: int) -> UUID:
    """What ids of an attempt's events are derived from."""
    return named_id(letter, f"attempt:{attempt}")


def _names(attempt: Attempt) -> dict[str, Any]:
    return {
        "letter_id": attempt.id,
        "kind": attempt.kind,
        "language": attempt.language,
        "channel": attempt.channel,
        "trigger": attempt.trigger,
    }
