"""What the first event tells of a complaint and its people, as letters need it."""

from collections.abc import Sequence
from typing import Any

from shared.events import intake as i
from shared.events.common import ClockView
from shared.events.envelope import Event

from .context import ANSWER_CLOCKS
from .model import Contact, Facts, Speaker


def law(clocks: Sequence[ClockView]) -> str | None:
    """The policy pack whose law holds for this complaint: that of the legal limit for our answer."""
    legal = sorted((c for c in clocks if c.legal), key=lambda c: (c.kind not in ANSWER_CLOCKS, c.due_at))
    return legal[0].pack if legal else None


def contact(person: i.Person) -> Contact:
    """A person as letters know them."""
    return Contact(
        name=person.name,
        family_name=person.family_name,
        given_name=person.given_name,
        salutation=person.salutation,
        email=person.email,
        phone=person.phone,
        subject=person.subject,
    )


def facts_of(event: Event[Any], kind: Any) -> Facts:
    """What the first event of a complaint or message tells."""
    data: i.ComplaintReceived | i.MessageReceived = event.data
    person = data.personal.get(data.customer.customer_id)
    thread = [*data.thread.references, data.thread.message_id] if data.thread else []
    facts = Facts(
        reference=data.reference,
        kind=kind,
        channel=data.channel,
        language=data.customer.language,
        received_at=data.received_at,
        trigger=event.id,
        customer_id=data.customer.customer_id,
        person=contact(person) if person else Contact(),
        thread=thread,
        probe=data.probe,
    )
    if isinstance(data, i.ComplaintReceived):
        facts.wanted, facts.order_ref, facts.product = data.wanted, data.order_ref, data.product
        facts.last_matter = data.customer.last_matter
        facts.tracking_url, facts.speaker = data.tracking_url, _speaker(data)
    return facts


def _speaker(data: i.ComplaintReceived) -> Speaker | None:
    given = data.representation
    person = data.personal.get(given.subject_id) if given else None
    return Speaker(contact=contact(person), authority=given.authority) if given and person else None
