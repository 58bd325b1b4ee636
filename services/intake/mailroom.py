"""Mail in two transactions: first the bytes, then what becomes of them. Between the two nothing can be lost.

    keep (bytes, "seen") → parse in a worker → judge → one transaction: claim the content, do what follows, the outcome

A crash anywhere leaves an arrival without outcome; the sweep finds it, three times, then it is quarantined.
"""

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import structlog
from prometheus_client import Counter

from shared.base.db import is_transient
from shared.base.loops import LoopControl
from shared.events.intake import BounceReceived, MailThread, Person
from shared.spine.effects import Effect, Emit
from shared.spine.unit import Unit, Work

from . import classify, commands, identity, reference
from .admission import Admission
from .commands import Said
from .entry import Entry, Stored
from .mail import Mail
from .model import Case
from .parsers import Parsers, Unparsable
from .requests import Kind, MailOut
from .store import entries
from .store import mails as store

log = structlog.get_logger()
OUTCOMES = Counter("amends_mail_outcomes_total", "Mails by what became of them", ["outcome"])
TRIES = 3
SWEEP = 50
RETRY = timedelta(seconds=10)
DOUBTFUL_DAYS = timedelta(days=90)


@dataclass(slots=True)
class Mailroom:
    """`receive` takes a mail's bytes; `run` is the sweep. `gateways` are hosts whose Received header is believed."""

    work: Work[Case]
    admission: Admission
    parsers: Parsers
    gateways: frozenset[str]
    answer_within: float = 5.0
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def receive(self, raw: bytes, *, source: str) -> MailOut:
        """Keep the bytes, then wait a little for the outcome: `pending` when it does not come in time."""
        raw_id, digest = identity.uuid7(), hashlib.sha256(raw).digest()
        async with self.work.db.transaction() as tx:
            await store.keep(tx, raw_id, digest, raw, source, RETRY, self.admission.keep)
        task = asyncio.create_task(self._decide(raw_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait({task}, timeout=self.answer_within)
        async with self.work.db.read() as tx:
            found = await store.outcome_of(tx, raw_id)
        if found.outcome is None:
            return MailOut(outcome="pending", raw_id=raw_id)
        return MailOut.model_validate(
            {"outcome": found.outcome, "complaint_id": found.complaint_id, "reference": found.reference}
        )

    async def run(self, control: LoopControl) -> None:
        """The sweep: arrivals without outcome are tried again."""
        while not control.stopping:
            async with self.work.db.read() as tx:
                waiting = await store.due(tx, SWEEP)
            for raw_id in waiting:
                control.beat()
                await self._decide(raw_id)
            await control.sleep(0.0 if len(waiting) == SWEEP else 2.0)

    async def finish(self) -> None:
        """Wait for what is being decided; what is not done is the next sweep's."""
        if self._running:
            await asyncio.wait(self._running, timeout=self.answer_within)
        await self.parsers.close()

    async def _decide(self, raw_id: UUID) -> None:
        """One try. Whatever goes wrong, the arrival stays and is tried again or quarantined."""
        try:
            async with self.work.db.transaction() as tx:
                tries = await store.count_try(tx, raw_id, RETRY)
            if tries is None:
                return
            reason = await self._try(raw_id)
            if reason and tries >= TRIES:
                await self._quarantine(raw_id, reason)
        except Exception as error:
            if not is_transient(error):
                log.error("a mail could not be decided", raw_id=str(raw_id), error=type(error).__name__)

    async def _try(self, raw_id: UUID) -> str | None:
        """Decide an arrival. None when it is decided, otherwise why not."""
        async with self.work.db.read() as tx:
            arrival = await store.get(tx, raw_id)
        if arrival is None:
            return None
        try:
            mail = await self.parsers.parse(arrival.content)
            verdict = await self._judge(mail)
            await self.work.db.retrying(lambda: self._settle(arrival, mail, verdict))
        except Unparsable as error:
            return str(error)
        except Exception as error:
            if is_transient(error):
                raise
            log.error("a mail was not understood", raw_id=str(raw_id), error=type(error).__name__)
            return f"deciding failed: {type(error).__name__}"
        return None

    async def _judge(self, mail: Mail) -> classify.Verdict:
        ids = [*mail.replies_to, *([mail.bounce.message_id] if mail.bounce and mail.bounce.message_id else [])]
        async with self.work.db.read() as tx:
            by_letter, by_reference = await store.known(tx, ids, classify.quoted_references(mail))
            known_sender = bool(mail.sender) and await store.is_customer(tx, mail.sender)
        return classify.judge(mail, by_letter, by_reference, known_sender=known_sender)

    async def _quarantine(self, raw_id: UUID, reason: str) -> None:
        async with self.work.db.transaction() as tx:
            if await store.decide(tx, raw_id, "quarantined", None, reason):
                await store.shorten(tx, raw_id, DOUBTFUL_DAYS)
                OUTCOMES.labels("quarantined").inc()

    async def _settle(self, arrival: store.Arrival, mail: Mail, verdict: classify.Verdict) -> None:
        """The second transaction."""
        content_id = identity.keyed_id(self.admission.deployment, "mail", f"{mail.message_id}\x1f{mail.content_hash}")
        about = verdict.about.complaint_id if verdict.about else None
        target = content_id if classify.first_message(verdict.outcome) else about
        outcome: str = verdict.outcome
        async with self.work.unit([target] if target else []) as unit:
            if outcome == "quarantined":
                pass  # an empty mail says nothing that a second one could repeat
            elif not await store.claim_content(unit.tx, content_id, arrival.raw_id, outcome, target):
                outcome, target = "duplicate", await store.first_of(unit.tx, content_id)
            elif kind := classify.first_message(verdict.outcome):
                await self.admission.admit(unit, [self._entry(arrival, mail, kind, content_id)])
            elif about:
                await self._later(unit, arrival, mail, verdict, content_id)
            await store.decide(unit.tx, arrival.raw_id, outcome, target, verdict.reason)
            if outcome in ("spam", "quarantined"):
                await store.shorten(unit.tx, arrival.raw_id, DOUBTFUL_DAYS)
        OUTCOMES.labels(outcome).inc()

    async def _later(
        self, unit: Unit, arrival: store.Arrival, mail: Mail, verdict: classify.Verdict, content_id: UUID
    ) -> None:
        """A reply, a chase or a bounce: a word about a complaint that is known."""
        assert verdict.about
        about = verdict.about.complaint_id
        case = (await self.work.store.load(unit.tx, [about]))[about]
        effects: list[Effect] = []
        if verdict.outcome == "bounce" and mail.bounce and case.origin:
            effects = [Emit(self._bounced(case, mail))]
        elif verdict.outcome in ("reply", "chase") and case.origin:
            files = self._files(mail, content_id)
            await entries.add_files(unit.tx, [(about, content_id, f) for f in files], unit.now + self.admission.keep)
            word = Said(
                id=content_id,
                channel="email",
                text=mail.fresh or mail.text,
                received_at=self._received(arrival, mail),
                attachments=tuple(f.reference() for f in files),
                file_names={f.id: f.name for f in files},
                thread=_thread(mail),
                answers_letter=verdict.about.letter_id,
            )
            command = commands.chase if verdict.outcome == "chase" else commands.message
            if verdict.unsolved and case.stage in ("resolved", "closed"):
                command = commands.reopen
            effects = list(command(case, word, unit.now))
        if effects:
            case.version += 1
            unit.add(about, content_id, effects)
            await self.work.store.save(unit.tx, [case])

    @staticmethod
    def _bounced(case: Case, mail: Mail) -> BounceReceived:
        assert case.origin
        assert mail.bounce
        customer = case.origin.customer_id
        return BounceReceived(
            customer_id=customer,
            letter_message_id=mail.bounce.message_id or "",
            status=mail.bounce.status,
            permanent=mail.bounce.permanent,
            personal={customer: Person(email=mail.bounce.recipient)} if mail.bounce.recipient else {},
        )

    def _entry(self, arrival: store.Arrival, mail: Mail, kind: Kind, id: UUID) -> Entry:
        text = mail.text or mail.subject  # whole: what a first mail quotes or forwards may be the matter itself
        address = identity.email(mail.sender)
        return Entry(
            id=id,
            reference=reference.new(),
            source=arrival.source,
            came_by="mail",
            kind=kind,
            channel="email",
            person=Person(
                name=mail.sender_name or None,
                email=address or mail.sender or None,
                subject=mail.subject or None,
                text=text,
            ),
            contacts=(identity.Contact("email", address),) if address else (),
            body=json.dumps({"raw_id": str(arrival.raw_id), "subject": mail.subject, "text": text}, ensure_ascii=False),
            body_hash=bytes.fromhex(mail.content_hash),
            size=len(arrival.content),
            received_at=self._received(arrival, mail),
            attachments=self._files(mail, id),
            thread=_thread(mail),
        )

    def _received(self, arrival: store.Arrival, mail: Mail) -> datetime:
        """When a gateway of ours took the mail; a Received header that anybody may have written counts for nothing."""
        if mail.received_at and mail.received_by in self.gateways:
            return min(mail.received_at, arrival.seen_at)
        return arrival.seen_at

    @staticmethod
    def _files(mail: Mail, id: UUID) -> tuple[Stored, ...]:
        return tuple(
            Stored(
                uuid5(id, f"file {n}"), file.name, file.media_type, file.content, hashlib.sha256(file.content).digest()
            )
            for n, file in enumerate(mail.files)
        )


def _thread(mail: Mail) -> MailThread | None:
    return MailThread(message_id=mail.message_id, references=mail.replies_to) if mail.message_id else None
