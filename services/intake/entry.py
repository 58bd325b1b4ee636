"""Anything that becomes a complaint (or a question, praise, suggestion), whatever channel it came by. Pure.

Each channel turns what it got into an `Entry`; admission.py writes entries and emits what follows.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from shared.events.common import Attachment, Language
from shared.events.envelope import Payload
from shared.events.intake import ComplaintReceived, Customer, MailThread, MessageReceived, Person, Representation

from . import identity
from .requests import ComplaintIn, CustomerIn, Kind

# A body of an event may have 256 kB, of which everything but the text needs at most some 90.
TEXT_CHARS, TEXT_BYTES = 64_000, 160_000
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(slots=True)
class Stored:
    """A file that came with a message. Its bytes are kept once, under their SHA-256.

    `came_as` is the SHA-256 of the bytes as they were sent, where they are not the ones that are kept.
    """

    id: UUID
    name: str
    media_type: str
    content: bytes
    sha256: bytes
    came_as: bytes = b""

    def reference(self) -> Attachment:
        """How events speak of it."""
        return Attachment(id=self.id, media_type=self.media_type, size=len(self.content), sha256=self.sha256.hex())


@dataclass(slots=True)
class Entry:
    """One message on its way in. `body` is what was sent, as JSON, kept as it came."""

    id: UUID
    reference: str
    source: str
    came_by: Literal["post", "call", "mail"]
    kind: Kind
    channel: str
    person: Person
    contacts: tuple[identity.Contact, ...]
    body: str
    body_hash: bytes
    size: int
    received_at: datetime | None = None
    language: Language | None = None
    tier: str | None = None
    wanted: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    representation: Representation | None = None
    represents: Person | None = None
    represented_by: str | None = None  # the contact of who speaks for the customer, in its one written form
    attachments: tuple[Stored, ...] = ()
    thread: MailThread | None = None
    probe: str | None = None
    quiet: bool = False

    def contact(self, kind: str) -> str | None:
        """The normalised contact of this kind, if one was given."""
        for contact in self.contacts:
            if contact.kind == kind:
                return contact.value
        return None

    @property
    def reachable(self) -> bool:
        """Whether there is a contact by which somebody can show that the complaint is theirs."""
        return bool(self.contact("email") or self.contact("phone") or self.represented_by)


@dataclass(slots=True)
class Snapshot:
    """The customer at this moment, as the directory and the earlier complaints tell."""

    customer_id: UUID
    tier: str
    language: Language | None = None
    relation: str | None = None
    complaints_12m: int = 0
    last_handler: str | None = None
    last_matter: str | None = None
    person: dict[str, str] = field(default_factory=dict)
    recent_matters: tuple[str, ...] = ()


def clip(text: str) -> tuple[str, bool]:
    """As much of the text as one event carries, and whether something was left out."""
    clipped = text[:TEXT_CHARS]
    if len(clipped) * 6 <= TEXT_BYTES:  # no character takes more than six bytes in JSON
        return clipped, len(clipped) < len(text)
    while len(json.dumps(clipped, ensure_ascii=False).encode("utf-8", "replace")) > TEXT_BYTES:
        clipped = clipped[: len(clipped) * 3 // 4]
    return clipped, len(clipped) < len(text)


def person_of(customer: CustomerIn, region: str, **words: Any) -> Person:
    """The customer's own fields of an event; a phone that can be read is written in E.164."""
    return Person(
        name=customer.name or _joined(customer),
        family_name=customer.family_name,
        given_name=customer.given_name,
        salutation=customer.salutation,
        email=customer.email.strip() if customer.email else None,
        phone=identity.phone(customer.phone, region) or customer.phone,
        **words,
    )


def _joined(customer: CustomerIn) -> str | None:
    family, given = customer.family_name, customer.given_name
    if not family or not given:
        return given or family
    return family + given if _HAN.search(family) else f"{given} {family}"


def from_post(
    post: ComplaintIn,
    raw: bytes,
    files: tuple[Stored, ...],
    *,
    id: UUID,
    reference: str,
    source: str,
    scopes: frozenset[str],
    region: str,
) -> Entry:
    """The entry of a `POST /v1/complaints`. `tier` and `probe` count only with the scope of that name."""
    customer = post.customer
    person = person_of(
        customer,
        region,
        subject=post.subject,
        text=post.text,
        expected=post.expected,
        wanted=post.wanted.text if post.wanted else None,
        issues=post.issues,
        file_names={file.id: file.name for file in files},
    )
    entry = Entry(
        id=id,
        reference=reference,
        source=source,
        came_by="post",
        kind=post.kind,
        channel=post.channel,
        person=person,
        contacts=identity.contacts(region, customer.external_id, customer.email, customer.phone),
        body=kept_body(raw, files),
        body_hash=hashlib.sha256(raw).digest(),
        size=len(raw),
        received_at=post.received_at,
        language=customer.language,
        tier=customer.tier if "tier" in scopes else None,
        wanted=post.wanted.kind if post.wanted else None,
        facts={
            "order_ref": post.order_ref,
            "product": post.product,
            "site": post.site,
            "value_at_stake": post.value_at_stake,
            "occurred_at": post.occurred_at,
        },
        attachments=files,
        probe=post.probe if "probe" in scopes else None,
    )
    if post.complainant:
        other = post.complainant
        entry.representation = Representation(
            subject_id=uuid5(id, "complainant"), relation=other.relation, authority=other.authority
        )
        email, phone = identity.email(other.contact), identity.phone(other.contact, region)
        entry.represents = Person(name=other.name, email=email, phone=phone or (None if email else other.contact))
        entry.represented_by = email or phone
    return entry


def kept_body(raw: bytes, files: tuple[Stored, ...]) -> str:
    """The body as it is kept: as it was sent, the files' bytes replaced by the SHA-256 of what was sent."""
    if not files:
        return raw.decode()
    document = json.loads(raw)
    for given, file in zip(document["attachments"], files, strict=True):
        given["content"] = (file.came_as or file.sha256).hex()
    return json.dumps(document, ensure_ascii=False)


def same_body(kept: str, sent: str) -> bool:
    """Whether two bodies say the same, however their JSON is written."""
    return kept == sent or bool(json.loads(kept) == json.loads(sent))


def own_words(body: str) -> dict[str, str]:
    """What the customer said at first, from the body that is kept: subject, text, expected, wanted."""
    document = json.loads(body)
    wanted = document.get("wanted") or {}
    said = document.get("text") or "\n\n".join(document[n] for n in ("notes", "transcript") if document.get(n))
    words = {"subject": document.get("subject"), "text": said, "expected": document.get("expected")}
    return {name: value for name, value in {**words, "wanted": wanted.get("text")}.items() if value}


def _told(person: Person, known: dict[str, str]) -> tuple[Person, bool]:
    """The customer's fields in an event: what they said, completed by what was known; whether their text is clipped."""
    text, clipped = clip(person.text or "")
    if not known and text == person.text:
        return person, False
    words = {name: value for name, value in person if value is not None}
    return Person(**{**known, **words, "text": text}), clipped


def event_of(entry: Entry, snapshot: Snapshot, now: datetime, tracking_url: str) -> Payload:
    """The ComplaintReceived or MessageReceived that says that this entry is kept."""
    person, clipped = _told(entry.person, snapshot.person)
    customer = Customer(
        customer_id=snapshot.customer_id,
        tier=entry.tier or snapshot.tier,
        language=entry.language or "en",
        relation=snapshot.relation,
        complaints_12m=snapshot.complaints_12m,
        last_handler=snapshot.last_handler,
        last_matter=snapshot.last_matter,
        recent_matters=snapshot.recent_matters or None,
    )
    personal = {snapshot.customer_id: person}
    common: dict[str, Any] = {
        "reference": entry.reference,
        "channel": entry.channel,
        "received_at": entry.received_at or now,
        "customer": customer,
        "thread": entry.thread,
        "probe": entry.probe,
        "quiet": entry.quiet or None,
    }
    if entry.kind != "complaint":
        return MessageReceived(kind=entry.kind, personal=personal, **common)
    if entry.representation and entry.represents:
        personal[entry.representation.subject_id] = entry.represents
    return ComplaintReceived(
        source=entry.source,
        personal=personal,
        wanted=entry.wanted,
        representation=entry.representation,
        attachments=tuple(file.reference() for file in entry.attachments),
        text_ref=f"/v1/complaints/{entry.id}/text" if clipped else None,
        tracking_url=tracking_url,
        **entry.facts,
        **common,
    )
