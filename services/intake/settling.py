"""What follows from a mail: the second transaction, from the judged mail to its outcome."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from prometheus_client import Counter

from shared.events.intake import BounceReceived, MailThread, Person
from shared.spine.effects import Effect, Emit
from shared.spine.unit import Unit, Work

from . import classify, commands, identity, reference
from .admission import Admission
from .commands import Said
from .entry import Entry, Stored
from .mail import Mail
from .model import Case
from .requests import Kind
from .store import entries
from .store import mails as store
from .store.mails import Arrival, Outcome

OUTCOMES = Counter("amends_mail_outcomes_total", "Mails by what became of them", ["outcome"])
DOUBTFUL_DAYS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Settling:
    """`settle` does what follows. `gateways` are hosts whose Received header is believed."""

    work: Work[Case]
    admission: Admission
    gateways: frozenset[str]

    async def settle(self, arrival: Arrival, mail: Mail, verdict: classify.Verdict) -> Outcome:
        """Do what follows and write the outcome, in one transaction. An outcome that stands already is kept."""
        found = await self.work.db.retrying(lambda: self._settle(arrival, mail, verdict))
        OUTCOMES.labels(found.outcome).inc()
        return found

    async def _settle(self, arrival: Arrival, mail: Mail, verdict: classify.Verdict) -> Outcome:
        content_id = identity.keyed_id(self.admission.deployment, "mail", f"{mail.message_id}\x1f{mail.content_hash}")
        about = verdict.about.complaint_id if verdict.about else None
        target = content_id if classify.first_message(verdict.outcome) else about
        outcome: str = verdict.outcome
        async with self.work.unit([target] if target else []) as unit:
            if outcome == "quarantined":
                target = None  # an empty or unreadable mail says nothing that a second one could repeat
            elif not await store.claim_content(unit.tx, content_id, arrival.raw_id, outcome, target):
                outcome, target = "duplicate", await store.first_of(unit.tx, content_id)
            elif kind := classify.first_message(verdict.outcome):
                await self.admission.admit(unit, [self._entry(arrival, mail, kind, content_id)])
            elif about:
                await self._later(unit, arrival, mail, verdict, content_id)
            decided = await store.decide(unit.tx, arrival.raw_id, outcome, target, verdict.reason)
            if decided and outcome in ("spam", "quarantined"):
                await store.shorten(unit.tx, arrival.raw_id, DOUBTFUL_DAYS)
            return await store.outcome_of(unit.tx, arrival.raw_id)

    async def _later(
        self, unit: Unit, arrival: Arrival, mail: Mail, verdict: classify.Verdict, content_id: UUID
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

    def _entry(self, arrival: Arrival, mail: Mail, kind: Kind, id: UUID) -> Entry:
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

    def _received(self, arrival: Arrival, mail: Mail) -> datetime:
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
