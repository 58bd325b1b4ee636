"""What intake says: complaints and everything else a customer tells us."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from .common import Attachment, Channel, Language
from .envelope import Frozen, Payload


class _Intake(Payload):
    emitter: ClassVar[str] = "intake"


class Customer(Frozen):
    """What is known of the customer at receipt; names and contacts stand in the event's `personal`.

    `recent_matters`: the causes of their complaints of the last 30 days.
    """

    customer_id: UUID
    tier: str
    language: Language
    relation: str | None = None
    complaints_12m: int = 0
    last_handler: str | None = None
    last_matter: str | None = None
    recent_matters: tuple[str, ...] | None = None


class Person(Frozen):
    """One person's own data in an event. Every field is optional: what is not known is absent."""

    name: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    salutation: str | None = None
    email: str | None = None
    phone: str | None = None
    subject: str | None = None
    text: str | None = None
    expected: str | None = None
    wanted: str | None = None
    issues: tuple[str, ...] = ()
    file_names: dict[UUID, str] = {}


class Representation(Frozen):
    """Somebody who speaks for the customer; `subject_id` finds their name and contact in `personal`."""

    subject_id: UUID
    relation: str
    authority: Literal["none", "claimed", "verified"]


class MailThread(Frozen):
    """Message ids (with angle brackets) that tie our letters to the customer's mail."""

    message_id: str
    references: tuple[str, ...] = ()


class ComplaintReceived(_Intake):
    """A complaint is kept and counted; every clock starts at `received_at`.

    `quiet`: no automatic answer goes out, because a machine wrote or the sender had one within 24 hours.
    """

    type: ClassVar[str] = "complaint.received.v1"
    reference: str
    channel: Channel
    source: str
    received_at: datetime
    customer: Customer
    personal: dict[UUID, Person]
    wanted: str | None = None
    order_ref: str | None = None
    product: str | None = None
    site: str | None = None
    value_at_stake: str | None = None
    occurred_at: datetime | None = None
    representation: Representation | None = None
    attachments: tuple[Attachment, ...] = ()
    thread: MailThread | None = None
    text_ref: str | None = None
    tracking_url: str | None = None
    probe: Literal["pipeline", "mystery"] | None = None
    quiet: bool | None = None


class _CustomerSays(_Intake):
    """A later word of the customer about a known complaint."""

    customer_id: UUID
    channel: Channel
    received_at: datetime
    personal: dict[UUID, Person] = {}


class _SomebodyWrites(_CustomerSays):
    """A word that may be somebody else's: it came in answer to a letter of ours, whoever wrote it.

    `unknown_sender`: who wrote, when that address is not on record; it stands in `personal` under this id, and the
    words under the customer's as always. `asks`: the words ask for something. `quiet`: a person answers, no machine
    does.
    """

    unknown_sender: UUID | None = None
    asks: bool | None = None
    quiet: bool | None = None


class CustomerReplied(_SomebodyWrites):
    """The customer wrote or said more about a complaint we know."""

    type: ClassVar[str] = "complaint.customer-replied.v1"
    message_id: UUID
    attachments: tuple[Attachment, ...] = ()
    thread: MailThread | None = None
    answers_letter: UUID | None = None


class ComplaintChased(_SomebodyWrites):
    """The customer asks where the answer stays; `count_7d` counts such contacts in seven days, this one included."""

    type: ClassVar[str] = "complaint.chased.v1"
    count_7d: int


class WithdrawalRequested(_CustomerSays):
    """Staff wrote down that the customer withdraws; nothing ends before the customer says so behind `confirm_url`.

    `by` is who wrote it down. On that page the customer can also say that it is not so.
    """

    type: ClassVar[str] = "complaint.withdrawal-requested.v1"
    confirm_url: str
    by: str


class ComplaintWithdrawn(_CustomerSays):
    """The customer takes the complaint back; letters that have not gone out do not go out."""

    type: ClassVar[str] = "complaint.withdrawn.v1"
    by: Literal["customer", "staff_confirmed"]


class ReopenRequested(_SomebodyWrites):
    """The customer says that the matter is not solved after all."""

    type: ClassVar[str] = "complaint.reopen-requested.v1"


class OutcomeAccepted(_CustomerSays):
    """The customer agrees with what was decided."""

    type: ClassVar[str] = "complaint.outcome-accepted.v1"


class OutcomeDisputed(_CustomerSays):
    """The customer does not agree with what was decided: another person looks at it."""

    type: ClassVar[str] = "complaint.outcome-disputed.v1"


class ManagerRequested(_CustomerSays):
    """The customer wants to speak with a manager."""

    type: ClassVar[str] = "complaint.manager-requested.v1"


class CallbackRequested(_CustomerSays):
    """The customer wants a call; `promised_at` is the time an agent promised, if one did."""

    type: ClassVar[str] = "complaint.callback-requested.v1"
    request_id: UUID
    promised_at: datetime | None = None


class _Linking(_Intake):
    other_complaint_id: UUID
    evidence: tuple[str, ...]
    by: str


class ComplaintsLinked(_Linking):
    """Two complaints are about the same matter, confirmed by a person; sent once per complaint."""

    type: ClassVar[str] = "complaint.linked.v1"


class ComplaintsUnlinked(_Linking):
    """Two complaints were linked by mistake; sent once per complaint."""

    type: ClassVar[str] = "complaint.unlinked.v1"


class CustomerChanged(_Intake):
    """Tier or contact of the customer of an open complaint changed; sent once per open complaint."""

    type: ClassVar[str] = "complaint.customer-changed.v1"
    customer: Customer
    personal: dict[UUID, Person] = {}


class BounceReceived(_Intake):
    """A letter of ours came back; `letter_message_id` is its Message-ID, `status` the RFC 3463 code."""

    type: ClassVar[str] = "complaint.bounce-received.v1"
    customer_id: UUID
    letter_message_id: str
    status: str
    permanent: bool
    personal: dict[UUID, Person] = {}


class MessageReceived(_Intake):
    """A message that is no complaint: it gets a reply and an owner. Its own id is the event's subject.

    `quiet`: the reply is a person's, because a machine wrote or the sender had an automatic one within 24 hours.
    """

    type: ClassVar[str] = "message.received.v1"
    kind: Literal["question", "praise", "suggestion"]
    reference: str
    channel: Channel
    received_at: datetime
    customer: Customer
    personal: dict[UUID, Person]
    thread: MailThread | None = None
    probe: Literal["pipeline", "mystery"] | None = None
    quiet: bool | None = None
