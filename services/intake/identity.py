"""Who is it? Contacts in one written form, and the ids that follow from them. Pure.

Phones become E.164 by the `phonenumbers` library; e-mail addresses are compared without case. Neither is ever
guessed: what cannot be read as a contact stays with the complaint as it was given, and identifies nobody.
"""

import re
import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID, uuid5

import phonenumbers

from shared.events.envelope import named_id

_EMAIL = re.compile(r"[^@\s\x00-\x1f<>(),;:\"\\\[\]]{1,64}@[^@\s\x00-\x1f<>(),;:\"\\\[\]]{1,255}")
_HOST = re.compile(r"(?!-)[^.]{1,63}(?:\.(?!-)[^.]{1,63})+")
MASKED = re.compile(r"[*xX•●]{2,}")


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach somebody: kind `external`, `email` or `phone`, in its one written form."""

    kind: str
    value: str


def email(text: str | None) -> str | None:
    """The address in small letters, its domain in ASCII; None when it is no address."""
    if not text:
        return None
    plain = text.strip().lower()
    if not _EMAIL.fullmatch(plain):
        return None
    local, _, host = plain.rpartition("@")
    if not _HOST.fullmatch(host):
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    return f"{local}@{host}"


@lru_cache(maxsize=8192)
def phone(text: str | None, region: str) -> str | None:
    """The number in E.164; None when it is none, or is masked. `region` (ISO 3166) reads national numbers."""
    if not text or len(text) > 40 or MASKED.search(text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def contacts(region: str, external_id: str | None, email_: str | None, phone_: str | None) -> tuple[Contact, ...]:
    """The contacts that identify a customer, the strongest first."""
    found = (("external", external_id), ("email", email(email_)), ("phone", phone(phone_, region)))
    return tuple(Contact(kind, value) for kind, value in found if value)


def customer_id(deployment: str, contact: Contact) -> UUID:
    """The id of a customer who is first heard of by this contact: two who hear of them at once agree on it."""
    return named_id(namespace(deployment), f"customer\x1f{contact.kind}\x1f{contact.value}")


@lru_cache(maxsize=8)
def namespace(deployment: str) -> UUID:
    """The UUID namespace of an installation."""
    return uuid5(UUID("6f1f3a52-7d0c-5d0e-9c39-3f0a6b1c8e21"), deployment)


def keyed_id(deployment: str, source: str, key: str) -> UUID:
    """The id of what came from `source` under `key`: the same key, the same id, for ever."""
    return named_id(namespace(deployment), f"{source}\x1f{key}")


def uuid7() -> UUID:
    """A random id whose order is the order of time (RFC 9562 section 5.7)."""
    value = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
