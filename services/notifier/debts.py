"""A debt to a customer and its letter: owed, written, held, approved, rejected, sent again."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.base.errors import Conflict, NotFound, Problem
from shared.deliver.ledger import UNCLAIMED, move
from shared.events.notifier import LetterBlocked as LetterBlockedEvent
from shared.events.notifier import LetterFailed
from shared.spine.effects import Arm, Disarm, Effect, Emit

from . import approvals, reach
from .approvals import Amendment
from .letter import Kind, LetterBlocked
from .model import Facts, LetterRow, Matter, Recipient, letter_id
from .record import remembered
from .writer import Writer

# What no lead may wave through: somebody else's data, a wrong recipient, a wrong amount, a missing right.
NEVER_OVERRIDDEN = frozenset({"G5", "G7", "C5", "G11"})
HELD_BULK = "a notice to many goes out after a lead, a manager or an approver has approved it"
HELD_HARM = "a letter about harm binds the company: a lead, a manager or an approver has to approve it"
# What a second person reads first, and why.
APPROVED_ONLY: dict[Kind, str] = {"bulk_notice": HELD_BULK, "regret_and_action": HELD_HARM}
HELD_QUIET = "the sender had an automatic answer within 24 hours, or is a machine: a person lets this one go"
HELD_T0 = "danger to life is possible: a person has to approve every automatic letter"


class Debts:
    """What is done with single letters. Pure: it changes the matter it is given and says what follows."""

    def __init__(self, writer: Writer, *, channels: Collection[str] = ("email",)) -> None:
        """`channels`: on which letters can leave."""
        self.writer, self.policy, self.channels = writer, writer.policy, channels

    def owe(
        self, matter: Matter, facts: Facts, trigger: UUID, kind: Kind, now: datetime, *,
        inputs: dict[str, Any] | None = None, by_person: str | None = None, decision_id: UUID | None = None,
        hold: bool = True, recipient: Recipient | None = None,
    ) -> Iterator[Effect]:  # fmt: skip
        """A letter is owed for an event: written now, or after its hold, in which later ones of its kind join it."""
        if facts.withdrawn and kind != "withdrawal_confirmation":
            return
        wait = self.policy.hold.get(kind, 0.0) if hold else 0.0
        if wait and (waiting := next((row for row in unclaimed(matter, "owed") if row.kind == kind), None)):
            join(waiting, inputs or {})
            return
        row = debt(
            matter, facts, trigger, kind, now, inputs=inputs, by_person=by_person, decision_id=decision_id,
            recipient=recipient or facts.recipient,
        )  # fmt: skip
        matter.letters.append(row)
        if wait:
            yield Arm(hold_timer(row.id), at=now + timedelta(seconds=wait))
        else:
            yield from self.write(matter, row, facts, now)

    def write(self, matter: Matter, row: LetterRow, facts: Facts, now: datetime) -> Iterator[Effect]:
        """Write an owed letter: then it is ready to be sent, or it says why not."""
        row.changed = True
        row.inputs = {**row.inputs, "still_promised": still_promised(matter, row, now)}
        case, facts = facts, facts.seen_by(row)
        found = reach.way(facts, self.channels)
        row.to_name, row.thread = facts.person.name, facts.thread[-10:]
        row.channel, row.address = (found.channel, found.address) if found else ("email", None)
        if not found:
            yield from self._unreachable(row, facts, now)
            return
        if facts.wish and facts.wish.large_print:
            row.inputs = {**row.inputs, "large_print": True}
        approved = row.inputs.get("approved_by")
        try:
            if facts.level == "T0" and row.automatic and not approved:
                raise LetterBlocked(HELD_T0)
            if facts.quiet and row.kind == "acknowledgement" and not approved:
                raise LetterBlocked(HELD_QUIET)
            self.writer.write(row, facts, now)
            if row.kind in APPROVED_ONLY and not approved:
                raise LetterBlocked(APPROVED_ONLY[row.kind])
            if (over := approvals.above(row, self.policy)) and not approved:
                yield Arm(approvals.timer(row.id), at=approvals.asked(row, over, self.policy, now))
                raise LetterBlocked(approvals.reason(over))
            if row.channel in ("sms", "chat"):
                row.inputs = {**row.inputs, "short": self.writer.short(row, facts, now)}
        except LetterBlocked as blocked:
            if not (approved and row.text and not NEVER_OVERRIDDEN & set(blocked.findings)):
                yield from block(row, blocked)
                return
        case.said = remembered(facts, row, now.date())
        self.release(row, facts, now)

    def _unreachable(self, row: LetterRow, facts: Facts, now: datetime) -> Iterator[Effect]:
        """No way, or somebody who asked to be called: the words are there, and it is a person's task to say them."""
        reason = "no_address"
        if facts.wish and facts.wish.channel == "call":
            reason = "to_be_read_to_them"
            try:
                self.writer.write(row, facts, now)
            except LetterBlocked as blocked:
                yield from block(row, blocked)
                return
        if row.state != "no_address":
            row.state, row.reason = move(row.state, "no_address"), reason
            yield Emit(LetterFailed(**_names(row), reason=reason))

    def release(self, row: LetterRow, facts: Facts, now: datetime) -> None:
        """The letter may be claimed by a sender, at once or when the quiet hours end."""
        zone = self.writer.zone(facts.language)
        row.state, row.changed, row.reason = move(row.state, "ready"), True, None
        row.next_try_at = reach.not_before(now, row.channel, row.kind, zone, self.policy)
        row.deadline_at, row.attempts = row.next_try_at + timedelta(seconds=self.policy.deadline), 0

    def another(self, matter: Matter, id_: UUID, now: datetime) -> Iterator[Effect]:
        """A letter failed for good: it goes another way if there is one; the task that LetterFailed makes stands."""
        for row in matter.letters:
            facts = matter.facts
            if row.id != id_ or row.state != "failed" or facts is None or row.channel != "email":
                continue
            if facts.withdrawn and row.kind != "withdrawal_confirmation":
                continue
            seen = facts.seen_by(row)
            if seen.person.email == row.address:
                seen.person.email_dead = True
            found = reach.way(seen, self.channels)
            if found and (found.channel, found.address) != (row.channel, row.address):
                yield from self.write(matter, row, facts, now)

    # What people decide about a letter

    def approve(
        self, matter: Matter, id_: UUID, who: str, *, lead: bool, now: datetime, reason: str | None = None
    ) -> Iterator[Effect]:
        """Let a held letter go. Nobody approves their own; what concerns money or a rule takes a lead's role."""
        facts, row = self._decidable(matter, id_, who, lead=lead)
        if row.findings and not reason:
            raise Problem(
                422, "Unprocessable", "Say why this letter may go out although a rule stopped it.",
                errors=[{"pointer": "/reason", "detail": "is missing"}],
            )  # fmt: skip
        yield from self._let_go(matter, row, facts, who, reason, now)

    def amend(
        self, matter: Matter, id_: UUID, who: str, changes: Sequence[Amendment], *, lead: bool, reason: str,
        now: datetime,
    ) -> Iterator[Effect]:  # fmt: skip
        """Change the remedies of a letter that waits for approval, and let it go as changed."""
        facts, row = self._decidable(matter, id_, who, lead=lead)
        if not row.inputs.get("decision"):
            raise Conflict("Only a letter that tells a decision has remedies.")
        approvals.amend(row, changes, who, reason, now)
        yield from self._let_go(matter, row, facts, who, reason, now)

    def _decidable(self, matter: Matter, id_: UUID, who: str, *, lead: bool) -> tuple[Facts, LetterRow]:
        facts, row = _held(matter, id_)
        if row.by_person == who:
            raise Problem(403, "Forbidden", "Nobody approves a letter of their own.")
        if not lead and row.reason not in (HELD_T0, HELD_QUIET):
            raise Problem(403, "Forbidden", "This letter needs the approval of a lead, a manager or an approver.")
        if never := NEVER_OVERRIDDEN & set(row.findings):
            raise Conflict(f"Rules {', '.join(sorted(never))} cannot be waived; the letter has to be changed.")
        return facts, row

    def _let_go(
        self, matter: Matter, row: LetterRow, facts: Facts, who: str, reason: str | None, now: datetime
    ) -> Iterator[Effect]:
        approvals.decided(row, who, reason, now)
        yield from self.write(matter, row, facts, now)
        if row.state == "blocked":
            raise Conflict(f"The letter still cannot go out: {row.reason}.")
        yield Disarm(approvals.timer(row.id))

    def reject(self, matter: Matter, id_: UUID, who: str, reason: str, *, now: datetime) -> Iterator[Effect]:
        """Stop a held letter for good: a task for whoever has the case. Nobody decides on their own."""
        _, row = _held(matter, id_)
        if row.by_person == who:
            raise Problem(403, "Forbidden", "Nobody decides on a letter of their own; write another one.")
        cancel(row, f"rejected by {who}: {reason}")
        yield Emit(LetterFailed(**_names(row), reason="rejected"))
        yield Disarm(approvals.timer(row.id))

    def remind(self, matter: Matter, id_: UUID) -> Iterator[Effect]:
        """Nobody has decided in time about a letter that needs approval: it is told once more."""
        for row in unclaimed(matter, "blocked"):
            if row.id == id_ and row.inputs.get("approval"):
                yield Emit(LetterBlockedEvent(**_names(row), reason=approvals.OVERDUE))

    def resend(self, matter: Matter, id_: UUID, who: str, *, now: datetime) -> Iterator[Effect]:
        """Send again what may or may not have arrived, or what failed: a person's decision, the same Message-ID."""
        facts, row = _row(matter, id_, "unknown", "failed", "no_address")
        row.inputs = {**row.inputs, "resent_by": who}
        if row.text and row.address:
            self.release(row, facts, now)
            return
        yield from self.write(matter, row, facts, now)
        if row.state == "no_address":
            raise Conflict("There is no e-mail address on record.")


def debt(
    matter: Matter, facts: Facts, trigger: UUID, kind: Kind, now: datetime, *, inputs: dict[str, Any] | None = None,
    by_person: str | None = None, decision_id: UUID | None = None, recipient: Recipient = "complainant",
) -> LetterRow:  # fmt: skip
    """The ledger's row of a letter that is owed."""
    facts.owed = True
    return LetterRow(
        id=letter_id(trigger, kind, recipient),
        recipient=recipient,
        complaint_id=matter.complaint_id,
        trigger=trigger,
        kind=kind,
        state="owed",
        language=facts.language,
        automatic=by_person is None,
        by_person=by_person,
        decision_id=decision_id,
        inputs=inputs or {},
        created_at=now,
    )


def cancel(row: LetterRow, reason: str) -> None:
    """The letter is not sent any more."""
    row.state, row.reason, row.changed = move(row.state, "cancelled"), reason, True


def another_way(id_: UUID) -> str:
    """The name of the timer that looks for another way after a letter failed."""
    return f"another/{id_}"


def still_promised(matter: Matter, row: LetterRow, now: datetime) -> list[str]:
    """What earlier letters promised and is not yet due, in their words; not what this letter promises anew."""
    owed = [p for p in matter.promises if p.kind in ("remedy", "callback") and p.state == "open" and p.due_at > now]
    return [p.what for p in owed if p.what and p.letter_id != row.id]


def join(row: LetterRow, inputs: dict[str, Any]) -> None:
    """A second reason for a letter that still waits: it is told too, where the letter can tell two."""
    more = {name: value for name, value in inputs.items() if name not in row.inputs}
    both = {"what": f"{row.inputs['what']} {inputs['what']}", "joined": True} if _two_things(row, inputs) else {}
    row.inputs, row.changed = {**row.inputs, **more, **both}, True


def _two_things(row: LetterRow, inputs: dict[str, Any]) -> bool:
    return bool(row.inputs.get("what")) and inputs.get("what") not in (None, row.inputs.get("what"))


def hold_timer(id_: UUID) -> str:
    """The name of the timer that ends a letter's hold."""
    return f"letter/{id_}"


def block(row: LetterRow, blocked: LetterBlocked) -> Iterator[Effect]:
    row.changed, row.findings, row.reason = True, list(blocked.findings), blocked.reason
    if row.state != "blocked":
        row.state = move(row.state, "blocked")
        yield Emit(LetterBlockedEvent(**_names(row), findings=blocked.findings, reason=blocked.reason))


def _names(row: LetterRow) -> dict[str, Any]:
    return {
        "letter_id": row.id, "kind": row.kind, "language": row.language, "channel": row.channel,
        "trigger": row.trigger,
    }  # fmt: skip


def unclaimed(matter: Matter, *states: str) -> list[LetterRow]:
    return [row for row in matter.letters if row.state in (states or UNCLAIMED)]


def _row(matter: Matter, id_: UUID, *states: str) -> tuple[Facts, LetterRow]:
    row = next((row for row in matter.letters if row.id == id_), None)
    if row is None or matter.facts is None:
        raise NotFound("letter")
    if row.state not in states:
        raise Conflict(f"The letter is {row.state}.", allowed=list(states))
    return matter.facts, row


def _held(matter: Matter, id_: UUID) -> tuple[Facts, LetterRow]:
    return _row(matter, id_, "blocked")
