"""New entries are kept, in the caller's transaction: customer found or made, row written, event emitted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from shared.languages import Languages
from shared.spine.effects import Emit
from shared.spine.unit import Unit

from . import accounting, identity
from .entry import Entry, Snapshot, event_of
from .identity import Contact
from .links import Links
from .metrics import ACCEPTED
from .retention import Retention
from .store import entries as store
from .store.entries import Newcomers

KEPT_IN_DIRECTORY = ("name", "family_name", "given_name", "salutation", "email", "phone")


@dataclass(frozen=True, slots=True)
class Admission:
    """What does not change from entry to entry."""

    deployment: str
    links: Links
    default_tier: str
    retention: Retention
    languages: Languages

    async def admit(self, unit: Unit, entries: Sequence[Entry]) -> dict[UUID, str]:
        """Write entries (one per id) and say so. Those that were new: id → link to its page.

        `unit` needs no lock on them, nor `now`.

        An id that is kept already is passed over: nothing is changed and nothing is said. It is the complaint's row
        that decides, so a new complaint's stream begins with it.
        """
        entries = sorted(entries, key=lambda e: e.id.int)
        customers, newcomers = await self._customers(unit, entries)
        fresh = await store.add(unit.tx, entries, customers, newcomers, unit.now, self.retention.of("complaint"))
        links: dict[UUID, str] = {}
        files = []
        posts: Counter[tuple[str, str]] = Counter()
        kept: Counter[tuple[str, str, str]] = Counter()
        for entry in entries:
            if entry.id not in fresh:
                continue
            if entry.id not in unit.streams:
                unit.begin(entry.id)
            links[entry.id] = url = self.links.url(entry.reference, unit.now)
            unit.add(entry.id, entry.id, [Emit(event_of(entry, customers[entry.id], unit.now, url))])
            files += [(entry.id, None, file) for file in entry.attachments]
            if entry.came_by == "post":
                posts[entry.source, entry.kind] += 1
            if entry.probe is None:
                kept[entry.channel, customers[entry.id].tier, entry.kind] += 1
        for (source, kind), n in posts.items():
            unit.count(*accounting.posts(source, kind, n))
        for labels, n in kept.items():
            ACCEPTED.labels(*labels).inc(n)
        if files:
            await store.add_files(unit.tx, files, unit.now + self.retention.of("attachment"))
        return links

    async def _customers(self, unit: Unit, entries: Sequence[Entry]) -> tuple[dict[UUID, Snapshot], Newcomers]:
        """The customer of each entry, and those of them who are new."""
        known, unit.now = await store.snapshots(unit.tx, (c for e in entries for c in e.contacts))
        found: dict[UUID, Snapshot] = {}
        customers: dict[UUID, dict[str, Any]] = {}
        contacts: dict[Contact, UUID] = {}
        for entry in entries:
            snapshot = next((known[c] for c in entry.contacts if c in known), None)
            if snapshot is None:
                snapshot = self._new(entry)
                if entry.contacts:  # nobody can be known by nothing: without a contact no customer is made
                    customers[snapshot.customer_id] = self._customer_row(entry, snapshot)
                for contact in entry.contacts:
                    contacts[contact] = snapshot.customer_id
                    known[contact] = snapshot
            words = entry.person
            entry.language = (
                self.languages.known(entry.language)
                or self.languages.known(snapshot.language)
                or self.languages.told(f"{words.subject or ''} {words.text}")
            )
            found[entry.id] = snapshot
        in_order = sorted(contacts.items(), key=lambda item: (item[0].kind, item[0].value))
        return found, Newcomers([customers[id] for id in sorted(customers)], in_order, self.default_tier)

    def _new(self, entry: Entry) -> Snapshot:
        if entry.contacts:
            customer = identity.customer_id(self.deployment, entry.contacts[0])
        else:
            customer = uuid5(entry.id, "customer")
        return Snapshot(customer, self.default_tier)

    def _customer_row(self, entry: Entry, snapshot: Snapshot) -> dict[str, Any]:
        person = {name: value for name in KEPT_IN_DIRECTORY if (value := getattr(entry.person, name, None))}
        return {
            "customer_id": snapshot.customer_id,
            "external_id": entry.contact("external"),
            "language": entry.language,
            "person": person,
        }
