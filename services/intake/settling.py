"""What follows from mails: the second transaction, from what they say to their outcomes. Many mails share one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.events.intake import BounceReceived, Person
from shared.spine.effects import Effect, Emit
from shared.spine.unit import Unit, Work, counted

from . import accounting, classify, commands, identity, letters_in
from .admission import Admission
from .answers import Answers, senders
from .commands import Said
from .entry import Entry
from .mail import Mail
from .metrics import DUPLICATE, MAILS
from .model import Case
from .retention import Class
from .store import entries
from .store import mails as store
from .store.mails import Arrival, Decision, Outcome

DOUBTFUL: tuple[Class, ...] = ("spam", "quarantined")  # of no use to anybody once the sample was looked at


@dataclass(frozen=True, slots=True)
class Parsed:
    """An arrival and what its bytes say; `failed` tells why they say nothing."""

    arrival: Arrival
    mail: Mail
    failed: str = ""


@dataclass(slots=True)
class _Judged:
    """A mail with its verdict. `target` is the complaint that it begins or is about."""

    arrival: Arrival
    mail: Mail
    verdict: classify.Verdict
    content_id: UUID

    @property
    def target(self) -> UUID | None:
        if classify.first_message(self.verdict.outcome):
            return self.content_id
        return self.verdict.about.complaint_id if self.verdict.about else None

    @property
    def readable(self) -> bool:
        """An empty or unreadable mail says nothing that another one could have said."""
        return self.verdict.outcome != "quarantined"

    @property
    def claims(self) -> bool:
        """Only what something follows from can be repeated: who was taken for a robot once may write the same again."""
        return self.verdict.outcome not in ("quarantined", "spam", "auto_reply")


@dataclass(frozen=True, slots=True)
class Settling:
    """`settle` does what follows. `gateways` are hosts whose Received header is believed."""

    work: Work[Case]
    admission: Admission
    gateways: frozenset[str]

    async def settle(self, batch: Sequence[Parsed]) -> list[Outcome]:
        """Judge, do what follows and write the outcomes, in one transaction. An outcome that stands is kept."""
        found = await self.work.db.retrying(lambda: self._settle(batch))
        for outcome in found:
            MAILS.labels(outcome.outcome).inc()
            if outcome.outcome == "duplicate":
                DUPLICATE.labels("email").inc()
        return found

    async def _settle(self, batch: Sequence[Parsed]) -> list[Outcome]:
        async with self.work.unit() as unit:
            judged = await self._judge(unit, batch)
            await unit.lock(j.target for j in judged if j.target)
            wanted: dict[UUID, _Judged] = {}
            for one in judged:
                if one.claims:
                    wanted.setdefault(one.content_id, one)
            rows = {id: (j.arrival.raw_id, j.verdict.outcome, j.target) for id, j in wanted.items()}
            asked = {j.content_id for j in judged if j.readable and not j.claims}
            ours, others = await store.claim(unit.tx, rows, asked)
            first = [j for j in judged if j.content_id in ours and wanted[j.content_id] is j]
            await self._begin(unit, [j for j in first if classify.first_message(j.verdict.outcome)])
            await self._go_on(unit, [j for j in first if j.verdict.about and j.target != j.content_id])
            decisions = [self._decision(j, wanted, ours, others) for j in judged]
            became, decided = await store.decide(unit.tx, decisions)
            unit.count(*(accounting.mail_decided(source, outcome) for source, outcome in decided))
            for doubtful in DOUBTFUL:
                if found := [d.raw_id for d in decisions if d.outcome == doubtful]:
                    await store.shorten(unit.tx, found, self.admission.retention.of(doubtful))
        return [became[parsed.arrival.raw_id] for parsed in batch]

    async def _judge(self, unit: Unit, batch: Sequence[Parsed]) -> list[_Judged]:
        mails = [parsed.mail for parsed in batch]
        ids = {i for mail in mails for i in classify.message_ids(mail)}
        references = {r for mail in mails for r in classify.quoted_references(mail)}
        by_letter, by_reference = await store.known(unit.tx, sorted(ids), sorted(references))
        claimed = await store.claimed(unit.tx, [i for mail in mails if (i := self._former_id(mail))])
        marked = sorted({mail.sender for mail in mails if mail.marked_spam and mail.sender})
        customers = await store.customers(unit.tx, marked)
        judged = []
        for arrival, mail, failed in ((p.arrival, p.mail, p.failed) for p in batch):
            known_sender = mail.sender in customers
            verdict = (
                classify.Verdict("quarantined", reason=failed)
                if failed
                else classify.judge(
                    mail, by_letter, by_reference, known_sender=known_sender, rescued=arrival.rescued
                )
            )  # fmt: skip
            former = self._former_id(mail)
            content_id = former if former in claimed else self._content_id(mail, mail.content_hash)
            judged.append(_Judged(arrival, mail, verdict, content_id))
        return judged

    def _content_id(self, mail: Mail, content_hash: str) -> UUID:
        return identity.keyed_id(self.admission.deployment, "mail", f"{mail.message_id}\x1f{content_hash}")

    def _former_id(self, mail: Mail) -> UUID | None:
        """The id under which an earlier version kept a mail of HTML only: when it comes again it is no new one."""
        return self._content_id(mail, mail.former_hash) if mail.former_hash else None

    @staticmethod
    def _decision(
        one: _Judged, wanted: Mapping[UUID, _Judged], ours: set[UUID], others: Mapping[UUID, store.Claim]
    ) -> Decision:
        raw_id, verdict = one.arrival.raw_id, one.verdict
        claim = others.get(one.content_id)
        said_before = one.readable and (one.content_id in wanted or claim is not None)
        if not said_before or (one.content_id in ours and wanted[one.content_id] is one):
            return Decision(raw_id, verdict.outcome, one.target, verdict.reason or one.mail.remark)
        return Decision(raw_id, "duplicate", claim.complaint_id if claim else wanted[one.content_id].target, "")

    async def _begin(self, unit: Unit, judged: Sequence[_Judged]) -> None:
        """Complaints, questions, praise, suggestions: admitted like any other."""
        if not judged:
            return
        answers = await self._answers(unit, judged)
        begun: list[Entry] = []
        for one in judged:
            kind = classify.first_message(one.verdict.outcome)
            assert kind
            entry = letters_in.entry(one.arrival, one.mail, kind, one.content_id, self._received(one))
            entry.quiet = not answers.may(one.mail)
            begun.append(entry)
        await store.answered(unit.tx, answers.answered, unit.now)
        await self.admission.admit(unit, begun)

    async def _go_on(self, unit: Unit, judged: Sequence[_Judged]) -> None:
        """Replies, chases, bounces: words about complaints that are known."""
        if not judged:
            return
        answers = await self._answers(unit, [j for j in judged if _answered_by_machine(j)])
        known = await self.work.store.load(unit.tx, sorted({j.target for j in judged if j.target}))
        changed: dict[UUID, Case] = {}
        for one in judged:
            assert one.target
            case = known[one.target]
            effects = await self._later(unit, one, case, answers) if case.origin else []
            if effects:
                case.version += 1
                unit.add(case.complaint_id, one.content_id, effects, counted=counted(case))
                changed[case.complaint_id] = case
        await store.answered(unit.tx, answers.answered, unit.now)
        if changed:
            await self.work.store.save(unit.tx, list(changed.values()))

    @staticmethod
    async def _answers(unit: Unit, judged: Sequence[_Judged]) -> Answers:
        """When machines of ours answered these senders; those who are machines themselves get nothing."""
        return Answers(await store.answers(unit.tx, senders(j.mail for j in judged)), unit.now)

    async def _later(self, unit: Unit, one: _Judged, case: Case, answers: Answers) -> list[Effect]:
        mail, outcome = one.mail, one.verdict.outcome
        if outcome == "bounce":
            return [Emit(_bounced(case, mail))]
        if outcome not in ("reply", "chase"):
            return []
        files = letters_in.files(mail, one.content_id)
        about, until = case.complaint_id, unit.now + self.admission.retention.of("attachment")
        await entries.add_files(unit.tx, [(about, one.content_id, f) for f in files], until)
        word = Said(
            id=one.content_id,
            channel="email",
            text=mail.fresh or mail.text,
            received_at=self._received(one),
            attachments=tuple(f.reference() for f in files),
            file_names={f.id: f.name for f in files},
            thread=letters_in.thread(mail),
            answers_letter=one.verdict.about.letter_id if one.verdict.about else None,
            unknown_sender=mail.sender if one.verdict.unknown else None,
            asks=one.verdict.asks,
            quiet=_answered_by_machine(one) and not answers.may(mail),
        )
        command = commands.chase if outcome == "chase" else commands.message
        if one.verdict.unsolved and case.stage in ("resolved", "closed"):
            command = commands.reopen
        return list(command(case, word, unit.now))

    def _received(self, one: _Judged) -> datetime:
        """When a part of the company took the mail: a gateway of ours, the mailbox, or we.

        A Received header that anybody may have written counts for nothing.
        """
        arrival, mail = one.arrival, one.mail
        if mail.received_at and mail.received_by in self.gateways:
            return min(mail.received_at, arrival.seen_at)
        return min(arrival.received_at or arrival.seen_at, arrival.seen_at)


def _answered_by_machine(one: _Judged) -> bool:
    """A chase is told how the case stands; somebody we do not know who asks about it is asked who they are."""
    verdict = one.verdict
    return verdict.outcome == "chase" or (verdict.outcome == "reply" and verdict.unknown and verdict.asks)


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
