"""What the notifier says: letters and the promises in them."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from .common import Language
from .envelope import Frozen, Payload


class _Notifier(Payload):
    emitter: ClassVar[str] = "notifier"


class LetterText(Frozen):
    """What the letter says and to which address it went: the complainant's."""

    address: str | None = None
    subject: str = ""
    text: str = ""


class _Letter(_Notifier):
    letter_id: UUID
    kind: str
    language: Language
    channel: Literal["email", "sms", "post", "chat"]


class LetterSent(_Letter):
    """The receiving server took the letter. `trigger` is the event that the letter is owed for."""

    type: ClassVar[str] = "letter.sent.v1"
    message_id: str
    sent_at: datetime
    trigger: UUID
    by_person: str | None = None
    decision_id: UUID | None = None
    template_version: str
    personal: dict[UUID, LetterText] = {}


class LetterFailed(_Letter):
    """The letter will not arrive: refused for good, or its sending deadline passed."""

    type: ClassVar[str] = "letter.failed.v1"
    trigger: UUID
    reason: str


class LetterBlocked(_Letter):
    """The letter may not go out; `findings` are rule ids of the gate, `reason` says what a person must do."""

    type: ClassVar[str] = "letter.blocked.v1"
    trigger: UUID
    findings: tuple[str, ...] = ()
    reason: str


class LetterUnknown(_Letter):
    """We cannot know whether the server took the letter; it is not sent again by itself."""

    type: ClassVar[str] = "letter.unknown.v1"
    trigger: UUID
    message_id: str


class _Promise(_Notifier):
    promise_id: UUID
    kind: Literal["date", "remedy", "callback", "update"]
    due_at: datetime


class PromiseWords(Frozen):
    what: str


class PromiseMade(_Promise):
    """A date or remedy that a sent letter promises."""

    type: ClassVar[str] = "promise.made.v1"
    letter_id: UUID
    remedy_id: str | None = None
    amount: str | None = None
    currency: str | None = None
    personal: dict[UUID, PromiseWords] = {}


class PromiseKept(_Promise):
    """What was promised happened in time; `evidence` says how we know."""

    type: ClassVar[str] = "promise.kept.v1"
    kept_at: datetime
    evidence: str


class PromiseBroken(_Promise):
    """The promised date passed and it had not happened."""

    type: ClassVar[str] = "promise.broken.v1"
    noticed_at: datetime
