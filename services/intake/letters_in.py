"""A mail as an entry: what a complaint, question, praise or suggestion takes from it. Pure."""

import hashlib
import json
from datetime import datetime
from uuid import UUID, uuid5

from shared.events.intake import MailThread, Person

from . import identity, reference
from .entry import Entry, Stored
from .mail import Mail
from .requests import Kind
from .store.mails import Arrival


def entry(arrival: Arrival, mail: Mail, kind: Kind, id: UUID, received_at: datetime) -> Entry:
    """The entry that a mail begins. Its text is whole: what a first mail quotes or forwards may be the matter."""
    text = mail.text or mail.subject
    address = identity.email(mail.sender)
    kept = files(mail, id)
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
            file_names={file.id: file.name for file in kept},
        ),
        contacts=(identity.Contact("email", address),) if address else (),
        body=json.dumps(_body(arrival, mail, text), ensure_ascii=False),
        body_hash=bytes.fromhex(mail.content_hash),
        size=len(arrival.content),
        received_at=received_at,
        attachments=kept,
        thread=thread(mail),
    )


def _body(arrival: Arrival, mail: Mail, text: str) -> dict[str, str]:
    body = {"raw_id": str(arrival.raw_id), "subject": mail.subject, "text": text}
    return {**body, "wrapper": mail.wrapper} if mail.wrapper else body


def files(mail: Mail, id: UUID) -> tuple[Stored, ...]:
    """What was attached, under ids that follow from the message's."""
    return tuple(
        Stored(uuid5(id, f"file {n}"), file.name, file.media_type, file.content, hashlib.sha256(file.content).digest())
        for n, file in enumerate(mail.files)
    )


def thread(mail: Mail) -> MailThread | None:
    """What ties our letters to the customer's mail; None without a Message-ID."""
    return MailThread(message_id=mail.message_id, references=mail.replies_to) if mail.message_id else None
