"""What callers may send about a case besides its decision."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.base.fields import Day, Moment, clean
from shared.events.routing import Point

from ..handlers.commands import Contact
from ..handlers.outside import How, Outcome, Referral, Ruling
from .bodies import RemedyIn
from .fields import AnyCause, Body, Command, Id, Long, Short

Address = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$"), AfterValidator(clean)
]


class PointIn(Body):
    """One thing that was agreed: `who` does `what` by that day."""

    what: Short
    by: Day
    who: Literal["we", "I"] = "we"

    def point(self, *, ours: bool) -> Point:
        """As events carry it; what the customer does needs no `who`."""
        return Point(what=self.what, by=str(self.by), who=self.who if ours else None)


class ContactIn(Command):
    """A call or talk with the customer, also one in which nobody was reached.

    `agreed` (what we do) and `asked` (what the customer does) are confirmed in writing. `preliminary`: the solution we
    have in mind was told before it is decided. `customer_confirmed_resolved`: they said that the matter is settled.
    """

    direction: Literal["in", "out"]
    channel: Short = "phone"
    outcome: Literal["reached", "no_answer", "voicemail", "wrong_number"]
    at: Moment | None = Field(None, description="Now, when it is missing")
    summary: Annotated[str, StringConstraints(max_length=20_000), AfterValidator(clean)] = ""
    call_id: Short | None = None
    customer_confirmed_resolved: bool = False
    preliminary: bool = False
    heard: Short | None = Field(None, description="What the customer said, in one clause")
    agreed: list[PointIn] = Field([], max_length=10)
    asked: list[PointIn] = Field([], max_length=10)

    def contact(self, now: Any) -> Contact:
        """What is recorded."""
        return Contact(
            direction=self.direction, channel=self.channel, outcome=self.outcome, at=self.at or now,
            summary=self.summary, call_id=self.call_id, preliminary=self.preliminary, heard=self.heard,
            customer_confirmed_resolved=self.customer_confirmed_resolved,
            agreed=tuple(p.point(ours=True) for p in self.agreed),
            asked=tuple(p.point(ours=False) for p in self.asked),
        )  # fmt: skip


class EnquiryIn(Command):
    to: Short
    question: Long
    due: Moment


class AnswerIn(Command):
    answer: Long


class AskIn(Command):
    """A question to the customer. `about`: `information` waits for the answer; `authority` asks for the word of the
    person they speak for (`on_behalf_of`); `identity` asks who wrote from `address` at `message_at`. Only the first
    one pauses anything."""

    about: Literal["information", "authority", "identity"] = "information"
    text: Long | None = None
    answer_by: Moment
    on_behalf_of: Short | None = None
    address: Address | None = None
    message_at: Moment | None = None

    @model_validator(mode="after")
    def _complete(self) -> "AskIn":
        needed = {"information": ("text",), "authority": ("on_behalf_of",), "identity": ("address", "message_at")}
        if missing := [name for name in needed[self.about] if getattr(self, name) is None]:
            raise ValueError(f"{missing[0]} is missing")
        return self


class CauseIn(Command):
    """What the complaint is about, and why. C7 to C9 only on a desk, with what was `examined`."""

    cause: AnyCause
    reason: Short
    examined: list[Short] = Field([], max_length=20)


class TextIn(Command):
    text: Long


class CorrectionIn(Command):
    """What a sent letter of `letter_on` said wrongly (one whole sentence of it), and what is right."""

    wrong: Short
    right: Short
    letter_on: date
    letter_id: UUID | None = None
    text: Annotated[str, StringConstraints(max_length=20_000), AfterValidator(clean)] = ""


class FileIn(Command):
    """A stored file by reference."""

    name: Short
    media_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]{1,100}/[\w.+-]{1,100}$")]
    size: int = Field(ge=0, le=1 << 40)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class TransferIn(Command):
    """To a handler, or (without `to`) back to a queue: the present one when none is named."""

    to: Id | None = None
    queue: Short | None = None
    reason: Short
    note: Long | None = Field(None, description="What the next one has to know")


class ReasonIn(Command):
    reason: Short = "asked by the handler"


class ConflictIn(Command):
    """Who (oneself when nobody is named) has a conflict of interest in this case, and why."""

    handler: Id | None = None
    reason: Short


class RemedyDoneIn(Command):
    remedy_id: Short
    at: Moment | None = None
    evidence: Short


class ResolveIn(Command):
    """Nothing, when everything that the decision promised is done. `settled_how`: settled without a written decision,
    as the customer said at `accepted_at`."""

    settled_how: Long | None = None
    accepted_at: Moment | None = None


class ReferIn(Command):
    """Who decides from here on. `how`: `referred` to a body that decides between us and the customer, `forwarded` to
    the firm whose matter it is, `out_of_scope`: others decide, and the customer turns to them by `answer_by`."""

    body: Short
    how: How = "referred"
    contact: Short | None = None
    reference: Short | None = None
    reason: Short | None = None
    examined: list[Short] = Field([], max_length=20)
    answer_by: Day | None = None
    file_by: Day | None = None

    def referral(self) -> Referral:
        """To whom it goes."""
        return Referral(
            body=self.body, how=self.how, contact=self.contact, reference=self.reference, reason=self.reason,
            examined=tuple(self.examined), answer_by=_iso(self.answer_by), file_by=_iso(self.file_by),
        )  # fmt: skip


class OutsideIn(Command):
    """What an outside body decided; `remedies` are what a binding decision makes us do."""

    body: Short
    outcome: Outcome
    decided_on: date
    binding: bool
    reference: Short | None = None
    remedies: list[RemedyIn] = Field([], max_length=20)

    def ruling(self) -> Ruling:
        """As it is recorded; remedies without an id are numbered o1, o2, …"""
        remedies = [r.remedy(n) for n, r in enumerate(self.remedies, 1)]
        numbered = [
            made if given.id else made.model_copy(update={"id": f"o{made.id[1:]}"})
            for given, made in zip(self.remedies, remedies, strict=True)
        ]
        return Ruling(
            body=self.body, outcome=self.outcome, decided_on=self.decided_on, binding=self.binding,
            reference=self.reference, remedies=numbered,
        )  # fmt: skip


def _iso(day: Any) -> str | None:
    return None if day is None else str(day)
