"""The company's customer directory: kept as it is told, and a change reaches the customer's open complaints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from shared.base.errors import Problem
from shared.events.common import Language
from shared.events.intake import Customer, CustomerChanged, Person
from shared.languages import DEFAULT, Languages
from shared.spine.effects import Emit
from shared.spine.unit import Work

from . import identity
from .identity import Contact
from .model import Case
from .requests import DirectoryIn
from .store import directory as store

NAMES = ("name", "family_name", "given_name", "salutation")


MOST_LINES = 200  # in one transaction: it holds the locks of all their open complaints


@dataclass(frozen=True, slots=True)
class Line:
    """One customer to be written, with the contacts in their one form, the external id first."""

    external_id: str
    given: DirectoryIn
    contacts: list[Contact]


def apart(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines in batches that their order does not matter in: within one, no contact comes twice. Pure."""
    batch: list[Line] = []
    named: set[Contact] = set()
    for line in lines:
        if len(batch) == MOST_LINES or not named.isdisjoint(line.contacts):
            yield batch
            batch, named = [], set()
        batch.append(line)
        named.update(line.contacts)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Directory:
    """`put` writes one customer, `put_all` many; `find` looks one up by phone or e-mail."""

    work: Work[Case]
    deployment: str
    region: str
    tiers: frozenset[str]
    languages: Languages

    def contacts(self, external_id: str, given: DirectoryIn) -> list[Contact]:
        """The contacts in their one written form. Raises Problem for what is none."""
        if given.tier not in self.tiers:
            raise _wrong("/tier", f"is none of {', '.join(sorted(self.tiers))}")
        found = [Contact("external", external_id)]
        for n, text in enumerate(given.emails):
            found.append(Contact("email", _or_wrong(identity.email(text), f"/emails/{n}", "is no e-mail address")))
        for n, text in enumerate(given.phones):
            number = identity.phone(text, self.region)
            found.append(Contact("phone", _or_wrong(number, f"/phones/{n}", "is no telephone number")))
        return list(dict.fromkeys(found))

    async def put(self, external_id: str, given: DirectoryIn) -> UUID:
        """Write the customer; tell their open complaints when tier or contact changed. Raises Problem 422."""
        line = Line(external_id, given, self.contacts(external_id, given))
        [customer] = await self.put_all([line])
        return customer

    async def put_all(self, lines: Sequence[Line]) -> list[UUID]:
        """The same for many, in their order, as many as can be in one transaction: at most MOST_LINES."""
        written: list[UUID] = []
        for batch in apart(lines):
            left = list(batch)
            customers: dict[int, UUID] = {}
            while left:  # more than one round only when two lines mean one customer
                done = await self._written(left)
                customers |= {id(line): customer for line, customer in done}
                left = [line for line in left if id(line) not in customers]
            written += [customers[id(line)] for line in batch]
        return written

    async def _written(self, lines: Sequence[Line]) -> list[tuple[Line, UUID]]:
        """One transaction, again when somebody else has just written one of these customers."""
        try:
            return await self.work.db.retrying(lambda: self._put(lines))
        except asyncpg.UniqueViolationError:
            return await self.work.db.retrying(lambda: self._put(lines))

    async def _put(self, lines: Sequence[Line]) -> list[tuple[Line, UUID]]:
        """Write those of these lines that are different customers. Which, and who they are."""
        async with self.work.db.read() as tx:
            found = await store.owners(tx, [line.contacts for line in lines])
            one_each: dict[UUID, Line] = {}
            for line, owner in zip(lines, found, strict=True):
                one_each.setdefault(owner or identity.customer_id(self.deployment, line.contacts[0]), line)
            one_each = dict(sorted(one_each.items()))  # rows are locked in this order
            concerned = await store.open_complaints(tx, list(one_each))
        async with self.work.unit([complaint for theirs in concerned.values() for complaint in theirs]) as unit:
            before, had = await store.get(unit.tx, list(one_each)), await store.contacts_of(unit.tx, list(one_each))
            rows = {customer: _row(customer, line.external_id, line.given) for customer, line in one_each.items()}
            await store.put(unit.tx, list(rows.values()), {c: line.contacts for c, line in one_each.items()})
            for customer, row in rows.items():
                was, contacts = before.get(customer), one_each[customer].contacts
                if was and (_seen(was) != _seen(row) or set(had[customer]) != set(contacts)):
                    changed = _changed(row, self.languages.known(row["language"]) or DEFAULT)
                    for complaint in concerned[customer]:
                        unit.add(complaint, identity.uuid7(), [Emit(changed)])
        return [(line, customer) for customer, line in one_each.items()]

    async def find(self, contact: Contact) -> list[dict[str, Any]]:
        """The customers with this contact, as the API shows them."""
        async with self.work.db.read() as tx:
            rows = await store.by_contact(tx, contact)
            contacts = await store.contacts_of(tx, [row["customer_id"] for row in rows])
        return [_shown(row, contacts[row["customer_id"]]) for row in rows]

    async def contact_of(self, customer: UUID) -> dict[str, str]:
        """The strongest contact of a customer as a field of a post, by which they are found again; empty for nobody."""
        async with self.work.db.read() as tx:
            contacts = (await store.contacts_of(tx, [customer]))[customer]
        fields = {"external": "external_id", "email": "email", "phone": "phone"}
        return next(({field: c.value} for kind, field in fields.items() for c in contacts if c.kind == kind), {})


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(
        422, "Unprocessable content", "Some fields are wrong.", errors=[{"pointer": pointer, "detail": detail}]
    )


def _or_wrong(value: str | None, pointer: str, detail: str) -> str:
    if value is None:
        raise _wrong(pointer, detail)
    return value


def _row(customer: UUID, external_id: str, given: DirectoryIn) -> dict[str, Any]:
    person = {name: value for name in NAMES if (value := getattr(given, name))}
    if given.emails:
        person["email"] = given.emails[0]
    if given.phones:
        person["phone"] = given.phones[0]
    return {
        "customer_id": customer,
        "external_id": external_id,
        "tier": given.tier,
        "language": given.language,
        "relation": given.relation,
        "since": given.since,
        "person": person,
        "class": "customer",
        "delete_after": None,
    }


def _seen(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["tier"], row["language"], row["relation"], row["person"]


def _changed(row: dict[str, Any], language: Language) -> CustomerChanged:
    customer = Customer(customer_id=row["customer_id"], tier=row["tier"], language=language, relation=row["relation"])
    return CustomerChanged(customer=customer, personal={row["customer_id"]: Person(**row["person"])})


def _shown(row: dict[str, Any], contacts: list[Contact]) -> dict[str, Any]:
    return {
        "customer_id": row["customer_id"],
        "external_id": row["external_id"],
        **{name: row["person"].get(name) for name in NAMES},
        "tier": row["tier"],
        "language": row["language"],
        "relation": row["relation"],
        "emails": [c.value for c in contacts if c.kind == "email"],
        "phones": [c.value for c in contacts if c.kind == "phone"],
        "since": row["since"],
    }
